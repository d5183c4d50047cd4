//! How do many connections of a worker end at once without holding up the others?
//!
//! In turns: to end a connection takes two resets and some bookkeeping, and between two turns the sockets of all others
//! are looked at.

use crate::{Closed, connection::Connection, slot::Slot, worker::Worker};
use std::{net::SocketAddr, rc::Rc, sync::Arc};
use weir_core::EndpointRemoved;

/// Connections that are told to end in one turn.
pub(crate) const TURN: usize = 64;

/// Connections that are looked at in one turn, if none of them has to end.
const LOOKS: usize = 16 * TURN;

/// Turns that connections get to end when their worker does; one is enough for each that was told.
const LAST_TURNS: usize = 100;

/// Which endpoints of a port are gone.
#[derive(Clone, Debug)]
pub(crate) enum Removed {
    /// These, sorted.
    Endpoints(Arc<[SocketAddr]>),
    /// All: the port is no longer served.
    Port,
}

impl Removed {
    /// These endpoints.
    pub(crate) fn endpoints(mut addresses: Vec<SocketAddr>) -> Self {
        addresses.sort_unstable();
        Self::Endpoints(addresses.into())
    }

    fn contains(&self, address: SocketAddr) -> bool {
        match self {
            Self::Endpoints(addresses) => addresses.binary_search(&address).is_ok(),
            Self::Port => true,
        }
    }
}

/// Ends all connections; returns how many there were.
pub(crate) async fn end_all(worker: &Worker, reason: Closed) -> usize {
    let mut count = 0;
    let end = |connection: &Connection| {
        connection.order.give(reason);
        count += 1;
        true
    };
    in_turns(worker, end).await;
    count
}

/// Ends what is left when the worker does. Closing the sockets would pass for an end in order, after which nobody misses
/// what has not arrived.
pub(crate) async fn end_last(worker: &Worker) {
    end_all(worker, Closed::Drained).await;
    for _ in 0..LAST_TURNS {
        if worker.connections.borrow().is_empty() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Does to the connections of removed endpoints what the Service asks for. One that is being dialled looks by itself once
/// it is connected.
pub(crate) async fn end_removed(worker: &Worker, slot: &Arc<Slot>, removed: &Removed, rule: EndpointRemoved) {
    let end = |connection: &Connection| {
        let affected = Arc::ptr_eq(&connection.frontend.slot, slot)
            && connection.endpoint.get().is_some_and(|address| removed.contains(address));
        if affected && connection.note_removed(rule) {
            worker.connections.borrow_mut().watch(connection);
        }
        affected
    };
    in_turns(worker, end).await;
}

/// Does what is left to do of a tick.
pub(crate) async fn finish_tick(worker: Rc<Worker>) {
    if worker.finishing.replace(true) {
        return;
    }
    loop {
        tokio::task::yield_now().await;
        if !worker.tell_due() {
            break;
        }
    }
    worker.finishing.set(false);
}

/// Looks at all connections that there are now; `end` says whether one of them has to end.
async fn in_turns(worker: &Worker, mut end: impl FnMut(&Connection) -> bool) {
    // One after another: many Services may be deleted at once.
    let _turns = worker.ending.lock().await;
    let ids = worker.connections.borrow().ids();
    let mut left = LOOKS;
    for id in ids {
        let connection = worker.connections.borrow().get(id).cloned();
        let ended = connection.is_some_and(|connection| end(&connection));
        left = left.saturating_sub(if ended { LOOKS / TURN } else { 1 });
        if left == 0 {
            left = LOOKS;
            // Goes on only after the sockets were looked at.
            tokio::task::yield_now().await;
        }
    }
}
