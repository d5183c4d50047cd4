//! Between which sides does one direction of a relay move bytes?

use crate::sys::{
    pipe::Pipe,
    tcp::{Rest, Stream},
};
use std::{
    io,
    task::{Context, Poll},
};

/// The side that bytes come from: a socket, or what stands in for one in tests.
pub(in crate::tcp) trait Source {
    /// Reads the next bytes; none at the end.
    fn poll_read(&mut self, buffer: &mut [u8], context: &mut Context<'_>) -> Poll<io::Result<usize>>;

    /// What is left after a read that did not fill the buffer.
    fn rest(&mut self, context: &mut Context<'_>) -> Rest;

    /// Peeks at the next bytes, which stay there.
    fn poll_peek(&mut self, buffer: &mut [u8], context: &mut Context<'_>) -> Poll<io::Result<usize>>;

    /// Fills an empty pipe, as [`Stream::poll_fill`].
    fn poll_fill(&mut self, pipe: &mut Pipe, context: &mut Context<'_>) -> Poll<io::Result<Option<usize>>>;
}

/// The side that bytes go to: a socket, or what stands in for one in tests.
pub(in crate::tcp) trait Sink {
    /// Writes bytes, with the end in the same packet if it is passed on right after them.
    fn poll_write(&mut self, bytes: &[u8], ends: bool, context: &mut Context<'_>) -> Poll<io::Result<usize>>;

    /// Drains a pipe as far as there is room; returns the number of bytes.
    fn poll_drain(&mut self, pipe: &mut Pipe, context: &mut Context<'_>) -> Poll<io::Result<usize>>;

    /// Passes the end on.
    fn shut_down(&mut self);
}

impl Source for Stream {
    fn poll_read(&mut self, buffer: &mut [u8], context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        Self::poll_read(self, buffer, context)
    }

    fn rest(&mut self, context: &mut Context<'_>) -> Rest {
        Self::rest(self, context)
    }

    fn poll_peek(&mut self, buffer: &mut [u8], context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        Self::poll_peek(self, buffer, context)
    }

    fn poll_fill(&mut self, pipe: &mut Pipe, context: &mut Context<'_>) -> Poll<io::Result<Option<usize>>> {
        Self::poll_fill(self, pipe, context)
    }
}

impl Sink for Stream {
    fn poll_write(&mut self, bytes: &[u8], ends: bool, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        Self::poll_write(self, bytes, ends, context)
    }

    fn poll_drain(&mut self, pipe: &mut Pipe, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        Self::poll_drain(self, pipe, context)
    }

    fn shut_down(&mut self) {
        Self::shut_down(self);
    }
}
