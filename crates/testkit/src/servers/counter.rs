//! How does a test wait until a server has seen something, without sleeping?

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// The longest time (tokio's clock) that a `wait_for_…` waits before it reports `TimedOut`.
pub const WAIT_LIMIT: Duration = Duration::from_secs(20);

/// A count that can be awaited.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    value: AtomicU64,
    changed: Notify,
}

impl Counter {
    /// Adds to the count and wakes the tasks that wait for it.
    pub(crate) fn add(&self, amount: u64) {
        self.value.fetch_add(amount, Ordering::Relaxed);
        self.changed.notify_waiters();
    }

    /// Subtracts one and wakes the tasks that wait for the count.
    pub(crate) fn subtract_one(&self) {
        self.value.fetch_sub(1, Ordering::Relaxed);
        self.changed.notify_waiters();
    }

    /// The count so far.
    pub(crate) fn get(&self) -> u64 {
        self.value.load(Ordering::Relaxed)
    }

    /// Waits until the count satisfies `wanted`; `what` names it in the error after [`WAIT_LIMIT`].
    pub(crate) async fn wait_for(&self, what: &str, wanted: impl Fn(u64) -> bool) -> io::Result<u64> {
        let reached = async {
            loop {
                // Registered before the look at the value, so that no change falls in between.
                let mut changed = std::pin::pin!(self.changed.notified());
                changed.as_mut().enable();
                let value = self.get();
                if wanted(value) {
                    return value;
                }
                changed.await;
            }
        };
        tokio::time::timeout(WAIT_LIMIT, reached).await.map_err(|_| {
            let message = format!("{what} is {} after {WAIT_LIMIT:?} of waiting", self.get());
            io::Error::new(io::ErrorKind::TimedOut, message)
        })
    }
}
