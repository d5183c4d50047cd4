//! Which endpoints of a set are left alone, because they are ejected or down?
//!
//! At most half of a set is ejected: those that were ejected first. When all of it would be left alone, nothing is.

use super::target::{Request, Target};
use crate::health::{HealthChanges, Load};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// What was found when the endpoints were last looked at. They are looked at again only when a standing has changed: a
/// choice among endpoints that are all well costs three loads.
#[derive(Debug)]
pub(super) struct ExclusionCache {
    /// `None` without endpoints.
    changes: Option<Arc<HealthChanges>>,
    /// The number of changes that were seen.
    seen: AtomicU64,
    /// Endpoints with this rank or a lower one count as ejected; [`NO_RANK`] if nothing is left alone.
    rank: AtomicU64,
    /// When the next probe is due, in milliseconds.
    probe_due: AtomicU64,
}

const NO_RANK: u64 = u64::MAX;

/// Who is left alone.
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

    /// Who is left alone now; `None` if nobody is.
    pub(super) fn now(&self, targets: &[Target]) -> Option<Exclusion> {
        let changes = self.changes.as_ref()?.count();
        if self.seen.load(Relaxed) != changes {
            // Noted first: a change that comes meanwhile has it looked at once more.
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
    fn among(targets: &[Target]) -> Option<Self> {
        let mut ejected: Vec<&Load> = Vec::new();
        let mut down = false;
        for Target { load, .. } in targets {
            down |= load.is_out();
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

    pub(super) fn excludes(self, load: &Load) -> bool {
        load.is_out() || (load.is_ejected() && load.rank() <= self.rank)
    }

    /// Takes an endpoint that is due to be probed.
    pub(super) fn probe(self, targets: &[Target], request: &Request<'_>) -> Option<usize> {
        let millis = targets.first()?.load.changes().millis(request.now);
        let untried = |target: &Target| !request.tried.contains(&target.address);
        let probe = |target: &Target| untried(target) && !target.load.is_out() && target.load.probe(millis);
        (millis >= self.probe_due).then(|| targets.iter().position(probe)).flatten()
    }
}
