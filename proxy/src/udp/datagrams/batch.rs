//! Where are datagrams while a worker forwards them, and how do they get there?

use super::gso::GroBatch;
use nix::{
    errno::Errno,
    libc::{sockaddr_in, sockaddr_in6},
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

/// Messages received in one call at most.
pub(in crate::udp) const MAX_BATCH_MESSAGES: usize = 64;

/// Messages received in one call where hardly any are expected: to prepare for each of them takes time.
pub(in crate::udp) const SMALL_BATCH_MESSAGES: usize = 16;

/// Bytes of the largest message: a datagram, or a GRO batch.
const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// Bytes from one message to the next. A round number would put the beginnings of all messages, where small ones are,
/// into the same few sets of the processor's caches.
const MESSAGE_STRIDE_BYTES: usize = MAX_MESSAGE_BYTES + 23 * 64;

/// Bytes of GRO batches received in one go. More would not be in the cache any more when they are sent.
const MAX_GRO_BYTES: usize = 256 * 1024;

/// The senders that a socket receives from, and what comes with each message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::udp) enum ReceiveMode {
    /// Any sender, over IPv4.
    AnyV4,
    /// Any sender, over IPv6.
    AnyV6,
    /// Any sender, over IPv4, with the original destination of each message (ip(7), IP_RECVORIGDSTADDR).
    CapturedV4,
    /// Any sender, over IPv6, with the original destination of each message.
    CapturedV6,
    /// The peer of a connected socket.
    Connected,
}

/// Datagrams that were received last. A worker has one buffer, lent while datagrams are in flight; its pages take
/// memory once used.
pub(in crate::udp) struct ReceiveBuffer {
    pub(in crate::udp) buffer: Box<[u8]>,
    pub(in crate::udp) gro_batches: Vec<GroBatch>,
    /// Sender of each GRO batch; empty for a connected socket.
    pub(in crate::udp) senders: Vec<SocketAddr>,
    /// Original destination of each GRO batch; empty but for a capture socket.
    destinations: Vec<SocketAddr>,
    /// Original destinations without repetition, less what was taken out.
    addresses: Vec<SocketAddr>,
    /// Headers, kept from call to call. The kernel notes in them how long the address and the control messages were,
    /// and they cannot be set back: so each is used for one kind of socket, of which all messages are alike.
    v4: MultiHeaders<SockaddrIn>,
    v6: MultiHeaders<SockaddrIn6>,
    captured_v4: MultiHeaders<SockaddrIn>,
    captured_v6: MultiHeaders<SockaddrIn6>,
    peer: MultiHeaders<()>,
    /// Control messages of a GRO batch: its segment size, its TOS, its hop limit and its original destination.
    control: Vec<u8>,
}

impl ReceiveBuffer {
    pub(in crate::udp) fn new() -> Self {
        // IPV6_TCLASS takes an int and IP_TOS a byte; the space is the same.
        let tos = || Some(nix::cmsg_space!(i32));
        let tos_and_hop_limit = || Some(nix::cmsg_space!(i32, i32));
        let mut control = nix::cmsg_space!(i32, i32, i32, sockaddr_in6);
        control.resize(control.capacity(), 0);
        Self {
            buffer: vec![0; MAX_BATCH_MESSAGES * MESSAGE_STRIDE_BYTES].into(),
            gro_batches: Vec::with_capacity(MAX_BATCH_MESSAGES),
            senders: Vec::with_capacity(MAX_BATCH_MESSAGES),
            destinations: Vec::with_capacity(MAX_BATCH_MESSAGES),
            addresses: Vec::with_capacity(MAX_BATCH_MESSAGES),
            v4: MultiHeaders::preallocate(MAX_BATCH_MESSAGES, tos_and_hop_limit()),
            v6: MultiHeaders::preallocate(MAX_BATCH_MESSAGES, tos_and_hop_limit()),
            captured_v4: MultiHeaders::preallocate(
                MAX_BATCH_MESSAGES,
                Some(nix::cmsg_space!(i32, i32, sockaddr_in)),
            ),
            captured_v6: MultiHeaders::preallocate(
                MAX_BATCH_MESSAGES,
                Some(nix::cmsg_space!(i32, i32, sockaddr_in6)),
            ),
            peer: MultiHeaders::preallocate(MAX_BATCH_MESSAGES, tos()),
            control,
        }
    }

