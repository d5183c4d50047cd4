//! Who looks at details that cost something to collect? A few, each for as long as they ask again.

use crate::admin::basics::{api_error::ApiError, caller::Caller, clock::seconds};
use serde::Serialize;
use std::{
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};
use weir_proxy::{Readings, WantedDetails};

/// Time that a lease lasts after its last use.
pub(crate) const LEASE: Duration = Duration::from_secs(30);

/// Leases that there may be at a time.
pub(crate) const MAX_LEASES: usize = 8;

/// Leases of those who look at details. A clone is another handle to the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leases {
    held: Arc<Mutex<Vec<Lease>>>,
    /// Counts of the data plane, which show single endpoints meanwhile.
    readings: Arc<OnceLock<Readings>>,
}

#[derive(Debug)]
struct Lease {
    holder: Caller,
    ends: Instant,
    _wanted: Option<WantedDetails>,
}

/// A lease, as its holder sees it.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LeaseForm {
    expires_in_seconds: f64,
}

/// A lease, as everybody sees it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HeldForm {
    holder: String,
    expires_in_seconds: f64,
}

impl Leases {
    /// Creates no lease yet; while there is one, metrics show single endpoints.
    pub(crate) fn new(readings: Arc<OnceLock<Readings>>) -> Self {
        Self { held: Arc::default(), readings }
    }

    /// Takes a lease for whom the connection shows, or renews theirs.
    pub(crate) fn take(&self, caller: &Caller, now: Instant) -> Result<LeaseForm, ApiError> {
        self.take_unless(Caller::has_ended, caller, now)
    }

    /// Takes a lease. Where all are held, those of holders that have ended give way: a script asks by one process after another.
    fn take_unless(
        &self,
        has_ended: impl Fn(&Caller) -> bool,
        caller: &Caller,
        now: Instant,
    ) -> Result<LeaseForm, ApiError> {
        let mut leases = self.live(now);
        if leases.len() >= MAX_LEASES {
            leases.retain(|lease| !has_ended(&lease.holder));
        }
        let ends = now + LEASE;
        // Connections of one client have ports of their own.
        let is_own = |lease: &&mut Lease| lease.holder.name() == caller.name();
        if let Some(own) = leases.iter_mut().find(is_own) {
            own.ends = ends;
        } else if leases.len() >= MAX_LEASES {
            let first = leases.iter().map(|lease| lease.ends).min().unwrap_or(now);
            return Err(ApiError::too_many_leases(MAX_LEASES, first.saturating_duration_since(now)));
        } else {
            let wanted = self.readings.get().map(|readings| readings.details().want());
            leases.push(Lease { holder: caller.clone(), ends, _wanted: wanted });
        }
        Ok(LeaseForm { expires_in_seconds: seconds(LEASE) })
    }

    /// Number of leases: details are collected while there is one.
    pub(crate) fn count(&self, now: Instant) -> usize {
        self.live(now).len()
    }

    /// All leases.
    pub(crate) fn list(&self, now: Instant) -> Vec<HeldForm> {
        let form = |lease: &Lease| HeldForm {
            holder: lease.holder.name(),
            expires_in_seconds: seconds(lease.ends.saturating_duration_since(now)),
        };
        self.live(now).iter().map(form).collect()
    }

    fn live(&self, now: Instant) -> MutexGuard<'_, Vec<Lease>> {
        let mut leases = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        leases.retain(|lease| lease.ends > now);
        leases
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: i32) -> Caller {
        Caller::Process { uid: 0, pid: Some(pid) }
    }

    #[test]
    fn a_lease_lasts_half_a_minute_after_its_last_use() {
        let (leases, start) = (Leases::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(leases.count(start), 0);
        leases.take_unless(|_| false, &process(1), start).unwrap();
        leases.take_unless(|_| false, &process(1), at(20)).unwrap();
        assert_eq!((leases.count(at(49)), leases.count(at(50))), (1, 0));
    }

    #[test]
    fn the_ninth_waits_until_one_has_ended_and_who_has_one_keeps_it() {
        let (leases, start) = (Leases::default(), Instant::now());
        for pid in 0..8 {
            leases.take_unless(|_| false, &process(pid), start).unwrap();
        }
        assert!(leases.take_unless(|_| false, &process(8), start).is_err());
        assert!(leases.take_unless(|_| false, &process(3), start).is_ok());
        assert!(leases.take_unless(|_| false, &process(8), start + LEASE).is_ok());
        assert_eq!(leases.list(start + LEASE)[0].holder, "uid 0, pid 8");
    }

    #[test]
    fn a_process_that_has_ended_gives_its_lease_to_who_finds_none() {
        let (leases, start) = (Leases::default(), Instant::now());
        let ended = |caller: &Caller| caller.name() == "uid 0, pid 3";
        for pid in 0..9 {
            leases.take_unless(ended, &process(pid), start).unwrap();
        }
        assert_eq!(leases.count(start), 8);
        assert!(leases.take_unless(ended, &process(9), start).is_err());
    }

    #[test]
    fn connections_of_one_address_share_a_lease() {
        let leases = Leases::default();
        let anybody = |port| Caller::Anybody {
            from: ([127, 0, 0, 1], port).into(),
            to: ([127, 0, 0, 1], 1).into(),
            only_metrics: false,
        };
        for port in 1..100 {
            leases.take(&anybody(port), Instant::now()).unwrap();
        }
        assert_eq!(leases.count(Instant::now()), 1);
    }
}
