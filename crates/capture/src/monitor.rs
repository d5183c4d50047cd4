//! Has somebody else changed weir's table, or chains beside it? The kernel notifies of every change, and of the process that
//! made it.

mod notification;

use crate::nft::TABLE_NAME;
use netlink_sys::{AsyncSocket, AsyncSocketExt, TokioSocket, protocols::NETLINK_NETFILTER};
use notification::Seen;
use rustix::io::Errno;
use std::{fmt, io};

/// NFNLGRP_NFTABLES, the multicast group of changes of nftables.
const NFTABLES_GROUP: u32 = 7;

/// Bytes of the receive buffer: room for the notifications of a whole table, of which one element takes some 200. Memory
/// is taken only while notifications wait.
const RECEIVE_BUFFER: usize = 64 << 20;

/// Bytes read at once: more than the kernel puts into one datagram.
const MAX_DATAGRAM: usize = 1 << 16;

/// A netlink socket that receives the notifications of changes of nftables.
pub(crate) struct Monitor {
    socket: TokioSocket,
    /// What was seen and not reported yet.
    pending: Seen,
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").field("pending", &self.pending).finish_non_exhaustive()
    }
}

impl Monitor {
    /// Opens the socket; changes from now on are seen.
    pub(crate) fn open() -> io::Result<Self> {
        let mut socket = TokioSocket::new(NETLINK_NETFILTER)?;
        socket.socket_mut().bind_auto()?;
        // Beyond the limit for everybody, which CAP_NET_ADMIN allows.
        rustix::net::sockopt::set_socket_recv_buffer_size_force(socket.socket_ref(), RECEIVE_BUFFER)?;
        socket.socket_ref().add_membership(NFTABLES_GROUP)?;
        Ok(Self { socket, pending: Seen::default() })
    }

    /// Reads all notifications of what happened until the process `own` ended: its changes, which are expected, and those of
    /// other processes. The kernel sends them before it lets the process that makes a change go on.
    pub(crate) fn drain(&mut self, own: Option<u32>) {
        let mut datagram = Vec::with_capacity(MAX_DATAGRAM);
        loop {
            datagram.clear();
            let received = self.socket.socket_ref().recv(&mut datagram, 0).map(drop);
            if self.note(received, &datagram, own).is_err() {
                // Nothing is left to read.
                return;
            }
        }
    }

    /// Forgets all changes of weir's table so far, for when the whole table is written anew.
    pub(crate) fn discard_pending(&mut self) {
        self.drain(None);
        self.pending.foreign = false;
    }

    /// Waits until another process has changed weir's table, or chains beside the table have changed.
    pub(crate) async fn changed(&mut self) -> io::Result<()> {
        let mut datagram = Vec::with_capacity(MAX_DATAGRAM);
        while self.pending == Seen::default() {
            datagram.clear();
            let received = self.socket.recv(&mut datagram).await;
            self.note(received, &datagram, None)?;
        }
        Ok(())
    }

    /// Whether another process has changed weir's table since the last call.
    pub(crate) fn take_foreign_change(&mut self) -> bool {
        std::mem::take(&mut self.pending.foreign)
    }

    /// Whether chains or rules beside weir's table have changed since the last call.
    pub(crate) fn take_change_beside(&mut self) -> bool {
        std::mem::take(&mut self.pending.beside)
    }

    /// Notes what a received datagram says of changes that the process `own` has not made.
    fn note(&mut self, received: io::Result<()>, datagram: &[u8], own: Option<u32>) -> io::Result<()> {
        let Seen { foreign, beside } = match received {
            Ok(()) => notification::read(datagram, TABLE_NAME, own),
            // Some notifications were lost; those that matter may have been among them.
            Err(error) if error.raw_os_error() == Some(Errno::NOBUFS.raw_os_error()) => {
                Seen { foreign: true, beside: true }
            }
            Err(error) => return Err(error),
        };
        self.pending.foreign |= foreign;
        self.pending.beside |= beside;
        Ok(())
    }
}
