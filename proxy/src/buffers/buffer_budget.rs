//! How much memory do the relays of a worker hold for bytes that were read and cannot be written yet?

use std::{cell::Cell, rc::Rc};

/// The memory of one worker's relays. Each worker has its share, so that relaying touches nothing shared.
#[derive(Debug)]
pub(crate) struct BufferBudget {
    held: Cell<usize>,
    max_bytes: usize,
}

impl BufferBudget {
    /// Room for `most` bytes.
    pub(crate) fn new(max_bytes: usize) -> Rc<Self> {
        Rc::new(Self { held: Cell::new(0), max_bytes })
    }

    /// Bytes held now.
    pub(crate) fn held(&self) -> usize {
        self.held.get()
    }

    /// Whether so many bytes more may be held.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.held.get() + bytes <= self.max_bytes
    }

    /// Keeps a copy of these bytes, of which the first are a header of this proxy's own.
    pub(crate) fn hold(self: &Rc<Self>, bytes: &[u8], header: usize) -> Buffered {
        self.held.set(self.held.get() + bytes.len());
        Buffered { bytes: bytes.into(), written: 0, header, budget: Rc::clone(self) }
    }
}

/// Bytes that count as held until this is dropped.
#[derive(Debug)]
pub(crate) struct Buffered {
    bytes: Box<[u8]>,
    /// How many of them were written.
    written: usize,
    /// So many of the first do not count as relayed.
    header: usize,
    budget: Rc<BufferBudget>,
}

impl Buffered {
    /// What is still to be written.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    /// Takes note that so many more were written; returns how many of those count as relayed.
    pub(crate) fn advance(&mut self, count: usize) -> u64 {
        let before = self.written.max(self.header);
        self.written += count;
        (self.written.max(self.header) - before) as u64
    }

    /// Whether it is a header of which nothing was written.
    pub(crate) fn is_header(&self) -> bool {
        self.header > 0 && self.written == 0 && self.header == self.bytes.len()
    }

    /// What is still to be written without the header.
    pub(crate) fn without_header(self) -> Self {
        self.budget.hold(&self.bytes[self.written.max(self.header)..], 0)
    }
}

impl Drop for Buffered {
    fn drop(&mut self) {
        self.budget.held.set(self.budget.held.get() - self.bytes.len());
    }
}
