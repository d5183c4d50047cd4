//! What do events tell of a TCP socket?

use super::*;
use crate::sys::{
    sock_diag::send_queue::unacknowledged_bytes,
    socket::{Egress, tcp_connecting},
};
use std::{
    future::poll_fn,
    io::{Read, Write},
};

/// A watched socket, and its peer.
async fn pair() -> (Stream, net::TcpStream) {
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    listener.set_nonblocking(true).unwrap();
    let (stream, from) = Listener::watch(listener).unwrap().accept().await.unwrap();
    assert_eq!(from, peer.local_addr().unwrap());
    SockRef::from(&stream).set_out_of_band_inline(true).unwrap();
    (stream, peer)
}

/// Reads once, from a socket that the runtime has looked at; returns what is left as well.
async fn read(stream: &Stream) -> (io::Result<String>, Rest) {
    let mut buffer = [0; 100];
    stream.readable().await.unwrap();
    poll_fn(|context| {
        let read = ready!(stream.poll_read(&mut buffer, context));
        let read = read.map(|length| String::from_utf8_lossy(&buffer[..length]).into_owned());
        Poll::Ready((read, stream.rest(context)))
    })
    .await
}

#[tokio::test]
async fn a_read_tells_whether_more_bytes_may_be_there_or_the_end_has_come() {
    let (stream, mut peer) = pair().await;
    peer.write_all(b"more").unwrap();
    assert!(matches!(read(&stream).await, (Ok(bytes), Rest::Nothing) if bytes == "more"));
    assert_eq!(SockRef::from(&peer).send_out_of_band(b"urgent!").unwrap(), 7);
    assert!(matches!(read(&stream).await, (Ok(bytes), Rest::Unknown) if bytes == "urgent"));
    assert!(matches!(read(&stream).await, (Ok(bytes), Rest::Unknown) if bytes == "!"));
    poll_fn(|context| {
        assert!(stream.poll_read(&mut [0], context).is_pending(), "nothing is left");
        Poll::Ready(())
    })
    .await;
    peer.write_all(b"more").unwrap();
    assert!(matches!(read(&stream).await, (Ok(bytes), Rest::Nothing) if bytes == "more"));
    peer.write_all(b"last").unwrap();
    peer.shutdown(net::Shutdown::Write).unwrap();
    assert!(matches!(read(&stream).await, (Ok(bytes), Rest::End) if bytes == "last"));
    assert!(matches!(read(&stream).await, (Ok(bytes), _) if bytes.is_empty()));
}

#[tokio::test]
async fn a_socket_has_bytes_once_an_event_has_told_and_until_a_read_takes_all() {
    let (stream, mut peer) = pair().await;
    tokio::task::yield_now().await;
    assert!(!stream.has_bytes());
    peer.write_all(b"request").unwrap();
    stream.readable().await.unwrap();
    assert!(stream.has_bytes());
    assert!(matches!(read(&stream).await, (Ok(bytes), Rest::Nothing) if bytes == "request"));
    assert!(!stream.has_bytes());
}

/// Whether the listener already knows of a connection that its client knows to be open. Afterwards a request arrives.
async fn is_accepted_before_its_request(listener: &net::TcpListener, bytes_wait: bool) -> bool {
    let egress = Egress { bytes_wait, ..Egress::default() };
    let connecting = tcp_connecting(listener.local_addr().unwrap(), egress).unwrap();
    let upstream = Stream::watch(connecting).unwrap();
    poll_fn(|context| upstream.poll_connected(context)).await.unwrap();
    let waiting = listener.accept();
    poll_fn(|context| upstream.poll_write(b"request", false, context)).await.unwrap();
    let is_waiting = waiting.is_ok();
    listener.set_nonblocking(false).unwrap();
    let (mut endpoint, _) = waiting.or_else(|_| listener.accept()).unwrap();
    listener.set_nonblocking(true).unwrap();
    let mut received = [0; 7];
    endpoint.set_nonblocking(false).unwrap();
    endpoint.read_exact(&mut received).unwrap();
    assert_eq!(&received, b"request");
    is_waiting
}

#[tokio::test]
async fn the_end_of_a_handshake_is_held_back_only_where_bytes_wait_to_go_with_it() {
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    // A slow machine may deliver a packet late, or send one that is held back for 200 ms.
    for (bytes_wait, fewest, most) in [(true, 0, 5), (false, 15, 20)] {
        let mut accepted = 0;
        for _ in 0..20 {
            accepted += usize::from(is_accepted_before_its_request(&listener, bytes_wait).await);
        }
        assert!((fewest..=most).contains(&accepted), "{accepted} of 20, bytes wait: {bytes_wait}");
    }
}

#[tokio::test]
async fn a_reset_behind_bytes_is_no_end() {
    let (stream, mut peer) = pair().await;
    peer.write_all(b"last").unwrap();
    SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
    stream.failed().await.unwrap();
    let (read, rest) = read(&stream).await;
    assert!(read.is_err() || rest == Rest::Unknown, "{read:?}, {rest:?}");
}

#[tokio::test]
async fn last_bytes_and_the_end_arrive_together() {
    let (stream, mut peer) = pair().await;
    let written = poll_fn(|context| stream.poll_write(b"last", true, context)).await.unwrap();
    assert_eq!(written, 4);
    // What would leave by itself is held for the end, which then is in the same segment.
    assert_eq!(unacknowledged_bytes(&stream).unwrap(), 4);
    stream.shut_down();
    let mut received = String::new();
    peer.read_to_string(&mut received).unwrap();
    assert_eq!(received, "last");
}
