//! Has somebody else changed weir's table? The kernel tells of every change, and who made it.

mod notification;

use crate::nft::TABLE_NAME;
use netlink_sys::{AsyncSocket, AsyncSocketExt, TokioSocket, protocols::NETLINK_NETFILTER};
use notification::About;
use rustix::io::Errno;
use std::{fmt, io};

/// NFNLGRP_NFTABLES.
const GROUP: u32 = 7;

/// Room for the notifications of a whole table: one element takes some 200 bytes. Memory is taken only while they wait.
const BUFFER: usize = 64 << 20;

/// More than the kernel puts into one datagram.
const DATAGRAM: usize = 1 << 16;

/// Listens to changes of nftables.
pub(crate) struct Watch {
    socket: TokioSocket,
    /// A change of somebody else's was seen and not yet told.
    seen: bool,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("seen", &self.seen).finish_non_exhaustive()
    }
}

impl Watch {
    /// Begins to listen.
    pub(crate) fn open() -> io::Result<Self> {
        let mut socket = TokioSocket::new(NETLINK_NETFILTER)?;
        socket.socket_mut().bind_auto()?;
        // Beyond the limit for everybody, which CAP_NET_ADMIN allows.
        rustix::net::sockopt::set_socket_recv_buffer_size_force(socket.socket_ref(), BUFFER)?;
        socket.socket_ref().add_membership(GROUP)?;
        Ok(Self { socket, seen: false })
    }

    /// Takes note of what happened until the process `own` ended: its own changes, and perhaps those of others. The
    /// kernel has told of them before it let the process go on.
    pub(crate) fn settle(&mut self, own: Option<u32>) {
        let mut datagram = Vec::with_capacity(DATAGRAM);
        loop {
            datagram.clear();
            let received = self.socket.socket_ref().recv(&mut datagram, 0).map(drop);
            match is_foreign(received, &datagram, own) {
                Ok(foreign) => self.seen |= foreign,
                Err(_would_block) => return,
            }
        }
    }

    /// Forgets what was seen: everything is written anew.
    pub(crate) fn forget(&mut self) {
        self.settle(None);
        self.seen = false;
    }

    /// Waits until somebody else has changed the table.
    pub(crate) async fn disturbed(&mut self) -> io::Result<()> {
        let mut datagram = Vec::with_capacity(DATAGRAM);
        while !self.seen {
            datagram.clear();
            let received = self.socket.recv(&mut datagram).await;
            self.seen = is_foreign(received, &datagram, None)?;
        }
        self.seen = false;
        Ok(())
    }
}

/// Whether what was received tells of a change of weir's table that the process `own` has not made.
fn is_foreign(received: io::Result<()>, datagram: &[u8], own: Option<u32>) -> io::Result<bool> {
    match received {
        Ok(()) => Ok(notification::about(datagram, TABLE_NAME).any(|About { sender }| Some(sender) != own)),
        // Some were lost; among them may have been one that matters.
        Err(error) if error.raw_os_error() == Some(Errno::NOBUFS.raw_os_error()) => Ok(true),
        Err(error) => Err(error),
    }
}
