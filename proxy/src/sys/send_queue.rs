//! How many bytes that were written to a socket has its peer not acknowledged yet?
//!
//! Asked of the kernel by sock_diag(7) for one connection, which needs no privilege.

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
    sockopt::socket_cookie,
};
use std::{
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr},
};
use tokio::net::TcpStream;

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;

/// Bytes of a request: `nlmsghdr` and `inet_diag_req_v2`.
const REQUEST_BYTES: u32 = 72;

/// Position of `idiag_wqueue` in an answer: behind `nlmsghdr`, and 60 bytes of `inet_diag_msg`.
const WRITE_QUEUE_AT: usize = 76;

/// Bytes, and the end of the stream as one more, that the peer has not acknowledged. Fails for a connection that is gone,
/// and where the kernel does not answer such questions.
pub(crate) fn unacknowledged_bytes(stream: &TcpStream) -> io::Result<u32> {
    let request = request(stream.local_addr()?, stream.peer_addr()?, socket_cookie(stream)?);
    let kernel =
        socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(netlink::SOCK_DIAG))?;
    send(&kernel, &request, SendFlags::empty())?;
    let mut answer = [0; 512];
    // The kernel has answered before send(2) returns.
    let (_, length) = recv(&kernel, &mut answer[..], RecvFlags::DONTWAIT)?;
    write_queue(&answer[..length]).ok_or_else(|| ErrorKind::NotFound.into())
}

fn request(local: SocketAddr, peer: SocketAddr, cookie: u64) -> Vec<u8> {
    let family = if local.is_ipv4() { AF_INET } else { AF_INET6 };
    let every_state = u32::MAX;
    let any_interface = 0u32;
    [
        &REQUEST_BYTES.to_ne_bytes()[..],
        &SOCK_DIAG_BY_FAMILY.to_ne_bytes(),
        &NLM_F_REQUEST.to_ne_bytes(),
        &[0; 8],
        &[family, IPPROTO_TCP, 0, 0],
        &every_state.to_ne_bytes(),
        &local.port().to_be_bytes(),
        &peer.port().to_be_bytes(),
        &padded(local.ip()),
        &padded(peer.ip()),
        &any_interface.to_ne_bytes(),
        // The lower half first.
        &(cookie as u32).to_ne_bytes(),
        &((cookie >> 32) as u32).to_ne_bytes(),
    ]
    .concat()
}

fn padded(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        }
        IpAddr::V6(ip) => ip.octets(),
    }
}

/// Length of the send queue by an answer; `None` for an error.
fn write_queue(answer: &[u8]) -> Option<u32> {
    let kind = answer.get(4..6)?;
    if kind != SOCK_DIAG_BY_FAMILY.to_ne_bytes() {
        return None;
    }
    answer.get(WRITE_QUEUE_AT..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{future::poll_fn, task::Poll};
    use tokio::{
        io::{AsyncReadExt, AsyncWrite, AsyncWriteExt},
        net::TcpListener,
    };

    async fn pair(ip: &str) -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        (near.unwrap(), far.unwrap().0)
    }

    /// Writes until there is no room.
    async fn fill(stream: &mut TcpStream) {
        let chunk = vec![7; 1 << 16];
        poll_fn(|context| {
            loop {
                if std::pin::Pin::new(&mut *stream).poll_write(context, &chunk).is_pending() {
                    return Poll::Ready(());
                }
            }
        })
        .await;
    }

    async fn all_acknowledged(stream: &TcpStream) {
        while unacknowledged_bytes(stream).unwrap() > 0 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn bytes_wait_until_the_peer_has_room_for_them() {
        for ip in ["127.0.0.1", "::1"] {
            let (mut near, mut far) = pair(ip).await;
            near.write_all(b"hello").await.unwrap();
            all_acknowledged(&near).await;
            fill(&mut near).await;
            let waiting = unacknowledged_bytes(&near).unwrap();
            assert!(waiting > 0);
            near.shutdown().await.unwrap();
            assert_eq!(unacknowledged_bytes(&near).unwrap(), waiting + 1, "the end of the stream counts");
            far.read_to_end(&mut Vec::new()).await.unwrap();
            all_acknowledged(&near).await;
        }
    }

    #[tokio::test]
    async fn a_connection_that_was_reset_is_not_found() {
        let (near, far) = pair("127.0.0.1").await;
        far.set_zero_linger().unwrap();
        drop(far);
        unacknowledged_bytes(&near).unwrap_err();
    }
}
