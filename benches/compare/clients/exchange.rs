//! What does a request look like, and how is it answered?

use std::{io, net::SocketAddr};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Bytes of a request and of its answer.
pub(super) const PAYLOAD: usize = 64;

/// Sends a request that carries its time, and waits for the answer.
pub(super) async fn exchange(stream: &mut TcpStream, since: u64) -> io::Result<()> {
    let mut answer = [0; PAYLOAD];
    stream.write_all(&request(since)).await?;
    stream.read_exact(&mut answer).await?;
    if answer == request(since) {
        Ok(())
    } else {
        Err(io::Error::other("the answer differs from the request"))
    }
}

/// Connects without delaying small requests.
pub(super) async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A request that carries a time.
pub(super) fn request(time: u64) -> [u8; PAYLOAD] {
    let mut request = [b'w'; PAYLOAD];
    request[..8].copy_from_slice(&time.to_be_bytes());
    request
}

/// The time that a request carries, which its answer brings back.
pub(super) fn time_of(answer: &[u8]) -> Option<u64> {
    answer.first_chunk().map(|time| u64::from_be_bytes(*time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_brings_the_time_of_its_request_back() {
        assert_eq!(time_of(&request(123_456_789)), Some(123_456_789));
        assert_eq!(time_of(b"short"), None);
    }
}
