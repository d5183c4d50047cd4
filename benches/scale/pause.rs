//! How does a measurement let time pass?

use std::{
    thread,
    time::{Duration, Instant},
};

/// Does nothing for a time. A thread that is merely parked may be woken by what it waited for before.
pub(crate) fn pause(time: Duration) {
    pause_until(Instant::now() + time);
}

/// Does nothing until a moment.
pub(crate) fn pause_until(end: Instant) {
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        thread::park_timeout(left);
    }
}
