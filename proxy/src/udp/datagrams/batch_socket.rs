//! How does a UDP socket receive many datagrams for one wake-up?

use super::{
    batch::{MAX_BATCH_MESSAGES, ReceiveBuffer, ReceiveMode, SMALL_BATCH_MESSAGES},
    gso::GroBatch,
};
use crate::sys::watch::watch;
use nix::{
    errno::Errno,
    sys::socket::{setsockopt, sockopt::UdpGroSegment},
};
use std::{
    cell::Cell,
    io::{self, ErrorKind},
    net::UdpSocket,
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
    task::{Context, Poll},
};
use tokio::io::{Interest, unix::AsyncFd};

/// Batches that a socket forwards before other tasks of the worker run.
pub(in crate::udp) const MAX_BURST_BATCHES: usize = 4;

/// Bytes of one GSO batch from which on its sender is taken for one that sends such batches.
const MIN_GRO_BYTES: usize = 8 * 1024;

/// Bytes from which on a datagram is a large one.
const MIN_LARGE_DATAGRAM_BYTES: usize = 16 * 1024;

/// A UDP socket that receives in batches.
pub(crate) struct BatchSocket {
    /// Watched for what can be read, and for errors, only. The kernel would report with each datagram that left that there
    /// is room for others, and wake the worker for that; nobody waits for room.
    socket: AsyncFd<UdpSocket>,
    from: ReceiveMode,
    /// Whether the kernel is asked for GRO batches (UDP_GRO). This begins once one was seen, and is for good: GRO
    /// batches that wait would else be taken for datagrams. For small datagrams without GRO batches one call for many
    /// is faster than one call for each.
    gro: Cell<bool>,
    /// Datagrams that are expected at the next receive.
    expected: Cell<Expected>,
}

/// Datagrams that are expected in a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Expected {
    /// Large datagrams, which are best sent while they are in the processor's cache: one by one.
    Large,
    #[default]
    Few,
    Many,
}

impl BatchSocket {
    pub(in crate::udp) fn new(socket: UdpSocket, from: ReceiveMode) -> io::Result<Self> {
        Ok(Self {
            socket: watch(socket, Interest::READABLE)?,
            from,
            gro: Cell::default(),
            expected: Cell::default(),
        })
    }

    /// Receives datagrams that wait, up to a batch; returns whether more may wait. Fails with `WouldBlock` without any.
    /// Another error may come after datagrams.
    pub(in crate::udp) fn receive(&self, buffer: &mut ReceiveBuffer) -> io::Result<bool> {
        buffer.clear();
        let mut received = Err(Errno::EAGAIN);
        let call = |socket: &UdpSocket| {
            let (socket, from) = (socket.as_raw_fd(), self.from);
            received = match self.expected.get() {
                _ if self.gro.get() => buffer.receive_gro(socket, from),
                Expected::Large => buffer.receive::<1>(socket, from),
                Expected::Few => buffer.receive::<SMALL_BATCH_MESSAGES>(socket, from),
                Expected::Many => buffer.receive::<MAX_BATCH_MESSAGES>(socket, from),
            };
            self.expect(&buffer.gro_batches);
            // An empty socket is not asked again before the kernel reports it as readable, which it does for what comes
            // after this call.
            match received {
                Ok(false) | Err(Errno::EAGAIN) => Err(ErrorKind::WouldBlock.into()),
                _ => Ok(()),
            }
        };
        let _ = self.socket.try_io(Interest::READABLE, call);
        Ok(received?)
    }

    /// Expects as many datagrams, and as large ones, as came last.
    fn expect(&self, gro_batches: &[GroBatch]) {
        let expected = match gro_batches {
            [] => return,
            [first, ..] if first.length >= MIN_LARGE_DATAGRAM_BYTES => Expected::Large,
            some if some.len() >= SMALL_BATCH_MESSAGES => Expected::Many,
            _ => Expected::Few,
        };
        self.expected.set(expected);
    }

    /// Learns from the bytes of a GSO batch of one sender whether to ask for GRO batches.
    pub(in crate::udp) fn learn(&self, bytes: usize) {
        if bytes >= MIN_GRO_BYTES && !self.gro.replace(true) {
            // A kernel that cannot goes on with datagrams, which are GRO batches of one.
            let _ = setsockopt(&self.socket, UdpGroSegment, &true);
        }
    }

    /// Polls for something to receive. One task at a time may do so.
    pub(in crate::udp) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_read_ready(context).map_ok(drop)
    }

    /// Resolves with the error that waits in a connected socket, such as that the peer has no socket at its port. An error
    /// makes a socket neither readable nor writable.
    pub(in crate::udp) async fn failed(&self) -> io::Result<()> {
        drop(self.socket.ready(Interest::ERROR).await?);
        self.socket.get_ref().take_error()?.map_or(Ok(()), Err)
    }

    pub(in crate::udp) fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl AsFd for BatchSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Events that the kernel reports of a descriptor (epoll(7)), as the runtimes of this process asked for.
    fn watched_events(descriptor: RawFd) -> u32 {
        let files = fs::read_dir("/proc/self/fdinfo").unwrap();
        // A descriptor may be closed before it is read.
        let texts = files.filter_map(|file| fs::read_to_string(file.unwrap().path()).ok());
        let watched: Vec<String> =
            texts.flat_map(|text| text.lines().map(String::from).collect::<Vec<_>>()).collect();
        let mut fields = watched.iter().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let found = fields.find(|fields| fields.starts_with(&["tfd:", &descriptor.to_string()])).unwrap();
        u32::from_str_radix(found[3], 16).unwrap()
    }

    #[tokio::test]
    async fn a_socket_is_watched_for_what_can_be_read_and_not_for_room_to_send() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let socket = BatchSocket::new(socket, ReceiveMode::AnyV4).unwrap();
        let (readable, writable) = (nix::libc::EPOLLIN as u32, nix::libc::EPOLLOUT as u32);
        assert_eq!(watched_events(socket.descriptor()) & (readable | writable), readable);
    }
}