    /// Forgets the datagrams that were received last.
    pub(in crate::udp) fn clear(&mut self) {
        self.gro_batches.clear();
        self.senders.clear();
        self.destinations.clear();
    }

    /// Finds the original destinations, for [`Self::next_destination`].
    pub(in crate::udp) fn list_destinations(&mut self) {
        self.addresses.clear();
        for &address in &self.destinations {
            // Most of a batch went to the same few addresses.
            if !self.addresses.contains(&address) {
                self.addresses.push(address);
            }
        }
    }

    /// Takes out one of the original destinations; each comes once.
    pub(in crate::udp) fn next_destination(&mut self) -> Option<SocketAddr> {
        self.addresses.pop()
    }

    /// GRO batches with their senders, of all destinations or of one.
    pub(in crate::udp) fn to(
        &self,
        address: Option<SocketAddr>,
    ) -> impl Iterator<Item = (SocketAddr, GroBatch)> {
        let all = self.senders.iter().copied().zip(self.gro_batches.iter().copied()).enumerate();
        let is_to =
            move |index: usize| address.is_none_or(|address| self.destinations.get(index) == Some(&address));
        all.filter(move |&(index, _)| is_to(index)).map(|(_, gro_batch)| gro_batch)
    }

    /// Receives what waits in a socket that is not asked for GRO batches, up to `N` datagrams; returns whether more may
    /// wait.
    pub(in crate::udp) fn receive<const N: usize>(
        &mut self,
        socket: RawFd,
        from: ReceiveMode,
    ) -> nix::Result<bool> {
        let Self {
            buffer, gro_batches, senders, destinations, v4, v6, captured_v4, captured_v6, peer, ..
        } = self;
        let count = match from {
            ReceiveMode::AnyV4 => receive_many::<N, _>(socket, v4, buffer, |index, message| {
                gro_batches.push(gro_batch(index, message));
                senders.extend(message.address.map(sender_v4));
            }),
            ReceiveMode::AnyV6 => receive_many::<N, _>(socket, v6, buffer, |index, message| {
                gro_batches.push(gro_batch(index, message));
                senders.extend(message.address.map(sender_v6));
            }),
            ReceiveMode::CapturedV4 => receive_many::<N, _>(socket, captured_v4, buffer, |index, message| {
                if let Some((sender, address)) = message.address.map(sender_v4).zip(address(message)) {
                    gro_batches.push(gro_batch(index, message));
                    senders.push(sender);
                    destinations.push(address);
                }
            }),
            ReceiveMode::CapturedV6 => receive_many::<N, _>(socket, captured_v6, buffer, |index, message| {
                if let Some((sender, address)) = message.address.map(sender_v6).zip(address(message)) {
                    gro_batches.push(gro_batch(index, message));
                    senders.push(sender);
                    destinations.push(address);
                }
            }),
            ReceiveMode::Connected => receive_many::<N, _>(socket, peer, buffer, |index, message| {
                gro_batches.push(gro_batch(index, message))
            }),
        };
        count.map(|count| count == N)
    }

