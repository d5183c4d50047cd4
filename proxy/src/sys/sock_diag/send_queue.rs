//! How many bytes that were written to a socket has its peer not acknowledged yet?

use super::{SockDiag, SocketKey};
use std::{io, os::fd::AsFd};

/// Bytes, and the end of the stream as one more, that the peer has not acknowledged. Fails for a connection that is gone,
/// and where the kernel does not answer such questions.
pub(crate) fn unacknowledged_bytes(stream: &impl AsFd) -> io::Result<u32> {
    SockDiag::open()?.unacknowledged_bytes(&SocketKey::of(stream)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{future::poll_fn, task::Poll};
    use tokio::{
        io::{AsyncReadExt, AsyncWrite, AsyncWriteExt},
        net::{TcpListener, TcpStream},
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
