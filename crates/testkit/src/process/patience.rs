//! How does a test wait for what another process does? By looking: nothing tells.

use std::{
    fmt::Debug,
    thread,
    time::{Duration, Instant},
};

/// Nothing in a test takes this long; it only keeps a broken test from hanging.
pub const HANG: Duration = Duration::from_secs(30);

/// Time until something is looked at again that has not come.
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// Looks until what is seen is as wanted, every ten milliseconds.
///
/// # Panics
/// After [`HANG`].
pub fn eventually<T: PartialEq + Debug>(what: &str, wanted: T, mut look: impl FnMut() -> T) {
    let start = Instant::now();
    loop {
        let seen = look();
        if seen == wanted {
            return;
        }
        assert!(start.elapsed() < HANG, "{what}: {seen:?} after {HANG:?}, not {wanted:?}");
        idle(BETWEEN_LOOKS);
    }
}

/// Looks until something is so, again and again without a pause: what is waited for may last for a moment only.
///
/// # Panics
/// After [`HANG`].
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < HANG, "{what} does not come");
        thread::yield_now();
    }
}

/// Lets time pass in which this thread does nothing.
pub fn idle(time: Duration) {
    thread::park_timeout(time);
}
