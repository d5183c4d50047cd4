//! How are the connections and flows of all workers listed without holding one up? In slices: between two of them a worker looks
//! at its sockets.

use crate::{
    session::siblings::Sibling,
    shared::{
        command::{ClosedSlice, Command, Listed},
        connection_info::{ConnectionFilter, ConnectionId, ConnectionInfo, FlowInfo},
    },
};
use std::{ops::ControlFlow, sync::Arc};
use tokio::sync::oneshot;

/// Connections that a worker describes at once, which takes it some tens of microseconds.
pub(super) const SLICE: usize = 256;

/// What can be listed.
pub(super) trait Item: Sized + Send {
    const LISTED: Listed;

    fn describe(
        numbers: Box<[u64]>,
        filter: Arc<ConnectionFilter>,
        done: oneshot::Sender<Vec<Self>>,
    ) -> Command;
}

impl Item for ConnectionInfo {
    const LISTED: Listed = Listed::Connections;

    fn describe(
        numbers: Box<[u64]>,
        filter: Arc<ConnectionFilter>,
        done: oneshot::Sender<Vec<Self>>,
    ) -> Command {
        Command::Describe { numbers, filter, done }
    }
}

impl Item for FlowInfo {
    const LISTED: Listed = Listed::Flows;

    fn describe(
        numbers: Box<[u64]>,
        filter: Arc<ConnectionFilter>,
        done: oneshot::Sender<Vec<Self>>,
    ) -> Command {
        Command::DescribeFlows { numbers, filter, done }
    }
}

/// Gives `slice` all that match, in the order of their numbers, beginning after one of them, until `slice` has enough. What comes or
/// goes meanwhile may be missed.
pub(super) async fn list<T: Item>(
    workers: &[Sibling],
    filter: &Arc<ConnectionFilter>,
    after: Option<ConnectionId>,
    mut slice: impl FnMut(Vec<T>) -> ControlFlow<()> + Send,
) {
    let first = after.map_or(0, |after| usize::from(after.worker));
    for (index, worker) in workers.iter().enumerate().skip(first) {
        let from = match after {
            Some(after) if usize::from(after.worker) == index => after.number.saturating_add(1),
            _ => 0,
        };
        let numbers = match filter.id {
            Some(id) if usize::from(id.worker) == index && id.number >= from => vec![id.number],
            Some(_) => continue,
            None => sorted_numbers(worker, T::LISTED, from).await,
        };
        for part in numbers.chunks(SLICE) {
            let described = describe(worker, part, filter).await;
            if slice(described).is_break() {
                return;
            }
        }
    }
}

/// Numbers of what a worker has from one number on, in order; none if it has ended.
pub(super) async fn sorted_numbers(worker: &Sibling, of: Listed, from: u64) -> Vec<u64> {
    let mut numbers = call(worker, |done| Command::Numbers { of, from, done }).await.unwrap_or_default();
    numbers.sort_unstable();
    numbers
}

/// Describes those that live and match; none if the worker has ended.
pub(super) async fn describe<T: Item>(
    worker: &Sibling,
    numbers: &[u64],
    filter: &Arc<ConnectionFilter>,
) -> Vec<T> {
    let (numbers, filter) = (numbers.into(), Arc::clone(filter));
    call(worker, |done| T::describe(numbers, filter, done)).await.unwrap_or_default()
}

/// Connections that have ended on a worker; `None` if it has ended itself.
pub(super) async fn closed(worker: &Sibling, from: u64, max: usize) -> Option<ClosedSlice> {
    call(worker, |done| Command::Closed { from, max, done }).await
}

/// Sends a command and waits for the answer; `None` if the worker has ended.
pub(super) async fn call<T>(
    worker: &Sibling,
    command: impl FnOnce(oneshot::Sender<T>) -> Command,
) -> Option<T> {
    let (done, answer) = oneshot::channel();
    match worker.send(command(done)) {
        true => answer.await.ok(),
        false => None,
    }
}
