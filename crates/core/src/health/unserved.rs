//! Could clients of a Service port not be served lately, because no endpoint worked?

use super::{connect_failure::ConnectFailure, load::HealthChanges};
use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering::Relaxed},
};

/// Whether the last client of a Service port found no endpoint that works. Costs one load for each client that is served.
#[derive(Debug)]
pub struct Unserved {
    /// Why the last endpoint that was tried failed, as its number plus one; 0 without an unserved.
    failure: AtomicU8,
    changes: Arc<HealthChanges>,
}

impl Unserved {
    /// Starts with no client that was not served; `changes` counts how often that begins and ends.
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

    /// Why the last endpoint that was tried failed; `None` without an unserved.
    pub fn failure(&self) -> Option<ConnectFailure> {
        let number = self.failure.load(Relaxed);
        ConnectFailure::ALL.into_iter().find(|&failure| failure as u8 + 1 == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lasts_from_the_first_client_that_is_not_served_to_the_next_that_is() {
        let changes = Arc::default();
        let unserved = Unserved::new(&changes);
        unserved.end();
        assert_eq!((unserved.failure(), changes.count()), (None, 0));
        unserved.begin(ConnectFailure::Refused);
        unserved.begin(ConnectFailure::TimedOut);
        assert_eq!((unserved.failure(), changes.count()), (Some(ConnectFailure::TimedOut), 1));
        unserved.end();
        unserved.end();
        assert_eq!((unserved.failure(), changes.count()), (None, 2));
    }
}
