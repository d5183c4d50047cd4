//! How does a test wait for what another process does? By looking: nothing tells.

use std::{
    fmt::Debug,
    io::{self, ErrorKind},
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

/// Calls again what was interrupted. The kernel does not do so by itself for sockets with a time-out, also when the whole
/// machine was stopped for a moment (signal(7)).
///
/// # Errors
/// Any other error of the call.
pub fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Lets time pass in which this thread does nothing.
pub fn idle(time: Duration) {
    thread::park_timeout(time);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_interrupted_is_called_again_and_what_fails_is_not() {
        let mut answers = [ErrorKind::Interrupted, ErrorKind::Interrupted, ErrorKind::WouldBlock].into_iter();
        let error = uninterrupted(|| Err::<(), _>(answers.next().unwrap().into())).unwrap_err();
        assert_eq!((error.kind(), answers.next()), (ErrorKind::WouldBlock, None));
    }
}
