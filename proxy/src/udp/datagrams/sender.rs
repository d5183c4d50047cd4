//! How do datagrams leave a socket, many in one send?

use super::gso::{GroBatch, GsoBatch, MAX_SEGMENTS, Unsent};
use nix::{
    errno::Errno,
    sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, send, sendmmsg, sendto},
};
use std::{array, cell::Cell, io::IoSlice, net::SocketAddr, os::fd::RawFd};

/// Headers of the system calls that send. A worker has one set, so that nothing is allocated for a send.
///
/// sendmmsg(2) is used for one message at a time: with more it takes as long as a call for each, and nix's sendmsg
/// allocates.
pub(in crate::udp) struct Sender {
    /// Headers with space for one control message: the kernel takes all of the space as used.
    one: MultiHeaders<SockaddrStorage>,
    /// Headers with space for two control messages.
    two: MultiHeaders<SockaddrStorage>,
}

/// The socket that datagrams leave through, and their receiver.
pub(in crate::udp) struct Route<'a> {
    pub(in crate::udp) socket: RawFd,
    /// Receiver of the datagrams; `None` if the socket is connected.
    pub(in crate::udp) to: Option<SocketAddr>,
    pub(in crate::udp) ipv6: bool,
    /// Bytes of the largest datagrams that the kernel can cut out of a larger send on this route.
    pub(in crate::udp) max_segment: &'a Cell<usize>,
}

/// Outcome of sending datagrams.
#[derive(Debug, Default)]
pub(in crate::udp) struct Sent {
    pub(in crate::udp) datagrams: usize,
    pub(in crate::udp) bytes: usize,
    /// Datagrams for which there was no room or no route, as may happen in any network.
    pub(in crate::udp) dropped: usize,
    /// Bytes of the longest GSO batch.
    pub(in crate::udp) longest: usize,
    /// Whether the receiver refused an earlier datagram; the rest was not sent.
    pub(in crate::udp) refused: bool,
}

impl Sender {
    pub(in crate::udp) fn new() -> Self {
        // The space for two bytes (UDP_SEGMENT), one (IP_TOS) and an int (IPV6_TCLASS) is the same.
        Self {
            one: MultiHeaders::preallocate(1, Some(nix::cmsg_space!(i32))),
            two: MultiHeaders::preallocate(1, Some(nix::cmsg_space!(i32, i32))),
        }
    }

    /// Sends all datagrams, in order, unless the receiver refuses.
    pub(in crate::udp) fn send_all(
        &mut self,
        buffer: &[u8],
        unsent: &mut Unsent<'_>,
        route: &Route<'_>,
    ) -> Sent {
        let mut all = Sent::default();
        while !unsent.is_empty() {
            match self.send(buffer, unsent.gro_batches(), route) {
                Ok(datagrams) => {
                    let bytes = unsent.pass(datagrams);
                    all.datagrams += datagrams;
                    all.bytes += bytes;
                    if datagrams > 1 {
                        all.longest = all.longest.max(bytes);
                    }
                }
                Err(Errno::ECONNREFUSED) => {
                    all.refused = true;
                    break;
                }
                Err(_) => {
                    unsent.pass(1);
                    all.dropped += 1;
                }
            }
        }
        all
    }

    /// Sends what comes first, as much as one call takes; returns the number of datagrams that left. An error is about
    /// the first.
    fn send(&mut self, buffer: &[u8], gro_batches: &[GroBatch], route: &Route<'_>) -> nix::Result<usize> {
        let gso_batch = GsoBatch::first_of(gro_batches);
        if gso_batch.datagrams > 1 && gso_batch.segment <= route.max_segment.get() {
            match self.send_gso(buffer, &gro_batches[..gso_batch.gro_batches], gso_batch.segment, route) {
                // The kernel or the device cannot, or such datagrams must be fragmented: now and later one by one.
                Err(Errno::EINVAL | Errno::EMSGSIZE | Errno::EIO) => {
                    route.max_segment.set(gso_batch.segment - 1)
                }
                sent => return sent.map(|()| gso_batch.datagrams),
            }
        }
        self.send_first(buffer, &gro_batches[0], route).map(|()| 1)
    }

    /// Sends GRO batches in one call, out of which the kernel cuts datagrams of `segment` bytes (UDP_SEGMENT). This
    /// costs little more than one datagram.
    fn send_gso(
        &mut self,
        buffer: &[u8],
        gro_batches: &[GroBatch],
        segment: usize,
        route: &Route<'_>,
    ) -> nix::Result<()> {
        let slices: [IoSlice<'_>; MAX_SEGMENTS] = array::from_fn(|index| {
            IoSlice::new(gro_batches.get(index).map_or(&[], |gro_batch| &buffer[gro_batch.bytes()]))
        });
        // A GSO batch has fewer bytes than 16 bits can count.
        let segment = segment as u16;
        let cut = ControlMessage::UdpGsoSegments(&segment);
        let (tos, class) = (gro_batches[0].tos, i32::from(gro_batches[0].tos));
        let (message, to, none) = ([&slices[..gro_batches.len()]], [route.address()], MsgFlags::empty());
        if tos == 0 {
            sendmmsg(route.socket, &mut self.one, &message, to, [cut], none).map(drop)
        } else {
            sendmmsg(route.socket, &mut self.two, &message, to, [cut, route.mark(&tos, &class)], none)
                .map(drop)
        }
    }

    /// Sends the first datagram of a GRO batch.
    fn send_first(&mut self, buffer: &[u8], gro_batch: &GroBatch, route: &Route<'_>) -> nix::Result<()> {
        let bytes = &buffer[gro_batch.start..gro_batch.start + gro_batch.length.min(gro_batch.segment)];
        let (to, none) = (route.address(), MsgFlags::empty());
        if gro_batch.tos == 0 {
            return match to {
                None => send(route.socket, bytes, none).map(drop),
                Some(to) => sendto(route.socket, bytes, &to, none).map(drop),
            };
        }
        let (tos, class) = (gro_batch.tos, i32::from(gro_batch.tos));
        let (message, mark) = ([[IoSlice::new(bytes)]], [route.mark(&tos, &class)]);
        sendmmsg(route.socket, &mut self.one, &message, [to], mark, none).map(drop)
    }
}

impl Route<'_> {
    fn address(&self) -> Option<SockaddrStorage> {
        self.to.map(SockaddrStorage::from)
    }

    /// The control message by which a datagram keeps its DSCP and ECN.
    fn mark<'a>(&self, tos: &'a u8, class: &'a i32) -> ControlMessage<'a> {
        if self.ipv6 { ControlMessage::Ipv6TClass(class) } else { ControlMessage::Ipv4Tos(tos) }
    }
}
