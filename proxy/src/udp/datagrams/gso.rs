//! Which datagrams of a flow can leave in one send? Pure: trains in, runs out.

use std::ops::Range;

/// How many datagrams the kernel cuts out of one send; newer ones do more.
pub(in crate::udp) const MOST_SEGMENTS: usize = 64;

/// How many bytes fit in one send: as many as in one datagram over IPv4.
pub(in crate::udp) const MOST_BYTES: usize = 65_507;

/// Datagrams that lie one behind the other in memory, all of `segment` bytes but the last, which may be shorter.
///
/// The kernel hands over what a sender sent in one go as a train. Most trains are one datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::udp) struct Train {
    /// Where in the buffer the first datagram begins.
    pub(in crate::udp) start: usize,
    /// Bytes of all datagrams.
    pub(in crate::udp) length: usize,
    /// Bytes of each datagram but the last.
    pub(in crate::udp) segment: usize,
    /// DSCP and ECN, which go on to the receiver.
    pub(in crate::udp) tos: u8,
}

/// Datagrams of equal size, but for a shorter last one, that one send can carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::udp) struct Run {
    pub(in crate::udp) trains: usize,
    pub(in crate::udp) datagrams: usize,
    pub(in crate::udp) bytes: usize,
    pub(in crate::udp) segment: usize,
}

/// What of one flow's trains has not left yet, in the order in which it came.
#[derive(Debug)]
pub(in crate::udp) struct Unsent<'a> {
    trains: &'a mut [Train],
    next: usize,
}

impl Train {
    /// How many datagrams there are. One may be empty.
    pub(in crate::udp) fn datagrams(&self) -> usize {
        if self.length <= self.segment { 1 } else { self.length.div_ceil(self.segment) }
    }

    /// Where the bytes are.
    pub(in crate::udp) fn bytes(&self) -> Range<usize> {
        self.start..self.start + self.length
    }

    /// Cuts what the kernel handed over into trains that one send can carry.
    pub(in crate::udp) fn cut(self) -> impl Iterator<Item = Self> {
        let most = match self.segment {
            0 => 1,
            segment => segment * MOST_SEGMENTS.min(MOST_BYTES / segment).max(1),
        };
        (0..self.length.div_ceil(most).max(1)).map(move |index| Self {
            start: self.start + index * most,
            length: most.min(self.length - index * most),
            ..self
        })
    }
}

impl Run {
    /// The run that the first of these trains begins.
    pub(in crate::udp) fn first_of(trains: &[Train]) -> Self {
        let Some(first) = trains.first() else { return Self::default() };
        let mut run = Self { segment: first.segment, ..Self::default() };
        for train in trains {
            let like = train.segment == run.segment || (train.datagrams() == 1 && train.length < run.segment);
            let fits = run.datagrams + train.datagrams() <= MOST_SEGMENTS
                && run.bytes + train.length <= MOST_BYTES
                && train.length > 0;
            if run.trains > 0 && !(like && fits && train.tos == first.tos) {
                break;
            }
            run.trains += 1;
            run.datagrams += train.datagrams();
            run.bytes += train.length;
            // Only the last datagram of a send may be shorter, and a send that ends with an empty one cannot say so.
            if run.segment == 0 || train.length % run.segment != 0 {
                break;
            }
        }
        run
    }
}

impl<'a> Unsent<'a> {
    pub(in crate::udp) fn new(trains: &'a mut [Train]) -> Self {
        Self { trains, next: 0 }
    }

    /// What is left.
    pub(in crate::udp) fn trains(&self) -> &[Train] {
        &self.trains[self.next..]
    }

    pub(in crate::udp) fn is_empty(&self) -> bool {
        self.trains().is_empty()
    }

    /// How many datagrams are left.
    pub(in crate::udp) fn datagrams(&self) -> usize {
        self.trains().iter().map(Train::datagrams).sum()
    }

    /// Passes over datagrams that have left, or were dropped. Returns how many bytes they had.
    pub(in crate::udp) fn pass(&mut self, mut datagrams: usize) -> usize {
        let mut bytes = 0;
        while datagrams > 0 && !self.is_empty() {
            let train = &mut self.trains[self.next];
            if train.datagrams() <= datagrams {
                datagrams -= train.datagrams();
                bytes += train.length;
                self.next += 1;
            } else {
                let passed = datagrams * train.segment;
                (train.start, train.length) = (train.start + passed, train.length - passed);
                bytes += passed;
                datagrams = 0;
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests;
