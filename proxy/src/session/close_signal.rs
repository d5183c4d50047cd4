//! How is the task of a connection or flow told to end?

use crate::telemetry::close_reason::Closed;
use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    task::{Context, Poll, Waker},
};

/// The order to end, given from outside and looked at by the task at its next chance. The first one counts.
#[derive(Debug, Default)]
pub(crate) struct CloseSignal {
    reason: Cell<Option<Closed>>,
    waker: RefCell<Option<Waker>>,
}

impl CloseSignal {
    /// Gives the order, and wakes the task.
    pub(crate) fn send(&self, reason: Closed) {
        if self.reason.get().is_none() {
            self.reason.set(Some(reason));
            self.wake();
        }
    }

    /// Wakes the task without an close_signal.
    pub(crate) fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Why to end, if the order was given.
    pub(crate) fn reason(&self) -> Option<Closed> {
        self.reason.get()
    }

    /// The same, and has the task woken when the order comes.
    pub(crate) fn poll(&self, context: &Context<'_>) -> Option<Closed> {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
        self.reason.get()
    }

    /// Resolves when the order comes.
    pub(crate) async fn wait(&self) -> Closed {
        poll_fn(|context| self.poll(context).map_or(Poll::Pending, Poll::Ready)).await
    }
}
