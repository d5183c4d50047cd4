//! Which datagrams of a flow can leave in one send? Pure: gro_batches in, runs out.

use std::ops::Range;

/// How many datagrams the kernel cuts out of one send; newer ones do more.
pub(in crate::udp) const MAX_SEGMENTS: usize = 64;

/// How many bytes fit in one send: as many as in one datagram over IPv4.
pub(in crate::udp) const MAX_SEND_BYTES: usize = 65_507;

/// DatagramScratch that lie one behind the other in memory, all of `segment` bytes but the last, which may be shorter.
///
/// The kernel hands over what a sender sent in one go as a gro_batch. Most gro_batches are one datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::udp) struct GroBatch {
    /// Where in the buffer the first datagram begins.
    pub(in crate::udp) start: usize,
    /// Bytes of all datagrams.
    pub(in crate::udp) length: usize,
    /// Bytes of each datagram but the last.
    pub(in crate::udp) segment: usize,
    /// DSCP and ECN, which go on to the receiver.
    pub(in crate::udp) tos: u8,
}

/// DatagramScratch of equal size, but for a shorter last one, that one send can carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::udp) struct GsoBatch {
    pub(in crate::udp) gro_batches: usize,
    pub(in crate::udp) datagrams: usize,
    pub(in crate::udp) bytes: usize,
    pub(in crate::udp) segment: usize,
}

/// What of one flow's gro_batches has not left yet, in the order in which it came.
#[derive(Debug)]
pub(in crate::udp) struct Unsent<'a> {
    gro_batches: &'a mut [GroBatch],
    next: usize,
}

impl GroBatch {
    /// How many datagrams there are. One may be empty.
    pub(in crate::udp) fn datagrams(&self) -> usize {
        if self.length <= self.segment { 1 } else { self.length.div_ceil(self.segment) }
    }

    /// Where the bytes are.
    pub(in crate::udp) fn bytes(&self) -> Range<usize> {
        self.start..self.start + self.length
    }

    /// Cuts what the kernel handed over into gro_batches that one send can carry.
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
    /// The run that the first of these gro_batches begins.
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

    /// What is left.
    pub(in crate::udp) fn gro_batches(&self) -> &[GroBatch] {
        &self.gro_batches[self.next..]
    }

    pub(in crate::udp) fn is_empty(&self) -> bool {
        self.gro_batches().is_empty()
    }

    /// How many datagrams are left.
    pub(in crate::udp) fn datagrams(&self) -> usize {
        self.gro_batches().iter().map(GroBatch::datagrams).sum()
    }

    /// Passes over datagrams that have left, or were dropped. Returns how many bytes they had.
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
