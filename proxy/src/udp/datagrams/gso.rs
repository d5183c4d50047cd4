//! Which datagrams of a flow can leave in one send? Pure: GRO batches in, GSO batches out.

use std::ops::Range;
use weir_core::HopLimit;

/// Datagrams that every kernel with UDP_SEGMENT can cut out of one send; newer ones cut more.
pub(in crate::udp) const MAX_SEGMENTS: usize = 64;

/// Bytes that fit in one send: as many as in one datagram over IPv4.
pub(in crate::udp) const MAX_SEND_BYTES: usize = 65_507;

/// Datagrams that lie one behind the other in memory, all of `segment` bytes but the last, which may be shorter.
///
/// The kernel hands over what a sender sent in one go as a GRO batch. Most GRO batches are one datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::udp) struct GroBatch {
    /// Offset of the first datagram in the buffer.
    pub(in crate::udp) start: usize,
    /// Bytes of all datagrams.
    pub(in crate::udp) length: usize,
    /// Bytes of each datagram but the last.
    pub(in crate::udp) segment: usize,
    /// DSCP and ECN, which go on to the receiver.
    pub(in crate::udp) tos: u8,
    /// Hop limit with which the datagrams arrived; `None` from a socket that does not receive it.
    pub(in crate::udp) hop_limit: Option<u8>,
}

/// Datagrams of equal size, but for a shorter last one, that one send can carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::udp) struct GsoBatch {
    /// Number of GRO batches.
    pub(in crate::udp) gro_batches: usize,
    /// Number of datagrams.
    pub(in crate::udp) datagrams: usize,
    /// Bytes of all datagrams.
    pub(in crate::udp) bytes: usize,
    /// Bytes of each datagram but the last.
    pub(in crate::udp) segment: usize,
}

/// GRO batches of one flow that have not left yet, in the order in which they came.
#[derive(Debug)]
pub(in crate::udp) struct Unsent<'a> {
    gro_batches: &'a mut [GroBatch],
    next: usize,
}

impl GroBatch {
    /// Number of datagrams, at least one; one may be empty.
    pub(in crate::udp) fn datagrams(&self) -> usize {
        if self.length <= self.segment { 1 } else { self.length.div_ceil(self.segment) }
    }

    /// Whether the datagrams may go on: they have a hop left, or nobody knows.
    pub(in crate::udp) fn has_hops(&self) -> bool {
        self.hop_limit.is_none_or(|received| HopLimit::after(received).is_some())
    }

    /// Range of all datagrams in the buffer.
    pub(in crate::udp) fn bytes(&self) -> Range<usize> {
        self.start..self.start + self.length
    }

    /// Cuts what the kernel handed over into GRO batches that one send can carry.
    pub(in crate::udp) fn cut(self) -> impl Iterator<Item = Self> {
        let max_bytes = match self.segment {
            0 => 1,
            segment => segment * MAX_SEGMENTS.min(MAX_SEND_BYTES / segment).max(1),
        };
        (0..self.length.div_ceil(max_bytes).max(1)).map(move |index| Self {
            start: self.start + index * max_bytes,
            length: max_bytes.min(self.length - index * max_bytes),
            ..self
        })
    }
}

impl GsoBatch {
    /// The GSO batch that the first of these GRO batches begins.
    pub(in crate::udp) fn first_of(gro_batches: &[GroBatch]) -> Self {
        let Some(first) = gro_batches.first() else { return Self::default() };
        let mut gso_batch = Self { segment: first.segment, ..Self::default() };
        for gro_batch in gro_batches {
            let like = gro_batch.segment == gso_batch.segment
                || (gro_batch.datagrams() == 1 && gro_batch.length < gso_batch.segment);
            let fits = gso_batch.datagrams + gro_batch.datagrams() <= MAX_SEGMENTS
                && gso_batch.bytes + gro_batch.length <= MAX_SEND_BYTES
                && gro_batch.length > 0;
            if gso_batch.gro_batches > 0 && !(like && fits && gro_batch.tos == first.tos) {
                break;
            }
            gso_batch.gro_batches += 1;
            gso_batch.datagrams += gro_batch.datagrams();
            gso_batch.bytes += gro_batch.length;
            // Only the last datagram of a send may be shorter, and a send that ends with an empty one cannot say so.
            if gso_batch.segment == 0 || gro_batch.length % gso_batch.segment != 0 {
                break;
            }
        }
        gso_batch
    }
}

impl<'a> Unsent<'a> {
    pub(in crate::udp) fn new(gro_batches: &'a mut [GroBatch]) -> Self {
        Self { gro_batches, next: 0 }
    }

    /// GRO batches that have not left yet.
    pub(in crate::udp) fn gro_batches(&self) -> &[GroBatch] {
        &self.gro_batches[self.next..]
    }

    /// Hop limit with which the datagrams go on, which is right for each of them; `None` if nobody knows.
    pub(in crate::udp) fn hop_limit(&self) -> Option<HopLimit> {
        self.gro_batches().iter().filter_map(|gro_batch| gro_batch.hop_limit).min().and_then(HopLimit::after)
    }

    pub(in crate::udp) fn is_empty(&self) -> bool {
        self.gro_batches().is_empty()
    }

    /// Number of datagrams that have not left yet.
    pub(in crate::udp) fn datagrams(&self) -> usize {
        self.gro_batches().iter().map(GroBatch::datagrams).sum()
    }

    /// Passes over datagrams that have left, or were dropped; returns their bytes.
    pub(in crate::udp) fn pass(&mut self, mut datagrams: usize) -> usize {
        let mut bytes = 0;
        while datagrams > 0 && !self.is_empty() {
            let gro_batch = &mut self.gro_batches[self.next];
            if gro_batch.datagrams() <= datagrams {
                datagrams -= gro_batch.datagrams();
                bytes += gro_batch.length;
                self.next += 1;
            } else {
                let passed = datagrams * gro_batch.segment;
                (gro_batch.start, gro_batch.length) = (gro_batch.start + passed, gro_batch.length - passed);
                bytes += passed;
                datagrams = 0;
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests;
