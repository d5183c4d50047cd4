//! Between which sides does one direction of a relay move bytes?

use crate::sys::pipe::Pipe;
use std::{
    io,
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
};

/// The side that bytes come from: a socket, or what stands in for one in tests.
pub(in crate::tcp) trait Source: AsyncRead + Unpin {
    /// Peeks at the next bytes, which stay there.
    fn poll_peek(&mut self, buffer: &mut ReadBuf<'_>, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Fills an empty pipe; returns the number of bytes, 0 at the end.
    fn poll_fill(&mut self, pipe: &mut Pipe, context: &mut Context<'_>) -> Poll<io::Result<usize>>;
}

/// The side that bytes go to: a socket, or what stands in for one in tests.
pub(in crate::tcp) trait Sink: AsyncWrite + Unpin {
    /// Drains a pipe as far as there is room; returns the number of bytes.
    fn poll_drain(&mut self, pipe: &mut Pipe, context: &mut Context<'_>) -> Poll<io::Result<usize>>;
}

impl Source for TcpStream {
    fn poll_peek(&mut self, buffer: &mut ReadBuf<'_>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_peek(self, context, buffer).map_ok(|_| ())
    }

    fn poll_fill(&mut self, pipe: &mut Pipe, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_read_ready(context))?;
            match self.try_io(Interest::READABLE, || pipe.fill(&*self)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }
}

impl Sink for TcpStream {
    fn poll_drain(&mut self, pipe: &mut Pipe, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_write_ready(context))?;
            match self.try_io(Interest::WRITABLE, || pipe.drain(&*self)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }
}
