//! How does a UDP socket receive many datagrams for one wake-up?

use super::{
    batch::{BATCH, Batch, FEW, Senders},
    gso::Train,
};
use nix::{
    errno::Errno,
    sys::socket::{setsockopt, sockopt::UdpGroSegment},
};
use std::{
    cell::Cell,
    io::{self, ErrorKind},
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
    task::{Context, Poll},
};
use tokio::{io::Interest, net::UdpSocket};

/// Batches that a socket forwards before other tasks of the worker get their turn.
pub(in crate::udp) const TURN: usize = 4;

/// Bytes in a row from which a sender is taken for one that sends trains.
const TRAIN: usize = 8 * 1024;

/// Bytes of a large datagram.
const LARGE: usize = 16 * 1024;

/// A UDP socket that receives in batches.
pub(crate) struct BatchSocket {
    socket: UdpSocket,
    from: Senders,
    /// Whether it asks for trains (UDP_GRO). It does once it has seen one, and for good: trains that wait would else be
    /// taken for datagrams. For small datagrams without trains one call for many is faster than one call for each.
    trains: Cell<bool>,
    /// How many datagrams are expected when it is next looked at.
    expected: Cell<Expected>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Expected {
    /// Large ones, which are best sent while they are in the processor's cache: one by one.
    Large,
    #[default]
    Few,
    Many,
}

impl BatchSocket {
    pub(in crate::udp) fn new(socket: std::net::UdpSocket, from: Senders) -> io::Result<Self> {
        Ok(Self {
            socket: UdpSocket::from_std(socket)?,
            from,
            trains: Cell::default(),
            expected: Cell::default(),
        })
    }

    /// Receives what waits, up to a batch; returns whether more may wait. Without anything it is `WouldBlock`. Another
    /// error may come after datagrams.
    pub(in crate::udp) fn receive(&self, batch: &mut Batch) -> io::Result<bool> {
        batch.clear();
        let mut received = Err(Errno::EAGAIN);
        let call = || {
            let (socket, from) = (self.descriptor(), self.from);
            received = match self.expected.get() {
                _ if self.trains.get() => batch.receive_trains(socket, from),
                Expected::Large => batch.receive::<1>(socket, from),
                Expected::Few => batch.receive::<FEW>(socket, from),
                Expected::Many => batch.receive::<BATCH>(socket, from),
            };
            self.expect(&batch.trains);
            // An empty socket is not asked again before the kernel reports it as readable. What comes after this call
            // has it reported.
            match received {
                Ok(false) | Err(Errno::EAGAIN) => Err(ErrorKind::WouldBlock.into()),
                _ => Ok(()),
            }
        };
        let _ = self.socket.try_io(Interest::READABLE, call);
        Ok(received?)
    }

    /// Expects what came last.
    fn expect(&self, trains: &[Train]) {
        let expected = match trains {
            [] => return,
            [first, ..] if first.length >= LARGE => Expected::Large,
            some if some.len() >= FEW => Expected::Many,
            _ => Expected::Few,
        };
        self.expected.set(expected);
    }

    /// Takes note of how many bytes came as datagrams of equal size from one sender.
    pub(in crate::udp) fn saw(&self, bytes: usize) {
        if bytes >= TRAIN && !self.trains.replace(true) {
            // A kernel that cannot goes on with datagrams, which are trains of one.
            let _ = setsockopt(&self.socket, UdpGroSegment, &true);
        }
    }

    /// Waits for something to receive.
    pub(in crate::udp) async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await
    }

    /// The same for a task.
    pub(in crate::udp) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_recv_ready(context)
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
