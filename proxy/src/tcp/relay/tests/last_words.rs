//! Does what one side said before it failed reach the other one, and then the end that it would have got directly? With
//! real sockets.

use super::*;
use socket2::SockRef;

/// What ends the connection of a side that has not read all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Reset,
    EndAndReset,
}

/// Says something and ends, with everything unread. The relay does not know when this returns: it has not been polled.
fn say_and_end(side: TcpStream, words: &[u8], end: End) {
    // What Nagle's algorithm holds back would be lost in the kernel of the side itself.
    side.set_nodelay(true).unwrap();
    assert_eq!(side.try_write(words).unwrap(), words.len());
    if end == End::EndAndReset {
        SockRef::from(&side).shutdown(std::net::Shutdown::Write).unwrap();
    }
    side.set_zero_linger().unwrap();
}

/// Bytes that a side receives, and how they end.
async fn received(mut side: TcpStream) -> (Vec<u8>, Option<ErrorKind>) {
    let mut bytes = Vec::new();
    let end = side.read_to_end(&mut bytes).await;
    (bytes, end.err().map(|error| error.kind()))
}

/// Runs a relay to the end and closes it, beside its clock.
pub(super) async fn run_and_close(mut relay: Relay, cx: &ConnectionContext) -> Closed {
    let reason = run(&mut relay, cx).await;
    assert!(relay.close(cx, reason).is_none(), "no other endpoint is tried");
    reason
}

/// Makes the next write to a side fail, as it fails when the side ends between two looks of the relay: the side that is
/// left has something to say, and the relay knows of nothing else.
async fn something_to_relay(from: &mut TcpStream, relayed: &Stream) {
    from.write_all(&[7; 1000]).await.unwrap();
    relayed.readable().await.unwrap();
}

#[tokio::test]
async fn what_an_endpoint_said_before_it_closed_with_the_request_unread_arrives_and_then_its_end() {
    for (end, expected) in [(End::Reset, Some(ErrorKind::ConnectionReset)), (End::EndAndReset, None)] {
        let Pair { relay, mut client, endpoint, cx } = pair(IDLE).await;
        something_to_relay(&mut client, &relay.client).await;
        say_and_end(endpoint, b"413 Content Too Large", end);
        let (reason, words) = tokio::join!(run_and_close(relay, &cx), received(client));
        assert_eq!(words, (b"413 Content Too Large".to_vec(), expected), "{end:?}");
        assert_eq!((reason, cx.connection.to_client.get()), (Closed::EndpointReset, 21));
    }
}

#[tokio::test]
async fn what_a_client_said_before_it_closed_with_the_answer_unread_arrives_and_then_its_end() {
    for (end, expected) in [(End::Reset, Some(ErrorKind::ConnectionReset)), (End::EndAndReset, None)] {
        let Pair { relay, client, mut endpoint, cx } = pair(IDLE).await;
        something_to_relay(&mut endpoint, &relay.upstream).await;
        say_and_end(client, b"one more request", end);
        let (reason, words) = tokio::join!(run_and_close(relay, &cx), received(endpoint));
        assert_eq!(words, (b"one more request".to_vec(), expected), "{end:?}");
        assert_eq!((reason, cx.connection.to_endpoint.get()), (Closed::ClientReset, 16));
    }
}

/// Relays so much in both directions that both are spliced.
pub(super) async fn become_spliced(pair: &mut Pair) {
    let message = vec![7; 1 << 20];
    exchange(pair, &message, &mut vec![0; message.len()], 3).await;
    assert!(pair.relay.to_client.is_spliced() && pair.relay.to_endpoint.is_spliced());
}

#[tokio::test]
async fn last_words_arrive_as_well_where_bytes_are_spliced() {
    for by_client in [true, false] {
        let mut spliced = pair(IDLE).await;
        become_spliced(&mut spliced).await;
        let Pair { relay, client, endpoint, cx } = spliced;
        let (failing, mut left) = if by_client { (client, endpoint) } else { (endpoint, client) };
        something_to_relay(&mut left, if by_client { &relay.upstream } else { &relay.client }).await;
        say_and_end(failing, &[8; 40_000], End::Reset);
        let (_, words) = tokio::join!(run_and_close(relay, &cx), received(left));
        assert!(words == (vec![8; 40_000], Some(ErrorKind::ConnectionReset)), "{} bytes", words.0.len());
    }
}

