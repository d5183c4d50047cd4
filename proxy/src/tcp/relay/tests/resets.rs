//! Is a reset of one side a reset for the other, at whatever moment it comes? With real sockets.

use super::*;
use proptest::prelude::*;

/// Sends chunk by chunk, then resets.
async fn send_and_reset(mut from: TcpStream, bytes: &[u8], chunks: &[usize]) {
    let mut rest = bytes;
    for &chunk in chunks {
        let (now, later) = rest.split_at(chunk.min(rest.len()));
        rest = later;
        // Fails if the other side has ended already, which is not the matter here.
        if from.write_all(now).await.is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    from.set_zero_linger().unwrap();
}

/// Receives `reads` bytes at a time; returns what came, and how it ended.
async fn receive(mut to: TcpStream, reads: &[usize]) -> (Vec<u8>, io::Result<()>) {
    let mut received = Vec::new();
    for &most in reads.iter().cycle() {
        let before = received.len();
        received.resize(before + most, 0);
        let result = to.read(&mut received[before..]).await;
        received.truncate(before + result.as_ref().copied().unwrap_or(0));
        match result {
            Ok(0) => return (received, Ok(())),
            Ok(_) => {}
            Err(error) => return (received, Err(error)),
        }
    }
    unreachable!("at least one size");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn after_a_reset_the_other_side_has_a_beginning_of_what_was_sent_and_is_reset_as_well(
        chunks in prop::collection::vec(prop_oneof![1usize..100, 1usize..100_000], 0..30),
        reads in prop::collection::vec(prop_oneof![1usize..2_000, 1usize..100_000], 1..10),
        by_client in any::<bool>(),
    ) {
        let sent: Vec<u8> = (0..chunks.iter().sum()).map(|at: usize| (at % 251) as u8).collect();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let (received, end) = runtime.block_on(async {
            let Pair { mut relay, client, endpoint, cx } = pair(IDLE).await;
            let (from, to) = if by_client { (client, endpoint) } else { (endpoint, client) };
            let relaying = async {
                let reason = relay.run(&cx).await;
                let expected = if by_client { Closed::ClientReset } else { Closed::EndpointReset };
                assert_eq!(reason, expected);
                // Without a byte relayed the client would get another endpoint.
                if let Some(connect_state) = relay.close(&cx, reason) {
                    connect_state.refuse(&cx, reason);
                }
            };
            tokio::join!(receive(to, &reads), relaying, send_and_reset(from, &sent, &chunks)).0
        });
        prop_assert_eq!(end.map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
        prop_assert!(sent.starts_with(&received), "{} bytes differ from those sent", received.len());
    }
}
