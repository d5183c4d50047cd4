//! How long may a connection to one of weir's own HTTP servers stay open?

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, sleep_until};

/// Lifetime of a connection: a client that does not read its answer must not keep the answer in memory.
pub(super) const CONNECTION_LIFETIME: Duration = Duration::from_secs(60);

/// The time at which a connection is closed at the latest. An answer without an end extends it for as long as its client reads.
#[derive(Clone, Debug)]
pub(crate) struct Lifetime(Arc<Mutex<Instant>>);

impl Lifetime {
    /// A lifetime that begins now.
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now() + CONNECTION_LIFETIME)))
    }

    /// Begins anew.
    pub(crate) fn extend(&self) {
        *self.end() = Instant::now() + CONNECTION_LIFETIME;
    }

    /// Resolves when the time is up.
    pub(super) async fn over(&self) {
        loop {
            let end = *self.end();
            if end <= Instant::now() {
                return;
            }
            sleep_until(end).await;
        }
    }

    fn end(&self) -> MutexGuard<'_, Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
