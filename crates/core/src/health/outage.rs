//! Could clients of a Service port not be served lately, because no endpoint worked?

use super::{connect_failure::ConnectFailure, load::HealthChanges};
use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering::Relaxed},
};

/// Whether the last client of a Service port found no endpoint that works. Costs one load for each client that is served.
#[derive(Debug)]
pub struct Outage {
    /// Why the last endpoint that was tried failed, as its number plus one; 0 without an outage.
    failure: AtomicU8,
    changes: Arc<HealthChanges>,
}

impl Outage {
    /// No outage; `changes` counts how often outages begin and end.
    pub fn new(changes: &Arc<HealthChanges>) -> Self {
        Self { failure: AtomicU8::new(0), changes: Arc::clone(changes) }
    }

    /// Records that a client could not be served.
    pub fn begin(&self, failure: ConnectFailure) {
        if self.failure.swap(failure as u8 + 1, Relaxed) == 0 {
            self.changes.add();
        }
    }

    /// Records that a client was served.
    pub fn end(&self) {
        if self.failure.load(Relaxed) != 0 && self.failure.swap(0, Relaxed) != 0 {
            self.changes.add();
        }
    }

    /// Why the last endpoint that was tried failed; `None` without an outage.
    pub fn failure(&self) -> Option<ConnectFailure> {
        let number = self.failure.load(Relaxed);
        ConnectFailure::ALL.into_iter().find(|&failure| failure as u8 + 1 == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_lasts_from_the_first_client_that_is_not_served_to_the_next_that_is() {
        let changes = Arc::default();
        let outage = Outage::new(&changes);
        outage.end();
        assert_eq!((outage.failure(), changes.count()), (None, 0));
        outage.begin(ConnectFailure::Refused);
        outage.begin(ConnectFailure::TimedOut);
        assert_eq!((outage.failure(), changes.count()), (Some(ConnectFailure::TimedOut), 1));
        outage.end();
        outage.end();
        assert_eq!((outage.failure(), changes.count()), (None, 2));
    }
}
