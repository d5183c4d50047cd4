//! Where are datagrams while a worker forwards them, and how do they get there?

use super::train::Train;
use nix::{
    errno::Errno,
    sys::socket::{
        ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrIn, SockaddrIn6, SockaddrLike,
        recvmmsg, recvmsg,
    },
};
use std::{
    array,
    io::IoSliceMut,
    net::{SocketAddr, SocketAddrV4, SocketAddrV6},
    os::fd::RawFd,
};

/// Messages received at most in one go.
pub(super) const BATCH: usize = 64;

/// Messages received in one go where hardly any are expected: to prepare for each of them takes time.
pub(super) const FEW: usize = 16;

/// The largest message: a datagram, or a train of them.
const MESSAGE: usize = 64 * 1024;

/// From one message to the next. A round number would put the beginnings of all messages, where small ones are, into
/// the same few places of the processor's caches.
const STRIDE: usize = MESSAGE + 23 * 64;

/// Trains received in one go. More would not be in the cache any more when they are sent.
const MOST_TRAIN_BYTES: usize = 256 * 1024;

/// From whom a socket receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Senders {
    /// Everybody, over IPv4.
    V4,
    /// Everybody, over IPv6.
    V6,
    /// The peer to which it is connected.
    Peer,
}

/// What was received last. A worker has one, lent while datagrams are in flight; its pages take memory once used.
pub(super) struct Batch {
    pub(super) buffer: Box<[u8]>,
    pub(super) trains: Vec<Train>,
    /// Who sent each train; nothing is noted for connected sockets.
    pub(super) senders: Vec<SocketAddr>,
    /// Kept from call to call. The kernel notes in them how long the address and the control messages were, and they
    /// cannot be set back: so each is used for one kind of socket, of which all messages are alike.
    v4: MultiHeaders<SockaddrIn>,
    v6: MultiHeaders<SockaddrIn6>,
    peer: MultiHeaders<()>,
    /// Control messages of a train: its segment size and its TOS.
    control: Vec<u8>,
}

impl Batch {
    pub(super) fn new() -> Self {
        // IPV6_TCLASS takes an int and IP_TOS a byte; the space is the same.
        let tos = || Some(nix::cmsg_space!(i32));
        let mut control = nix::cmsg_space!(i32, i32);
        control.resize(control.capacity(), 0);
        Self {
            buffer: vec![0; BATCH * STRIDE].into(),
            trains: Vec::with_capacity(BATCH),
            senders: Vec::with_capacity(BATCH),
            v4: MultiHeaders::preallocate(BATCH, tos()),
            v6: MultiHeaders::preallocate(BATCH, tos()),
            peer: MultiHeaders::preallocate(BATCH, tos()),
            control,
        }
    }

    /// Forgets what was received last.
    pub(super) fn clear(&mut self) {
        self.trains.clear();
        self.senders.clear();
    }

    /// Receives what waits in a socket that is not asked for trains, up to `N` datagrams; returns whether more may wait.
    pub(super) fn receive<const N: usize>(&mut self, socket: RawFd, from: Senders) -> nix::Result<bool> {
        let Self { buffer, trains, senders, v4, v6, peer, .. } = self;
        let count = match from {
            Senders::V4 => receive_many::<N, _>(socket, v4, buffer, |slot, message| {
                trains.push(train(slot, message));
                senders.extend(message.address.map(sender_v4));
            }),
            Senders::V6 => receive_many::<N, _>(socket, v6, buffer, |slot, message| {
                trains.push(train(slot, message));
                senders.extend(message.address.map(sender_v6));
            }),
            Senders::Peer => {
                receive_many::<N, _>(socket, peer, buffer, |slot, message| trains.push(train(slot, message)))
            }
        };
        count.map(|count| count == N)
    }

    /// The same for a socket that is asked for trains, whose control messages are not alike. One call for each train:
    /// it holds up to 64 datagrams. An error may come after trains.
    pub(super) fn receive_trains(&mut self, socket: RawFd, from: Senders) -> nix::Result<bool> {
        let Self { buffer, trains, senders, control, .. } = self;
        let mut bytes = 0;
        for (slot, space) in buffer.chunks_exact_mut(STRIDE).enumerate() {
            let mut add = |train: Train, sender: Option<SocketAddr>| {
                bytes += train.length;
                for train in train.cut() {
                    trains.push(train);
                    senders.extend(sender);
                }
            };
            let space = &mut [IoSliceMut::new(&mut space[..MESSAGE])];
            let none = MsgFlags::empty();
            let received = match from {
                Senders::V4 => recvmsg(socket, space, Some(control), none)
                    .map(|message| add(train(slot, &message), message.address.map(sender_v4))),
                Senders::V6 => recvmsg(socket, space, Some(control), none)
                    .map(|message| add(train(slot, &message), message.address.map(sender_v6))),
                Senders::Peer => recvmsg::<()>(socket, space, Some(control), none)
                    .map(|message| add(train(slot, &message), None)),
            };
            match received {
                Ok(()) if bytes < MOST_TRAIN_BYTES => {}
                Ok(()) => return Ok(true),
                Err(Errno::EAGAIN) if slot > 0 => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

fn receive_many<const N: usize, S: SockaddrLike + Copy>(
    socket: RawFd,
    headers: &mut MultiHeaders<S>,
    buffer: &mut [u8],
    mut each: impl FnMut(usize, &RecvMsg<'_, '_, S>),
) -> nix::Result<usize> {
    let mut slots = buffer.chunks_exact_mut(STRIDE);
    let mut spaces: [[IoSliceMut<'_>; 1]; N] = array::from_fn(|_| {
        let slot = slots.next().expect("the buffer has a slot for each message");
        [IoSliceMut::new(&mut slot[..MESSAGE])]
    });
    let messages = recvmmsg(socket, headers, &mut spaces, MsgFlags::empty(), None)?;
    let mut count = 0;
    for message in messages {
        each(count, &message);
        count += 1;
    }
    Ok(count)
}

fn train<S>(slot: usize, message: &RecvMsg<'_, '_, S>) -> Train {
    let mut train = Train { start: slot * STRIDE, length: message.bytes, segment: message.bytes, tos: 0 };
    for control in message.cmsgs().into_iter().flatten() {
        match control {
            ControlMessageOwned::Ipv4Tos(tos) => train.tos = tos,
            // Eight bits of an int.
            ControlMessageOwned::Ipv6TClass(class) => train.tos = class as u8,
            ControlMessageOwned::UdpGroSegments(size) => {
                train.segment = usize::try_from(size).ok().filter(|&size| size > 0).unwrap_or(message.bytes);
            }
            _ => {}
        }
    }
    train
}

fn sender_v4(address: SockaddrIn) -> SocketAddr {
    SocketAddrV4::from(address).into()
}

fn sender_v6(address: SockaddrIn6) -> SocketAddr {
    SocketAddrV6::from(address).into()
}
