//! How is a TCP socket waited for, read and written?

use super::{pipe::Pipe, watch::watch};
use rustix::{
    io::ioctl_fionread,
    net::{RecvFlags, SendFlags, Shutdown, SocketFlags, acceptfrom_with, recv, send, shutdown},
};
use socket2::SockRef;
use std::{
    future::Future,
    io::{self, ErrorKind},
    net::{self, SocketAddr},
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
    pin::pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::io::{Interest, unix::AsyncFd};

/// A socket that is connected or connecting. Unlike with the runtime's own, events tell of urgent bytes, too.
#[derive(Debug)]
pub(crate) struct Stream(AsyncFd<net::TcpStream>);

/// A listening socket.
#[derive(Debug)]
pub(crate) struct Listener(AsyncFd<net::TcpListener>);

/// What is left of a stream after a read that did not fill its buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Nothing yet; the next read waits.
    Nothing,
    /// Maybe bytes: a read ends in front of an urgent one (tcp(7)).
    Unknown,
    /// The end, which needs no read of its own.
    End,
}

impl Stream {
    /// Watches a non-blocking socket.
    pub(crate) fn watch(socket: net::TcpStream) -> io::Result<Self> {
        watch(socket, Interest::READABLE | Interest::WRITABLE | Interest::PRIORITY).map(Self)
    }

    /// Watches the socket no longer.
    pub(crate) fn into_std(self) -> net::TcpStream {
        self.0.into_inner()
    }

    /// Makes closing the socket reset the connection.
    pub(crate) fn set_zero_linger(&self) -> io::Result<()> {
        SockRef::from(self).set_linger(Some(Duration::ZERO))
    }

    /// Ready when the socket has connected or failed to.
    pub(crate) fn poll_connected(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _ = ready!(self.0.poll_write_ready(context))?;
        // The event distinguishes success from failure: only a failed connection is asked why.
        match pin!(self.0.ready(Interest::WRITABLE | Interest::ERROR)).poll(context) {
            Poll::Ready(Ok(ready)) if !ready.ready().is_error() && !ready.ready().is_write_closed() => {
                Poll::Ready(Ok(()))
            }
            _ => Poll::Ready(self.0.get_ref().take_error()?.map_or(Ok(()), Err)),
        }
    }

    /// Resolves when the connection has failed: by a reset, for instance.
    pub(crate) async fn failed(&self) -> io::Result<()> {
        self.0.ready(Interest::ERROR).await.map(|_| ())
    }

    /// Whether there is something to read, as far as events have told: bytes, or the end.
    pub(crate) fn has_bytes(&self) -> bool {
        self.0.try_io(Interest::READABLE, |_| Ok(())).is_ok()
    }

    /// Waits for something to read; returns whether the end has come as well.
    pub(crate) async fn readable(&self) -> io::Result<bool> {
        Ok(self.0.readable().await?.ready().is_read_closed())
    }

    /// Makes a call that reads, if the socket is ready; `WouldBlock` makes the next one wait for more to come.
    pub(crate) fn try_read<R>(&self, call: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        self.0.try_io(Interest::READABLE, |_| call())
    }

    /// Reads the next bytes; none at the end.
    pub(crate) fn poll_read(&self, buffer: &mut [u8], context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.poll_receive(buffer, RecvFlags::empty(), context)
    }

    /// Peeks at the next bytes, which stay there.
    pub(crate) fn poll_peek(&self, buffer: &mut [u8], context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.poll_receive(buffer, RecvFlags::PEEK, context)
    }

    fn poll_receive(
        &self,
        buffer: &mut [u8],
        flags: RecvFlags,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.poll_reading(context, |socket| Ok(recv(socket, &mut *buffer, flags)?.1))
    }

