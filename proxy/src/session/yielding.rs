//! How does a task that has more to do let other tasks run?

use std::{future::Future, pin::pin, task::Context};

/// Schedules the task to be polled again after the sockets were looked at, so that tasks which became ready meanwhile
/// come first. A task that woke itself would run again before that, 61 times in a row.
pub(crate) fn yield_to_sockets(context: &mut Context<'_>) {
    let _ = pin!(tokio::task::yield_now()).poll(context);
}
