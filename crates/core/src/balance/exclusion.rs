//! Which endpoints of a set get no flows, because they are ejected, down or forbidden?
//!
//! Of a set at most half counts as ejected: the endpoints that were ejected first (Envoy: `max_ejection_percent`). When all
//! endpoints would be excluded, none is.

use super::target::{Request, Target};
use crate::health::{HealthChanges, Load};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// The [`Exclusion`] of a set, found anew only when the health of some endpoint has changed: a choice among healthy
/// endpoints costs three atomic loads, however many there are.
#[derive(Debug)]
pub(super) struct ExclusionCache {
    /// Counter of health changes that the endpoints share; `None` without endpoints.
    changes: Option<Arc<HealthChanges>>,
    /// The count of health changes up to which the exclusion is known.
    seen: AtomicU64,
    /// Ejected endpoints up to this rank are excluded; [`NO_RANK`] if no endpoint is excluded.
    rank: AtomicU64,
    /// Milliseconds at which the next probe is due; `u64::MAX` if none is.
    probe_due: AtomicU64,
}

const NO_RANK: u64 = u64::MAX;

/// Which endpoints are excluded: those that are down or forbidden, and ejected ones up to a rank.
#[derive(Clone, Copy)]
pub(super) struct Exclusion {
    rank: u64,
    probe_due: u64,
}

impl ExclusionCache {
    pub(super) fn new(targets: &[Target]) -> Self {
        let changes = targets.first().map(|target| Arc::clone(target.load.changes()));
        let cache = Self {
            seen: AtomicU64::new(changes.as_ref().map_or(0, |changes| changes.count())),
            changes,
            rank: AtomicU64::new(NO_RANK),
            probe_due: AtomicU64::new(u64::MAX),
        };
        cache.store(Exclusion::among(targets));
        cache
    }

    /// The exclusion at this moment; `None` if no endpoint is excluded.
    pub(super) fn now(&self, targets: &[Target]) -> Option<Exclusion> {
        let changes = self.changes.as_ref()?.count();
        if self.seen.load(Relaxed) != changes {
            // Stored before looking: a change that comes meanwhile makes the next call look once more.
            self.seen.store(changes, Relaxed);
            self.store(Exclusion::among(targets));
        }
        let rank = self.rank.load(Relaxed);
        (rank != NO_RANK).then(|| Exclusion { rank, probe_due: self.probe_due.load(Relaxed) })
    }

    fn store(&self, exclusion: Option<Exclusion>) {
        self.rank.store(exclusion.map_or(NO_RANK, |exclusion| exclusion.rank), Relaxed);
        self.probe_due.store(exclusion.map_or(u64::MAX, |exclusion| exclusion.probe_due), Relaxed);
    }
}

impl Exclusion {
    /// Looks at all endpoints; `None` if none or all of them would be excluded.
    fn among(targets: &[Target]) -> Option<Self> {
        let mut ejected: Vec<&Load> = Vec::new();
        let mut down = false;
        for Target { load, .. } in targets {
            down |= load.is_unusable();
            if load.is_ejected() {
                ejected.push(load);
            }
        }
        if (ejected.is_empty() && !down) || ejected.len() == targets.len() {
            return None;
        }
        let probe_due = ejected.iter().filter_map(|load| load.record().probe_due()).min().unwrap_or(u64::MAX);
        ejected.sort_unstable_by_key(|load| load.rank());
        let last = (targets.len() / 2).checked_sub(1).and_then(|half| ejected.get(half).or(ejected.last()));
        let exclusion = Self { rank: last.map_or(0, |load| load.rank()), probe_due };
        targets.iter().any(|target| !exclusion.excludes(&target.load)).then_some(exclusion)
    }

    /// Whether an endpoint is excluded.
    pub(super) fn excludes(self, load: &Load) -> bool {
        load.is_unusable() || (load.is_ejected() && load.rank() <= self.rank)
    }

    /// Takes the probe of an ejected endpoint, if one is due; returns its index.
    pub(super) fn probe(self, targets: &[Target], request: &Request<'_>) -> Option<usize> {
        let millis = targets.first()?.load.changes().millis(request.now);
        let untried = |target: &Target| !request.tried.contains(&target.address);
        let probe =
            |target: &Target| untried(target) && !target.load.is_unusable() && target.load.probe(millis);
        (millis >= self.probe_due).then(|| targets.iter().position(probe)).flatten()
    }
}
