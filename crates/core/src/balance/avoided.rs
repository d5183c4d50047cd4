//! Which endpoints of a set are left alone, because they are ejected or down?
//!
//! At most half of a set is ejected: those that were ejected first. When all of it would be left alone, nothing is.

use super::target::{Request, Target};
use crate::health::{Load, Standings};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// What was found when the endpoints were last looked at. They are looked at again only when a standing has changed: a
/// choice among endpoints that are all well costs three loads.
#[derive(Debug)]
pub(super) struct Avoided {
    /// `None` without endpoints.
    standings: Option<Arc<Standings>>,
    /// The number of changes that were seen.
    seen: AtomicU64,
    /// Endpoints with this rank or a lower one count as ejected; [`NOBODY`] if nothing is left alone.
    rank: AtomicU64,
    /// When the next probe is due, in milliseconds.
    probe_due: AtomicU64,
}

const NOBODY: u64 = u64::MAX;

/// Who is left alone.
#[derive(Clone, Copy)]
pub(super) struct Avoid {
    rank: u64,
    probe_due: u64,
}

impl Avoided {
    pub(super) fn new(targets: &[Target]) -> Self {
        let standings = targets.first().map(|target| Arc::clone(target.load.standings()));
        let avoided = Self {
            seen: AtomicU64::new(standings.as_ref().map_or(0, |standings| standings.changes())),
            standings,
            rank: AtomicU64::new(NOBODY),
            probe_due: AtomicU64::new(u64::MAX),
        };
        avoided.store(Avoid::among(targets));
        avoided
    }

    /// Who is left alone now; `None` if nobody is.
    pub(super) fn now(&self, targets: &[Target]) -> Option<Avoid> {
        let changes = self.standings.as_ref()?.changes();
        if self.seen.load(Relaxed) != changes {
            // Noted first: a change that comes meanwhile has it looked at once more.
            self.seen.store(changes, Relaxed);
            self.store(Avoid::among(targets));
        }
        let rank = self.rank.load(Relaxed);
        (rank != NOBODY).then(|| Avoid { rank, probe_due: self.probe_due.load(Relaxed) })
    }

    fn store(&self, avoid: Option<Avoid>) {
        self.rank.store(avoid.map_or(NOBODY, |avoid| avoid.rank), Relaxed);
        self.probe_due.store(avoid.map_or(u64::MAX, |avoid| avoid.probe_due), Relaxed);
    }
}

impl Avoid {
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
        let avoid = Self { rank: last.map_or(0, |load| load.rank()), probe_due };
        targets.iter().any(|target| !avoid.avoids(&target.load)).then_some(avoid)
    }

    pub(super) fn avoids(self, load: &Load) -> bool {
        load.is_out() || (load.is_ejected() && load.rank() <= self.rank)
    }

    /// Takes an endpoint that is due to be probed.
    pub(super) fn probe(self, targets: &[Target], request: &Request<'_>) -> Option<usize> {
        let millis = targets.first()?.load.standings().millis(request.now);
        let untried = |target: &Target| !request.tried.contains(&target.address);
        let probe = |target: &Target| untried(target) && !target.load.is_out() && target.load.probe(millis);
        (millis >= self.probe_due).then(|| targets.iter().position(probe)).flatten()
    }
}
