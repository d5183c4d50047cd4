//! How do messages and descriptors get from one weir to another?

use super::message::{MAX_BYTES, MAX_SOCKETS, Message, invalid};
use rustix::{
    io::Errno,
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
    },
};
use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};
use tokio::{io::Interest, net::UnixStream};

/// A connection between two weirs that keeps the boundaries of messages (SOCK_SEQPACKET; the runtime's type does not mind).
#[derive(Debug)]
pub(super) struct Channel(UnixStream);

impl Channel {
    /// Wraps a connected, non-blocking socket.
    pub(super) fn new(socket: OwnedFd) -> io::Result<Self> {
        UnixStream::from_std(socket.into()).map(Self)
    }

    /// Wraps an accepted socket.
    pub(super) fn accepted(socket: UnixStream) -> Self {
        Self(socket)
    }

    /// Sends a message without descriptors.
    pub(super) async fn send(&self, message: &Message) -> io::Result<()> {
        self.send_with(message, &[]).await
    }

    /// Sends a message with descriptors. If this is cancelled or fails, nothing of the message was sent.
    pub(super) async fn send_with(&self, message: &Message, descriptors: &[OwnedFd]) -> io::Result<()> {
        let bytes = message.encode()?;
        let descriptors: Vec<BorrowedFd<'_>> = descriptors.iter().map(AsFd::as_fd).collect();
        self.0.async_io(Interest::WRITABLE, || send(self.0.as_fd(), &bytes, &descriptors)).await
    }

    /// Receives a message with its descriptors; `None` once the other side has closed the connection. Safe to cancel.
    pub(super) async fn receive(&self) -> io::Result<Option<(Message, Vec<OwnedFd>)>> {
        let mut bytes = vec![0; MAX_BYTES];
        let received =
            self.0.async_io(Interest::READABLE, || Ok(receive(self.0.as_fd(), &mut bytes)?)).await?;
        match received {
            (0, _, _) => Ok(None),
            (length, descriptors, true) => {
                let message = Message::decode(bytes.get(..length).unwrap_or_default(), descriptors.len())?;
                Ok(Some((message, descriptors)))
            }
            _ => Err(invalid("a message came in part only (are descriptors used up?)")),
        }
    }
}

fn send(socket: BorrowedFd<'_>, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_SOCKETS + 1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(invalid("too many descriptors in a message"));
    }
    Ok(sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL).map(drop)?)
}

/// Receives one message: its length, its descriptors, and whether it is whole.
fn receive(socket: BorrowedFd<'_>, bytes: &mut [u8]) -> Result<(usize, Vec<OwnedFd>, bool), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_SOCKETS + 1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(socket, &mut [IoSliceMut::new(bytes)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    let is_whole = !received.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC);
    Ok((received.bytes, descriptors, is_whole))
}
