//! Between which sides does one direction of a relay move bytes?

use crate::sys::pipe::Pipe;
use rustix::{
    io::ioctl_fionread,
    net::{RecvFlags, recv},
};
use std::{
    io,
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
};

/// The side that bytes come from: a socket, or what stands in for one in tests.
pub(in crate::tcp) trait Source: Unpin {
    /// Reads the next bytes; none at the end.
    fn poll_receive(&mut self, buffer: &mut ReadBuf<'_>, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Whether there are more bytes after a read that did not fill the buffer. If not, the next read waits.
    fn has_more(&mut self) -> bool;

    /// Peeks at the next bytes, which stay there.
    fn poll_peek(&mut self, buffer: &mut ReadBuf<'_>, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Fills an empty pipe; returns the number of bytes, 0 at the end. `None` if nothing could be spliced though there are
    /// bytes: they have just come, or cannot be spliced.
    fn poll_fill(&mut self, pipe: &mut Pipe, context: &mut Context<'_>) -> Poll<io::Result<Option<usize>>>;
}

/// The side that bytes go to: a socket, or what stands in for one in tests.
pub(in crate::tcp) trait Sink: AsyncWrite + Unpin {
    /// Drains a pipe as far as there is room; returns the number of bytes.
    fn poll_drain(&mut self, pipe: &mut Pipe, context: &mut Context<'_>) -> Poll<io::Result<usize>>;
}

impl Source for TcpStream {
    /// Unlike tokio's own, takes a read that brings little for the last one only if [`Source::has_more`] says so.
    fn poll_receive(&mut self, buffer: &mut ReadBuf<'_>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_read_ready(context))?;
            let unfilled = &mut *buffer.initialize_unfilled();
            let read = || Ok(recv(&*self, unfilled, RecvFlags::empty())?.1);
            match self.try_io(Interest::READABLE, read) {
                Ok(length) => {
                    buffer.advance(length);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if is_passing(&error) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn poll_peek(&mut self, buffer: &mut ReadBuf<'_>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_peek(self, context, buffer).map_ok(|_| ())
    }

    /// A read ends in front of an urgent byte (tcp(7)), and no event tells of what is behind it.
    fn has_more(&mut self) -> bool {
        if ioctl_fionread(&*self).is_ok_and(|bytes| bytes > 0) {
            return true;
        }
        let _ = self.try_io(Interest::READABLE, || Err::<(), _>(io::ErrorKind::WouldBlock.into()));
        false
    }

    fn poll_fill(&mut self, pipe: &mut Pipe, context: &mut Context<'_>) -> Poll<io::Result<Option<usize>>> {
        loop {
            ready!(self.poll_read_ready(context))?;
            let fill = || match pipe.fill(&*self) {
                // splice(2) never takes an urgent byte that is next: it says that nothing is there, or that all have come.
                Err(error) if is_passing(&error) && ioctl_fionread(&*self)? > 0 => Ok(None),
                Ok(0) if ioctl_fionread(&*self)? > 0 => Ok(None),
                result => result.map(Some),
            };
            match self.try_io(Interest::READABLE, fill) {
                Err(error) if is_passing(&error) => {}
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
                Err(error) if is_passing(&error) => {}
                result => return Poll::Ready(result),
            }
        }
    }
}

/// Whether a call is to be made again, once the socket is ready.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
