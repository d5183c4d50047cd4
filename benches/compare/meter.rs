//! What did the clients get done while it was measured?

mod latency;

use latency::Latencies;
use rustix::time::{ClockId, Timespec, clock_gettime};
use std::{
    fmt::Display,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use tokio_util::sync::CancellationToken;

/// Shared by the clients of one measurement and by whoever measures.
#[derive(Debug)]
pub(crate) struct Meter {
    started: Timespec,
    measuring: AtomicBool,
    done: AtomicU64,
    beside: AtomicU64,
    errors: AtomicU64,
    first_error: Mutex<Option<String>>,
    latencies: Latencies,
    stop: CancellationToken,
}

impl Meter {
    /// A meter of nothing done, which does not measure yet.
    pub(crate) fn new() -> Self {
        Self {
            started: clock_gettime(ClockId::Monotonic),
            measuring: AtomicBool::new(false),
            done: AtomicU64::new(0),
            beside: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            first_error: Mutex::new(None),
            latencies: Latencies::default(),
            stop: CancellationToken::new(),
        }
    }

    /// Nanoseconds since this meter was made, which is what payloads carry.
    pub(crate) fn now(&self) -> u64 {
        self.at(clock_gettime(ClockId::Monotonic))
    }

    /// Nanoseconds from when this meter was made to another moment of the monotonic clock.
    pub(crate) fn at(&self, moment: Timespec) -> u64 {
        let Timespec { tv_sec, tv_nsec } = moment - self.started;
        u64::try_from(tv_sec * 1_000_000_000 + tv_nsec).unwrap_or(0)
    }

    /// Counts an operation that began, or should have begun, at `since` of [`Self::now`].
    pub(crate) fn completed(&self, since: u64) {
        self.add(1);
        if self.measuring.load(Ordering::Relaxed) {
            self.latencies.record(self.now().saturating_sub(since));
        }
    }

    /// Counts work that was done.
    pub(crate) fn add(&self, amount: u64) {
        self.done.fetch_add(amount, Ordering::Relaxed);
    }

    /// Counts bytes that were transferred beside the work.
    pub(crate) fn add_beside(&self, bytes: u64) {
        self.beside.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes that were transferred beside the work so far.
    pub(crate) fn beside(&self) -> u64 {
        self.beside.load(Ordering::Relaxed)
    }

    /// Amount done so far.
    pub(crate) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Counts an error, and keeps the first one.
    pub(crate) fn failed(&self, error: impl Display) {
        self.failed_often(1, error);
    }

    /// Counts an error that happened several times.
    pub(crate) fn failed_often(&self, times: u64, error: impl Display) {
        if self.errors.fetch_add(times, Ordering::Relaxed) == 0 && times > 0 {
            *self.first_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
        }
    }

    /// Number of errors so far.
    pub(crate) fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }

    /// The first error.
    pub(crate) fn first_error(&self) -> Option<String> {
        self.first_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets whether latencies are recorded from now on.
    pub(crate) fn measure(&self, measuring: bool) {
        self.measuring.store(measuring, Ordering::Relaxed);
    }

    /// The recorded latencies.
    pub(crate) fn latencies(&self) -> &Latencies {
        &self.latencies
    }

    /// Ends the clients.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until [`stop`](Self::stop) is called.
    pub(crate) async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Runs a client until it ends, or until [`stop`](Self::stop) is called, which gives `None`.
    pub(crate) async fn until_stopped<Client: Future>(&self, client: Client) -> Option<Client::Output> {
        self.stop.run_until_cancelled(client).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_taken_in_only_while_measuring() {
        let meter = Meter::new();
        meter.completed(0);
        assert_eq!((meter.done(), meter.latencies().quantile(1.0)), (1, None));
        meter.measure(true);
        meter.completed(0);
        assert_eq!(meter.done(), 2);
        assert!(meter.latencies().quantile(1.0).is_some());
    }

    #[test]
    fn the_first_error_is_remembered_and_all_are_counted() {
        let meter = Meter::new();
        meter.failed("refused");
        meter.failed("reset");
        assert_eq!((meter.errors(), meter.first_error().as_deref()), (2, Some("refused")));
    }
}
