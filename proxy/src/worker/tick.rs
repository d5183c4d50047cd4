//! What does a worker do once a second?

use crate::{session::termination::MAX_BURST_ENDS, udp::context::UdpContext};
use std::{cell::Cell, rc::Rc};

/// The work that one worker does once a second.
pub(super) struct Ticker {
    udp: Rc<UdpContext>,
    /// Whether the rest of an earlier tick is still being done.
    finishing: Rc<Cell<bool>>,
}

impl Ticker {
    pub(super) fn new(udp: &Rc<UdpContext>) -> Self {
        Self { udp: Rc::clone(udp), finishing: Rc::default() }
    }

    /// Flushes counts, and ends connections and flows whose time has come: a burst at once, the rest in a task that
    /// lets all sockets be looked at in between.
    pub(super) fn tick(&self) {
        self.udp.worker.tick();
        if end_due(&self.udp) && !self.finishing.replace(true) {
            let (udp, finishing) = (Rc::clone(&self.udp), Rc::clone(&self.finishing));
            tokio::task::spawn_local(async move {
                finish(&udp).await;
                finishing.set(false);
            });
        }
    }
}

async fn finish(udp: &UdpContext) {
    loop {
        tokio::task::yield_now().await;
        if !end_due(udp) {
            return;
        }
    }
}

/// Ends connections and flows whose time has come, a burst of each; returns whether there may be more.
fn end_due(udp: &UdpContext) -> bool {
    let now = udp.worker.clock.get().into_std();
    let connections = udp.worker.connections.borrow_mut().signal_due(now, MAX_BURST_ENDS);
    let peers = udp.worker.wake_to_look(now, MAX_BURST_ENDS);
    let flows = udp.flows.borrow_mut().end_idle(now, MAX_BURST_ENDS);
    connections || peers || flows
}

#[cfg(test)]
mod tests;
