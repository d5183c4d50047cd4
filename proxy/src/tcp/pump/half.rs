//! What is known of one direction of a relay between two looks?

use super::{failure::Failure, splice_mode::SpliceMode};
use crate::{
    buffers::{
        buffer_budget::{BufferBudget, Buffered},
        pipe_pool::PooledPipe,
    },
    telemetry::close_reason::Closed,
};
use std::rc::Rc;

/// One direction of a relay.
#[derive(Debug, Default)]
pub(in crate::tcp) struct Half {
    pub(super) pending: Pending,
    pub(super) splice_mode: SpliceMode,
    pub(super) state: State,
    /// Failure of the sender.
    failure: Option<Failure>,
    /// Whether bytes that were there could not be spliced.
    pub(super) is_stuck: bool,
}

/// Bytes that were read but not yet written. Nothing pending takes no memory and no descriptor.
#[derive(Debug, Default)]
pub(super) enum Pending {
    #[default]
    Nothing,
    /// Copied bytes. Boxed: few connections have any, and all would be larger for it.
    Bytes(Box<Buffered>),
    /// Spliced bytes.
    Piped(PooledPipe),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    /// The sender may still send.
    #[default]
    Open,
    /// The sender has ended; pending bytes are still to be written.
    Ending,
    /// The end was passed on.
    Ended,
}

impl Half {
    /// Turns the direction towards another endpoint: an end that was passed on is passed on once more, and a header is
    /// left out.
    pub(in crate::tcp) fn for_another_endpoint(self) -> Self {
        let state = if self.state == State::Ended { State::Ending } else { self.state };
        let pending = match self.pending {
            Pending::Bytes(buffered) => Pending::of(buffered.without_header()),
            pending => pending,
        };
        Self { state, pending, ..self }
    }

    /// Puts a header in front of pending bytes, held in `buffers`.
    pub(in crate::tcp) fn with_header(self, header: &[u8], buffers: &Rc<BufferBudget>) -> Self {
        let rest = match &self.pending {
            Pending::Bytes(buffered) => buffered.rest(),
            // Nothing is spliced before much was relayed, and then no header comes any more.
            Pending::Nothing | Pending::Piped(_) => &[][..],
        };
        let pending = Pending::of(buffers.hold(&[header, rest].concat(), header.len()));
        Self { pending, ..self }
    }

    /// Whether a header, and nothing else, is pending.
    pub(super) fn is_at_header(&self) -> bool {
        self.state == State::Open && matches!(&self.pending, Pending::Bytes(buffered) if buffered.is_header())
    }

    /// Whether the end of this direction was passed on.
    pub(in crate::tcp) fn is_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Marks the sender as failed. `followed_end` is whether it had ended its stream in order before.
    pub(in crate::tcp) fn fail(&mut self, reason: Closed, followed_end: bool) {
        self.failure = Some(Failure::new(reason, followed_end || self.state != State::Open));
    }

    /// Failure of the sender.
    pub(in crate::tcp) fn failure(&self) -> Option<Failure> {
        self.failure
    }

    /// Failure of the sender, to be changed.
    pub(in crate::tcp) fn failure_mut(&mut self) -> Option<&mut Failure> {
        self.failure.as_mut()
    }

    /// Whether the next bytes are spliced.
    #[cfg(test)]
    pub(in crate::tcp) fn is_spliced(&self) -> bool {
        self.splice_mode.is_spliced()
    }
}

impl Pending {
    pub(super) fn of(buffered: Buffered) -> Self {
        if buffered.rest().is_empty() { Self::Nothing } else { Self::Bytes(Box::new(buffered)) }
    }
}
