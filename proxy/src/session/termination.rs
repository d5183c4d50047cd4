//! How do many connections of a worker end at once without holding up the others?
//!
//! In bursts: to end a connection takes two resets and some bookkeeping, and between two bursts the sockets of all
//! others are looked at.

use super::{connection::Connection, context::WorkerContext};
use crate::{
    routing::port_runtime::PortRuntime,
    shared::{command::RemovedEndpoints, connection_info::ConnectionFilter},
    telemetry::close_reason::Closed,
};
use std::sync::Arc;
use weir_core::EndpointRemoved;

/// Connections that are ended in one burst.
pub(crate) const MAX_BURST_ENDS: usize = 64;

/// Connections that are looked at in one burst, if none of them has to end.
const MAX_BURST_CHECKS: usize = 16 * MAX_BURST_ENDS;

/// Yields for connections to end in when their worker does; one is enough for each connection that was signalled.
const MAX_LAST_YIELDS: usize = 100;

/// Ends all connections; returns their number.
pub(crate) async fn end_all(worker: &WorkerContext, reason: Closed) -> usize {
    let mut count = 0;
    let end = |connection: &Connection| {
        connection.close_signal.send(reason);
        count += 1;
        true
    };
    in_bursts(worker, end).await;
    count
}

/// Ends the connections that match; returns their number.
pub(crate) async fn end_matching(worker: &WorkerContext, filter: &ConnectionFilter, reason: Closed) -> usize {
    let mut count = 0;
    let end = |connection: &Connection| {
        let matches = filter.id.is_none_or(|id| id.number == connection.id) && connection.matches(filter);
        // One that ends already is not told again.
        let ends = matches && connection.close_signal.reason().is_none();
        if ends {
            connection.close_signal.send(reason);
            count += 1;
        }
        ends
    };
    in_bursts(worker, end).await;
    count
}

/// Resets the connections that are left when the worker ends. Closing their sockets would pass for an orderly end,
/// after which no peer misses bytes that have not arrived.
pub(crate) async fn end_last(worker: &WorkerContext) {
    end_all(worker, Closed::Drained).await;
    for _ in 0..MAX_LAST_YIELDS {
        if worker.connections.borrow().is_empty() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Applies the rule of the Service to connections of removed endpoints. A connection that is being opened applies the
/// rule itself once it is connected.
pub(crate) async fn end_removed(
    worker: &WorkerContext,
    runtime: &Arc<PortRuntime>,
    removed: &RemovedEndpoints,
    rule: EndpointRemoved,
) {
    let end = |connection: &Connection| {
        let affected = Arc::ptr_eq(&connection.frontend.runtime, runtime)
            && connection.endpoint.get().is_some_and(|address| removed.contains(address));
        if affected && connection.mark_endpoint_removed(rule) {
            worker.connections.borrow_mut().watch(connection);
        }
        affected
    };
    in_bursts(worker, end).await;
}

/// Calls `end` for all connections that there are now, in bursts; `end` returns whether a connection had to end.
async fn in_bursts(worker: &WorkerContext, mut end: impl FnMut(&Connection) -> bool) {
    // One after another: many Services may be deleted at once.
    let _alone = worker.terminating.lock().await;
    let ids = worker.connections.borrow().ids();
    let mut left = MAX_BURST_CHECKS;
    for id in ids {
        let connection = worker.connections.borrow().get(id).cloned();
        let ended = connection.is_some_and(|connection| end(&connection));
        left = left.saturating_sub(if ended { MAX_BURST_CHECKS / MAX_BURST_ENDS } else { 1 });
        if left == 0 {
            left = MAX_BURST_CHECKS;
            // Goes on only after the sockets were looked at.
            tokio::task::yield_now().await;
        }
    }
}
