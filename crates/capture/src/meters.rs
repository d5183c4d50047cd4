//! What do operators see of the rules?

use crate::metric_families::{ELEMENTS, FAILURES, REPAIRS, TRANSACTIONS};
use metrics::{Counter, Gauge, counter, gauge};

/// The metrics of this crate.
#[derive(Debug)]
pub(crate) struct Meters {
    pub(crate) transactions: Counter,
    pub(crate) failures: Counter,
    pub(crate) repairs: Counter,
    pub(crate) elements: Gauge,
}

impl Meters {
    pub(crate) fn new() -> Self {
        Self {
            transactions: counter!(TRANSACTIONS.name),
            failures: counter!(FAILURES.name),
            repairs: counter!(REPAIRS.name),
            elements: gauge!(ELEMENTS.name),
        }
    }
}
