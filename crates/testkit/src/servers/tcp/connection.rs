//! What does a TCP server do with one connection?

use std::io;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::behaviour::Behaviour;
use super::counts::Counts;

/// Bytes read or written at once: enough that system calls of the test server do not dominate a bulk transfer.
const BUFFER: usize = 64 * 1024;

/// Answers on one connection until the behaviour ends it.
pub(super) async fn serve(stream: TcpStream, behaviour: &Behaviour, counts: &Counts) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut connection = Connection { stream, counts };
    match behaviour {
        Behaviour::Echo => connection.echo(Duration::ZERO).await,
        Behaviour::Greet(greeting) => {
            connection.write(greeting.as_bytes()).await?;
            connection.echo(Duration::ZERO).await
        }
        Behaviour::Report(name) => {
            let line = format!("{name} {}\n", connection.stream.peer_addr()?);
            connection.write(line.as_bytes()).await?;
            connection.echo(Duration::ZERO).await
        }
        Behaviour::Slow { delay } => connection.echo(*delay).await,
        Behaviour::ReplyAfterEof => connection.reply_after_eof().await,
        Behaviour::HalfClosing => connection.half_close().await,
        Behaviour::Resetting => {
            connection.read(&mut [0]).await?;
            connection.reset()
        }
        Behaviour::ResetOnAccept => connection.reset(),
        Behaviour::Silent => std::future::pending().await,
        Behaviour::Discard => connection.discard().await.map(drop),
        Behaviour::Source { bytes } => connection.source(*bytes).await,
    }
}

struct Connection<'counts> {
    stream: TcpStream,
    counts: &'counts Counts,
}

impl Connection<'_> {
    async fn echo(&mut self, delay: Duration) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER];
        loop {
            let length = self.read(&mut buffer).await?;
            if length == 0 {
                return self.stream.shutdown().await;
            }
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            self.write(&buffer[..length]).await?;
        }
    }

    async fn reply_after_eof(&mut self) -> io::Result<()> {
        let length = self.discard().await?;
        self.write(length.to_string().as_bytes()).await?;
        self.stream.shutdown().await
    }

    async fn half_close(&mut self) -> io::Result<()> {
        self.write(b"bye").await?;
        self.stream.shutdown().await?;
        self.discard().await.map(drop)
    }

    async fn discard(&mut self) -> io::Result<u64> {
        let mut buffer = vec![0; BUFFER];
        let mut total = 0;
        loop {
            match self.read(&mut buffer).await? {
                0 => return Ok(total),
                length => total += length as u64,
            }
        }
    }

    async fn source(&mut self, bytes: u64) -> io::Result<()> {
        let buffer = vec![b'w'; BUFFER];
        let mut left = bytes;
        while left > 0 {
            let length = usize::try_from(left).unwrap_or(BUFFER).min(BUFFER);
            self.write(&buffer[..length]).await?;
            left -= length as u64;
        }
        self.stream.shutdown().await?;
        // Closing with unread bytes in the socket would reset the connection and lose what was sent.
        self.discard().await.map(drop)
    }

    /// The kernel sends a reset instead of an end of stream when a socket without linger time is closed.
    fn reset(&self) -> io::Result<()> {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO))
    }

    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.stream.read(buffer).await?;
        self.counts.received.add(length as u64);
        Ok(length)
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.counts.sent.add(bytes.len() as u64);
        Ok(())
    }
}
