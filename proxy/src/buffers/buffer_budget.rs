//! How much memory do the relays of a worker hold for bytes that were read and cannot be written yet?

use std::{cell::Cell, rc::Rc};

/// The memory of one worker's relays. Each worker has a budget of its own, so that relaying shares nothing.
#[derive(Debug)]
pub(crate) struct BufferBudget {
    held: Cell<usize>,
    max_bytes: usize,
}

impl BufferBudget {
    /// Creates a budget of `max_bytes`.
    pub(crate) fn new(max_bytes: usize) -> Rc<Self> {
        Rc::new(Self { held: Cell::new(0), max_bytes })
    }

    /// Bytes that are held.
    pub(crate) fn held(&self) -> usize {
        self.held.get()
    }

    /// Whether `bytes` more may be held.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.held.get() + bytes <= self.max_bytes
    }

    /// Holds a copy of `bytes`, even beyond the budget. The first `header` bytes are a header of this proxy, not
    /// relayed ones.
    pub(crate) fn hold(self: &Rc<Self>, bytes: &[u8], header: usize) -> Buffered {
        self.held.set(self.held.get() + bytes.len());
        Buffered { bytes: bytes.into(), written: 0, header, budget: Rc::clone(self) }
    }
}

/// Bytes that are still to be written. All of them count as held until dropped.
#[derive(Debug)]
pub(crate) struct Buffered {
    bytes: Box<[u8]>,
    /// Number of bytes that were written.
    written: usize,
    /// Number of bytes at the beginning that do not count as relayed.
    header: usize,
    budget: Rc<BufferBudget>,
}

impl Buffered {
    /// Bytes that are still to be written.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    /// Records that `count` more bytes were written; returns how many of them count as relayed.
    pub(crate) fn advance(&mut self, count: usize) -> u64 {
        let before = self.written.max(self.header);
        self.written += count;
        (self.written.max(self.header) - before) as u64
    }

    /// Whether a header and nothing else is held, and nothing of it was written.
    pub(crate) fn is_header(&self) -> bool {
        self.header > 0 && self.written == 0 && self.header == self.bytes.len()
    }

    /// Bytes that are still to be written, without the header.
    pub(crate) fn without_header(self) -> Self {
        self.budget.hold(&self.bytes[self.written.max(self.header)..], 0)
    }
}

impl Drop for Buffered {
    fn drop(&mut self) {
        self.budget.held.set(self.budget.held.get() - self.bytes.len());
    }
}
