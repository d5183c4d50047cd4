//! Which connections were opened and closed since the last look?

use super::listing::{self, SLICE};
use crate::{
    session::siblings::Sibling,
    shared::{
        command::Listed,
        connection_info::{ConnectionFilter, ConnectionInfo},
    },
};
use std::sync::Arc;

/// A place in the history of all connections, from which on changes are told.
#[derive(Clone, Debug)]
pub struct Watch {
    /// For each worker the number of the next connection, and of the next one among those that end.
    next: Vec<(u64, u64)>,
}

/// Connections that were opened and closed since the last look.
#[derive(Clone, Debug, Default)]
pub struct ConnectionChanges {
    /// Connections that were opened and live.
    pub opened: Vec<ConnectionInfo>,
    /// Connections that were closed, perhaps also opened.
    pub closed: Vec<ConnectionInfo>,
    /// Changes that are not told, as there were too many. They may not have matched.
    pub skipped: u64,
}

impl Watch {
    /// Begins now.
    pub(super) async fn begin(workers: &[Sibling]) -> Self {
        let mut next = Vec::with_capacity(workers.len());
        for worker in workers {
            let last = listing::sorted_numbers(worker, Listed::Connections, 0).await.pop();
            let ended = listing::closed(worker, u64::MAX, 0).await.map_or(0, |slice| slice.ended);
            next.push((last.map_or(0, |last| last + 1), ended));
        }
        Self { next }
    }

    /// Tells what has changed since the last call, at most `max` connections of each kind and worker.
    pub(super) async fn look(
        &mut self,
        workers: &[Sibling],
        filter: &Arc<ConnectionFilter>,
        max: usize,
    ) -> ConnectionChanges {
        let mut changes = ConnectionChanges::default();
        for (worker, (opened, closed)) in workers.iter().zip(&mut self.next) {
            let numbers = listing::sorted_numbers(worker, Listed::Connections, *opened).await;
            *opened = numbers.last().map_or(*opened, |last| last + 1);
            let told = numbers.len().saturating_sub(max);
            changes.skipped += told as u64;
            for part in numbers.get(told..).unwrap_or_default().chunks(SLICE) {
                changes.opened.extend(listing::describe::<ConnectionInfo>(worker, part, filter).await);
            }
            look_at_closed(worker, closed, filter, max, &mut changes).await;
        }
        changes
    }
}

async fn look_at_closed(
    worker: &Sibling,
    next: &mut u64,
    filter: &ConnectionFilter,
    max: usize,
    changes: &mut ConnectionChanges,
) {
    let mut left = max;
    while let Some(slice) = listing::closed(worker, *next, SLICE.min(left)).await {
        changes.skipped += slice.first.saturating_sub(*next);
        left = left.saturating_sub(slice.connections.len());
        changes.closed.extend(slice.connections.into_iter().filter(|closed| filter.includes(closed)));
        *next = slice.next;
        if slice.next >= slice.ended {
            return;
        }
        if left == 0 {
            changes.skipped += slice.ended - slice.next;
            *next = slice.ended;
            return;
        }
    }
}