#[tokio::test]
async fn an_endpoint_that_resets_without_a_word_is_followed_by_another_one() {
    let Pair { mut relay, mut client, endpoint, cx } = pair(IDLE).await;
    something_to_relay(&mut client, &relay.client).await;
    say_and_end(endpoint, b"", End::Reset);
    let reason = relay.run(&cx).await;
    assert_eq!(reason, Closed::EndpointReset);
    assert!(relay.close(&cx, reason).is_some());
    assert!(cx.connection.deadline() > cx.connection.opened + IDLE, "its time-out is the usual one");
}

#[tokio::test]
async fn a_client_that_has_seen_an_end_is_not_given_to_another_endpoint() {
    let Pair { relay, mut client, endpoint, cx } = pair(IDLE).await;
    something_to_relay(&mut client, &relay.client).await;
    say_and_end(endpoint, b"", End::EndAndReset);
    let (reason, words) = tokio::join!(run_and_close(relay, &cx), received(client));
    assert_eq!((reason, words), (Closed::EndpointReset, (Vec::new(), None)));
}

/// A client whose kernel has room for few bytes, and whose endpoint has said more and reset.
async fn unread() -> Pair {
    let mut unread = pair(IDLE).await;
    SockRef::from(&unread.client).set_recv_buffer_size(4096).unwrap();
    unread.endpoint.write_all(&[8; UNREAD]).await.unwrap();
    while unread.cx.connection.to_client.get() < UNREAD as u64 {
        tokio::select! {
            biased;
            reason = unread.relay.run(&unread.cx) => panic!("{reason}"),
            () = tokio::task::yield_now() => {}
        }
    }
    unread.endpoint.set_zero_linger().unwrap();
    unread
}

/// More than fits into the buffer of a client, less than weir's kernel takes.
const UNREAD: usize = 60_000;

#[tokio::test]
async fn what_waits_for_a_slow_reader_arrives_before_the_reset() {
    let Pair { relay, client, endpoint, cx } = unread().await;
    drop(endpoint);
    let connection = Rc::clone(&cx.connection);
    let reading = async {
        // The reset of the endpoint is known, and shortens the time-out.
        while connection.deadline() > connection.opened + IDLE / 2 {
            tokio::task::yield_now().await;
        }
        received(client).await
    };
    let (reason, words) = tokio::join!(run_and_close(relay, &cx), reading);
    assert!(words == (vec![8; UNREAD], Some(ErrorKind::ConnectionReset)), "{} bytes", words.0.len());
    assert_eq!(reason, Closed::EndpointReset);
}

#[tokio::test]
async fn a_side_that_writes_before_it_reads_is_read_from_until_it_has_got_all() {
    let Pair { relay, mut client, endpoint, cx } = unread().await;
    drop(endpoint);
    let talk = async {
        // More than kernels hold.
        client.write_all(&vec![7; 24 << 20]).await.unwrap();
        received(client).await.0.len()
    };
    let (reason, words) = tokio::join!(run_and_close(relay, &cx), talk);
    assert_eq!((reason, words), (Closed::EndpointReset, UNREAD));
    assert_eq!(cx.connection.to_endpoint.get(), 0, "what is thrown away is not relayed");
}

#[tokio::test(start_paused = true)]
async fn a_side_that_takes_nothing_more_is_waited_for_but_not_for_long() {
    let Pair { relay, client, endpoint, cx } = unread().await;
    drop(endpoint);
    let start = Instant::now();
    assert_eq!(run_and_close(relay, &cx).await, Closed::EndpointReset);
    // A kernel may take some bytes meanwhile.
    assert!((LINGER_TIMEOUT..10 * LINGER_TIMEOUT).contains(&start.elapsed()), "{:?}", start.elapsed());
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn whatever_the_side_that_is_left_takes_restarts_its_time() {
    let Pair { cx, .. } = pair(IDLE).await;
    let connection = &cx.connection;
    let left = || connection.deadline() - Instant::now().into_std();
    assert!(connection.mark_failed(Closed::ClientReset, Instant::now()));
    assert_eq!(left(), LINGER_TIMEOUT + TICK);
    tokio::time::advance(LINGER_TIMEOUT / 2).await;
    assert!(!connection.mark_failed(Closed::ClientReset, Instant::now()), "it is known");
    assert_eq!(left(), LINGER_TIMEOUT / 2 + TICK);
    connection.record_activity(Instant::now());
    assert_eq!(left(), LINGER_TIMEOUT + TICK);
    assert_eq!(connection.overdue(connection.deadline()), Closed::ClientReset);
}
