//! Has somebody else changed weir's table? The kernel notifies of every change, and of the process that made it.

mod notification;

use crate::nft::TABLE_NAME;
use netlink_sys::{AsyncSocket, AsyncSocketExt, TokioSocket, protocols::NETLINK_NETFILTER};
use notification::TableChange;
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
    /// A change by another process was seen and not reported yet.
    foreign_change_pending: bool,
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor")
            .field("foreign_change_pending", &self.foreign_change_pending)
            .finish_non_exhaustive()
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
        Ok(Self { socket, foreign_change_pending: false })
    }

    /// Reads all notifications of what happened until the process `own` ended: its changes, which are expected, and those of
    /// other processes. The kernel sends them before it lets the process that makes a change go on.
    pub(crate) fn drain(&mut self, own: Option<u32>) {
        let mut datagram = Vec::with_capacity(MAX_DATAGRAM);
        loop {
            datagram.clear();
            let received = self.socket.socket_ref().recv(&mut datagram, 0).map(drop);
            match is_foreign(received, &datagram, own) {
                Ok(foreign) => self.foreign_change_pending |= foreign,
                Err(_would_block) => return,
            }
        }
    }

    /// Forgets all changes so far, for when the whole table is written anew.
    pub(crate) fn discard_pending(&mut self) {
        self.drain(None);
        self.foreign_change_pending = false;
    }

    /// Waits until another process has changed the table.
    pub(crate) async fn foreign_change(&mut self) -> io::Result<()> {
        let mut datagram = Vec::with_capacity(MAX_DATAGRAM);
        while !self.foreign_change_pending {
            datagram.clear();
            let received = self.socket.recv(&mut datagram).await;
            self.foreign_change_pending = is_foreign(received, &datagram, None)?;
        }
        self.foreign_change_pending = false;
        Ok(())
    }
}

/// Whether a received datagram notifies of a change of weir's table that the process `own` has not made.
fn is_foreign(received: io::Result<()>, datagram: &[u8], own: Option<u32>) -> io::Result<bool> {
    match received {
        Ok(()) => {
            Ok(notification::changes_of(datagram, TABLE_NAME)
                .any(|TableChange { sender }| Some(sender) != own))
        }
        // Some notifications were lost; one that matters may have been among them.
        Err(error) if error.raw_os_error() == Some(Errno::NOBUFS.raw_os_error()) => Ok(true),
        Err(error) => Err(error),
    }
}