    /// Receives what waits in a socket that is asked for GRO batches, whose control messages are not alike; returns
    /// whether more may wait. One call for each GRO batch, which holds up to 64 datagrams. An error may come after GRO
    /// batches.
    pub(in crate::udp) fn receive_gro(&mut self, socket: RawFd, from: ReceiveMode) -> nix::Result<bool> {
        let Self { buffer, gro_batches, senders, destinations, control, .. } = self;
        let mut bytes = 0;
        for (index, space) in buffer.chunks_exact_mut(MESSAGE_STRIDE_BYTES).enumerate() {
            let mut add = |gro_batch: GroBatch, sender: Option<SocketAddr>, address: Option<SocketAddr>| {
                bytes += gro_batch.length;
                for gro_batch in gro_batch.cut() {
                    gro_batches.push(gro_batch);
                    senders.extend(sender);
                    destinations.extend(address);
                }
            };
            let space = &mut [IoSliceMut::new(&mut space[..MAX_MESSAGE_BYTES])];
            let none = MsgFlags::empty();
            let received = match from {
                ReceiveMode::AnyV4 => recvmsg(socket, space, Some(control), none)
                    .map(|message| add(gro_batch(index, &message), message.address.map(sender_v4), None)),
                ReceiveMode::AnyV6 => recvmsg(socket, space, Some(control), none)
                    .map(|message| add(gro_batch(index, &message), message.address.map(sender_v6), None)),
                ReceiveMode::CapturedV4 => recvmsg(socket, space, Some(control), none).map(|message| {
                    add(gro_batch(index, &message), message.address.map(sender_v4), address(&message));
                }),
                ReceiveMode::CapturedV6 => recvmsg(socket, space, Some(control), none).map(|message| {
                    add(gro_batch(index, &message), message.address.map(sender_v6), address(&message));
                }),
                ReceiveMode::Connected => recvmsg::<()>(socket, space, Some(control), none)
                    .map(|message| add(gro_batch(index, &message), None, None)),
            };
            match received {
                Ok(()) if bytes < MAX_GRO_BYTES => {}
                Ok(()) => return Ok(true),
                Err(Errno::EAGAIN) if index > 0 => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

/// Receives up to `N` messages in one call and passes them to `each`; returns their number.
fn receive_many<const N: usize, S: SockaddrLike + Copy>(
    socket: RawFd,
    headers: &mut MultiHeaders<S>,
    buffer: &mut [u8],
    mut each: impl FnMut(usize, &RecvMsg<'_, '_, S>),
) -> nix::Result<usize> {
    let mut spaces_left = buffer.chunks_exact_mut(MESSAGE_STRIDE_BYTES);
    let mut spaces: [[IoSliceMut<'_>; 1]; N] = array::from_fn(|_| {
        let space = spaces_left.next().expect("the buffer has space for each message");
        [IoSliceMut::new(&mut space[..MAX_MESSAGE_BYTES])]
    });
    let messages = recvmmsg(socket, headers, &mut spaces, MsgFlags::empty(), None)?;
    let mut count = 0;
    for message in messages {
        each(count, &message);
        count += 1;
    }
    Ok(count)
}

/// The GRO batch of the message at `index` of the buffer.
fn gro_batch<S>(index: usize, message: &RecvMsg<'_, '_, S>) -> GroBatch {
    let mut gro_batch = GroBatch {
        start: index * MESSAGE_STRIDE_BYTES,
        length: message.bytes,
        segment: message.bytes,
        tos: 0,
        hop_limit: None,
    };
    for control in message.cmsgs().into_iter().flatten() {
        match control {
            ControlMessageOwned::Ipv4Tos(tos) => gro_batch.tos = tos,
            // Eight bits of an int.
            ControlMessageOwned::Ipv6TClass(class) => gro_batch.tos = class as u8,
            // Eight bits of an int.
            ControlMessageOwned::Ipv4Ttl(hops) | ControlMessageOwned::Ipv6HopLimit(hops) => {
                gro_batch.hop_limit = Some(hops as u8);
            }
            ControlMessageOwned::UdpGroSegments(size) => {
                gro_batch.segment =
                    usize::try_from(size).ok().filter(|&size| size > 0).unwrap_or(message.bytes);
            }
            _ => {}
        }
    }
    gro_batch
}

/// The original destination of a message.
fn address<S>(message: &RecvMsg<'_, '_, S>) -> Option<SocketAddr> {
    message.cmsgs().into_iter().flatten().find_map(|control| match control {
        ControlMessageOwned::Ipv4OrigDstAddr(address) => Some(sender_v4(address.into())),
        ControlMessageOwned::Ipv6OrigDstAddr(address) => {
            let address = SocketAddrV6::from(SockaddrIn6::from(address));
            // The scope and the flow label are no part of a frontend.
            Some(SocketAddr::new((*address.ip()).into(), address.port()))
        }
        _ => None,
    })
}

fn sender_v4(address: SockaddrIn) -> SocketAddr {
    SocketAddrV4::from(address).into()
}

fn sender_v6(address: SockaddrIn6) -> SocketAddr {
    SocketAddrV6::from(address).into()
}
