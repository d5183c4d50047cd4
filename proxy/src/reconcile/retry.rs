//! When is a socket that could not be opened tried again? (pure)

use super::bind_failure::BindFailure;
use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};
use weir_core::{Backoff, Frontend};

/// Waits before a socket is tried again. Short at first: a process that ends holds its sockets for a moment longer.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(30));

/// Longest wait while another weir runs, which will let go of its sockets at any moment.
const QUICK: Duration = Duration::from_millis(200);

/// Sockets that could not be opened, each with a back-off of its own.
#[derive(Debug, Default)]
pub(super) struct Retries {
    due: BTreeSet<(Instant, Frontend)>,
    failed: HashMap<Frontend, Failed>,
    /// Whether nothing waits longer than [`QUICK`].
    quick: bool,
}

#[derive(Debug)]
struct Failed {
    at: Instant,
    /// Failures in a row before the last one.
    failures_before: u32,
    /// The reason that was told; `None` if it is to be told again.
    why: Option<BindFailure>,
}

impl Retries {
    /// Records a failure; returns whether it is the first in a row, or has another reason than the one before.
    pub(super) fn fail(&mut self, listen: Frontend, now: Instant, why: BindFailure) -> bool {
        let before = self.failed.remove(&listen);
        if let Some(before) = &before {
            self.due.remove(&(before.at, listen));
        }
        let failures_before = before.as_ref().map_or(0, |before| before.failures_before.saturating_add(1));
        let wait = BACKOFF.wait(failures_before);
        let at = now + if self.quick { wait.min(QUICK) } else { wait };
        self.due.insert((at, listen));
        self.failed.insert(listen, Failed { at, failures_before, why: Some(why) });
        before.is_none_or(|before| before.why != Some(why))
    }

    /// Sets whether retries are quick. When they no longer are, all that failed is due: what fails then is told again, and
    /// waits as if it had never failed before.
    pub(super) fn set_quick(&mut self, quick: bool, now: Instant) {
        if self.quick && !quick {
            self.due.clear();
            for (&listen, failed) in &mut self.failed {
                *failed = Failed { at: now, failures_before: 0, why: None };
                self.due.insert((now, listen));
            }
        }
        self.quick = quick;
    }

    /// Whether retries are quick.
    pub(super) fn is_quick(&self) -> bool {
        self.quick
    }

    /// Forgets an address whose socket is open or no longer wanted; returns whether it had failed.
    pub(super) fn forget(&mut self, listen: Frontend) -> bool {
        let Some(failed) = self.failed.remove(&listen) else { return false };
        self.due.remove(&(failed.at, listen))
    }

    /// Whether the socket at an address has failed.
    pub(super) fn contains(&self, listen: Frontend) -> bool {
        self.failed.contains_key(&listen)
    }

    /// Addresses whose socket has failed, with the reason that was told.
    pub(super) fn failures(&self) -> impl Iterator<Item = (Frontend, BindFailure)> + '_ {
        self.failed.iter().filter_map(|(&listen, failed)| Some((listen, failed.why?)))
    }

    /// Time at which the next retry is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first().map(|&(at, _)| at)
    }

    /// Addresses whose retry is due.
    pub(super) fn due(&self, now: Instant) -> Vec<Frontend> {
        self.due.iter().take_while(|&&(at, _)| at <= now).map(|&(_, listen)| listen).collect()
    }

    /// Number of addresses whose socket has failed.
    pub(super) fn len(&self) -> usize {
        self.failed.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;
    use weir_core::Protocol;

    #[test]
    fn each_failure_in_a_row_waits_longer_and_only_a_new_reason_is_news() {
        let listen = Frontend { protocol: Protocol::Tcp, address: SocketAddr::from(([10, 0, 0, 1], 80)) };
        let mut retries = Retries::default();
        let mut now = Instant::now();
        assert!(retries.fail(listen, now, BindFailure::AddressInUse));
        for millis in [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000] {
            let due = retries.next().unwrap();
            assert_eq!(due - now, Duration::from_millis(millis));
            assert_eq!((retries.due(now), retries.due(due)), (vec![], vec![listen]));
            now = due;
            assert!(!retries.fail(listen, now, BindFailure::AddressInUse));
        }
        assert!(retries.fail(listen, now, BindFailure::NotLocal { mappable: true }));
        assert!(retries.forget(listen) && !retries.forget(listen));
        assert_eq!((retries.next(), retries.len()), (None, 0));
    }

    #[test]
    fn while_another_weir_runs_nothing_waits_long_and_what_fails_afterwards_is_told_again() {
        let listen = Frontend { protocol: Protocol::Tcp, address: SocketAddr::from(([10, 0, 0, 1], 80)) };
        let (mut retries, mut now) = (Retries::default(), Instant::now());
        retries.set_quick(true, now);
        assert!(retries.fail(listen, now, BindFailure::AddressInUse));
        for millis in [100, 200, 200, 200] {
            let due = retries.next().unwrap();
            assert_eq!(due - now, Duration::from_millis(millis));
            now = due;
            assert!(!retries.fail(listen, now, BindFailure::AddressInUse));
        }
        retries.set_quick(false, now);
        assert_eq!(retries.due(now), [listen]);
        assert!(retries.fail(listen, now, BindFailure::AddressInUse));
        assert_eq!(retries.next(), Some(now + Duration::from_millis(200)));
    }
}