    /// Fills an empty pipe; returns the number of bytes, 0 at the end. `None` if nothing could be spliced though there are
    /// bytes: they have just come, or cannot be spliced.
    pub(crate) fn poll_fill(
        &self,
        pipe: &mut Pipe,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Option<usize>>> {
        self.poll_reading(context, |socket| match pipe.fill(socket) {
            // splice(2) never takes an urgent byte that is next: it says that nothing is there, or that all have come.
            Err(error) if is_passing(&error) && ioctl_fionread(socket)? > 0 => Ok(None),
            Ok(0) if ioctl_fionread(socket)? > 0 => Ok(None),
            result => result.map(Some),
        })
    }

    fn poll_reading<R>(
        &self,
        context: &mut Context<'_>,
        mut call: impl FnMut(&net::TcpStream) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        loop {
            match ready!(self.0.poll_read_ready(context))?.try_io(|socket| call(socket.get_ref())) {
                Ok(Err(error)) if is_passing(&error) => {}
                Ok(result) => return Poll::Ready(result),
                // No urgent byte is left either.
                Err(_) => self.forget(Interest::PRIORITY),
            }
        }
    }

    /// What is left after a read that did not fill its buffer. If nothing, the next read waits.
    ///
    /// An event that came before the read tells: bytes that have come since will bring another one.
    pub(crate) fn rest(&self, context: &mut Context<'_>) -> Rest {
        // This interest includes the end.
        if self.0.try_io(Interest::PRIORITY, |_| Ok(())).is_err() {
            self.forget(Interest::READABLE);
            return Rest::Nothing;
        }
        match pin!(self.0.ready(Interest::PRIORITY | Interest::ERROR)).poll(context) {
            Poll::Ready(Ok(event)) if !event.ready().is_priority() && !event.ready().is_error() => Rest::End,
            _ => Rest::Unknown,
        }
    }

    /// Makes the next call with this interest wait.
    fn forget(&self, interest: Interest) {
        let _ = self.0.try_io(interest, |_| Err::<(), _>(ErrorKind::WouldBlock.into()));
    }

    /// Writes bytes, as many as there is room for. `ends` is whether the end comes right after them; it must be passed on at
    /// once then, and leaves in the same segment (send(2), MSG_MORE).
    pub(crate) fn poll_write(
        &self,
        bytes: &[u8],
        ends: bool,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let flags = if ends { SendFlags::NOSIGNAL | SendFlags::MORE } else { SendFlags::NOSIGNAL };
        loop {
            let mut ready = ready!(self.0.poll_write_ready(context))?;
            match ready.try_io(|socket| Ok(send(socket, bytes, flags)?)) {
                Ok(Err(error)) if is_passing(&error) => {}
                Ok(result) => {
                    if result.as_ref().is_ok_and(|&count| count < bytes.len()) {
                        ready.clear_ready();
                    }
                    return Poll::Ready(result);
                }
                Err(_) => {}
            }
        }
    }

    /// Drains a pipe as far as there is room; returns the number of bytes.
    pub(crate) fn poll_drain(&self, pipe: &mut Pipe, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            match ready!(self.0.poll_write_ready(context))?.try_io(|socket| pipe.drain(socket)) {
                Ok(Err(error)) if is_passing(&error) => {}
                Ok(result) => return Poll::Ready(result),
                Err(_) => {}
            }
        }
    }

    /// Passes the end on. Fails only when the connection is gone, which reading reports.
    pub(crate) fn shut_down(&self) {
        let _ = shutdown(self, Shutdown::Write);
    }
}

impl Listener {
    /// Watches a non-blocking socket.
    pub(crate) fn watch(socket: net::TcpListener) -> io::Result<Self> {
        watch(socket, Interest::READABLE).map(Self)
    }

    /// Address that the socket is bound to.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().local_addr()
    }

    /// Waits for a client.
    pub(crate) async fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        self.0.async_io(Interest::READABLE, accept).await
    }

    /// Takes a client that waits; `WouldBlock` if there is none.
    pub(crate) fn accept_waiting(&self) -> io::Result<(Stream, SocketAddr)> {
        accept(self.0.get_ref())
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.get_ref().as_fd()
    }
}

impl AsRawFd for Stream {
    fn as_raw_fd(&self) -> RawFd {
        self.0.get_ref().as_raw_fd()
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.get_ref().as_fd()
    }
}

/// Takes a client that waits, one system call without those that watch it.
fn accept(listener: &net::TcpListener) -> io::Result<(Stream, SocketAddr)> {
    let (socket, peer) = acceptfrom_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
    let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok()).ok_or(ErrorKind::ConnectionAborted)?;
    Ok((Stream::watch(socket.into())?, peer))
}

/// Whether a call is to be made again, once the socket is ready.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests;
