//! Does a relay end when its Service says so, whatever its two sides do? In simulated time.

use super::*;
use weir_core::EndpointRemoved;

const AGE: Duration = Duration::from_secs(100);

/// Says something in both directions every few seconds, beside a relay; returns why and when that ended.
async fn end_of_conversation(pair: Pair) -> (Closed, Duration) {
    let Pair { mut relay, mut client, mut endpoint, cx } = pair;
    let start = Instant::now();
    let talk = async {
        loop {
            tokio::time::sleep(Duration::from_secs(3)).await;
            client.write_all(b"x").await.unwrap();
            endpoint.read_u8().await.unwrap();
            endpoint.write_all(b"y").await.unwrap();
            client.read_u8().await.unwrap();
        }
    };
    tokio::select! {
        reason = run(&mut relay, &cx) => (reason, start.elapsed()),
        () = talk => unreachable!(),
    }
}

fn removing(rule: EndpointRemoved) -> Settings {
    Settings { on_endpoint_removed: rule, ..Settings::default() }
}

#[tokio::test(start_paused = true)]
async fn a_connection_in_use_ends_at_its_greatest_age_or_up_to_a_tenth_earlier() {
    for _ in 0..10 {
        let pair = pair_with(Settings { max_connection_age: Some(AGE), ..Settings::default() }).await;
        let (reason, lived) = end_of_conversation(pair).await;
        assert_eq!(reason, Closed::MaxAge);
        assert!((AGE.mul_f64(0.9)..=AGE + 2 * TICK).contains(&lived), "{lived:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_ends_at_its_idle_time_out_before_its_greatest_age() {
    let settings = Settings {
        idle_timeout: AGE / 2,
        max_connection_age: Some(AGE),
        on_endpoint_removed: EndpointRemoved::Keep,
        ..Settings::default()
    };
    let mut pair = pair_with(settings).await;
    let start = Instant::now();
    assert_eq!(run(&mut pair.relay, &pair.cx).await, Closed::IdleTimeout);
    assert_passed(start, AGE / 2);
}

#[tokio::test(start_paused = true)]
async fn a_drained_connection_in_use_ends_within_the_time_of_the_drain() {
    // The endpoint of a pair is in no slice.
    for _ in 0..10 {
        let (reason, lived) =
            end_of_conversation(pair_with(removing(EndpointRemoved::Drain(AGE))).await).await;
        assert_eq!(reason, Closed::EndpointRemoved);
        assert!(lived <= AGE + 2 * TICK, "{lived:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn connections_that_are_drained_together_end_at_different_times() {
    let mut ends = Vec::new();
    for _ in 0..20 {
        ends.push(
            end_of_conversation(pair_with(removing(EndpointRemoved::Drain(AGE))).await).await.1.as_secs(),
        );
    }
    ends.sort_unstable();
    ends.dedup();
    assert!(ends.len() > 5, "{ends:?}");
}

#[tokio::test(start_paused = true)]
async fn a_drain_does_not_put_off_the_greatest_age() {
    let drain = EndpointRemoved::Drain(1000 * AGE);
    let pair = pair_with(Settings { max_connection_age: Some(AGE), ..removing(drain) }).await;
    let (_, lived) = end_of_conversation(pair).await;
    assert!(lived <= AGE + 2 * TICK, "{lived:?}");
}

#[tokio::test]
async fn a_connection_whose_endpoint_was_removed_while_it_was_dialled_is_reset_at_once() {
    let Pair { mut relay, mut client, mut endpoint, cx } = pair_with(removing(EndpointRemoved::Reset)).await;
    let reason = relay.run(&cx).await;
    assert_eq!(reason, Closed::EndpointRemoved);
    relay.close(&cx, reason);
    assert_eq!(client.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(endpoint.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_endpoint_is_removed_goes_on_if_the_service_keeps_it() {
    let mut pair = pair_with(removing(EndpointRemoved::Keep)).await;
    assert!(tokio::time::timeout(100 * AGE, run(&mut pair.relay, &pair.cx)).await.is_err());
}
