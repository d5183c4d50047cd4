//! How is the task of a connection or flow ended from outside?

use crate::telemetry::close_reason::Closed;
use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    task::{Context, Poll, Waker},
};

/// A signal to end, sent from outside and seen by the task when it is next polled. Only the first reason counts.
#[derive(Debug, Default)]
pub(crate) struct CloseSignal {
    reason: Cell<Option<Closed>>,
    waker: RefCell<Option<Waker>>,
}

impl CloseSignal {
    /// Sends the signal, and wakes the task.
    pub(crate) fn send(&self, reason: Closed) {
        if self.reason.get().is_none() {
            self.reason.set(Some(reason));
            self.wake();
        }
    }

    /// Wakes the task without a signal.
    pub(crate) fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Reason to end; `None` if the signal was not sent.
    pub(crate) fn reason(&self) -> Option<Closed> {
        self.reason.get()
    }

    /// Reason to end; `None` if the signal was not sent yet, and then it will wake the task.
    pub(crate) fn poll(&self, context: &Context<'_>) -> Option<Closed> {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
        self.reason.get()
    }

    /// Waits for the signal; returns the reason to end.
    pub(crate) async fn wait(&self) -> Closed {
        poll_fn(|context| self.poll(context).map_or(Poll::Pending, Poll::Ready)).await
    }
}
