//! What is known on this node of one endpoint: how busy it is, how fast it accepts, and whether it works.

use super::{failure::Failure, outlier::Record, smoothed::Smoothed};
use std::{
    sync::{
        Arc, OnceLock,
        atomic::{
            AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
    },
    time::{Duration, Instant},
};

/// Whether any endpoint of this node was ejected, re-admitted, or found down or up since. Balancers look at their
/// endpoints again when it has moved.
#[derive(Debug, Default)]
pub struct Standings {
    changes: AtomicU64,
    /// Where the milliseconds of this node's endpoints begin.
    start: OnceLock<Instant>,
}

impl Standings {
    /// How many changes there were.
    pub fn changes(&self) -> u64 {
        self.changes.load(Acquire)
    }

    fn change(&self) {
        self.changes.fetch_add(1, Release);
    }

    /// A moment in milliseconds.
    pub(crate) fn millis(&self, now: Instant) -> u64 {
        now.saturating_duration_since(*self.start.get_or_init(|| now)).as_millis() as u64
    }
}

/// The state of one endpoint address. Shared by all Services and workers that use the address and kept across Snapshots.
#[derive(Debug, Default)]
pub struct Load {
    standings: Arc<Standings>,
    live: AtomicUsize,
    /// A [`Record`].
    record: AtomicU64,
    /// Which change ejected it, to tell who was ejected first.
    rank: AtomicU64,
    /// Both numbers of [`Smoothed`].
    smoothed: AtomicU64,
    /// When the last connect was taken in, in milliseconds. It may wrap: then the peak is forgotten late once.
    sampled: AtomicU32,
    /// The last [`Failure`] and one, or 0.
    last_failure: AtomicU8,
    down: AtomicBool,
    forbidden: AtomicBool,
}

impl Load {
    /// An endpoint of which nothing is known yet.
    pub fn new(standings: &Arc<Standings>) -> Self {
        Self { standings: Arc::clone(standings), ..Self::default() }
    }

    /// What its balancers watch.
    pub(crate) fn standings(&self) -> &Arc<Standings> {
        &self.standings
    }

    /// Connections and flows that are being opened or are open.
    pub fn live(&self) -> usize {
        self.live.load(Relaxed)
    }

    /// Counts one more until the lease is dropped.
    pub fn lease(self: &Arc<Self>) -> Lease {
        self.live.fetch_add(1, Relaxed);
        Lease { load: Arc::clone(self) }
    }

    /// The same unless there are `most` already.
    pub fn lease_within(self: &Arc<Self>, most: usize) -> Option<Lease> {
        let taken = self.live.try_update(Relaxed, Relaxed, |live| (live < most).then_some(live + 1));
        taken.is_ok().then(|| Lease { load: Arc::clone(self) })
    }

    /// Takes in that it accepted a connection after `took`.
    pub fn connected(&self, now: Instant, took: Duration) {
        let millis = self.standings.millis(now);
        self.sample(millis, |smoothed, since| smoothed.with(since, took));
        self.note_success(millis);
    }

    /// Takes in that it answered.
    pub fn answered(&self, now: Instant) {
        if !self.record().is_clean() {
            self.note_success(self.standings.millis(now));
        }
    }

    /// Takes in that a connect failed after `took`; returns whether that ejected it.
    pub fn failed(&self, now: Instant, took: Duration, failure: Failure) -> bool {
        let millis = self.standings.millis(now);
        self.last_failure.store(failure as u8 + 1, Relaxed);
        self.sample(millis, |smoothed, since| smoothed.with_failure(since, took));
        let before = self.update(|record| Some(record.failed(millis))).unwrap_or_default();
        let after = before.failed(millis);
        if before == after || !after.is_ejected() {
            return false;
        }
        let ejected = !before.is_ejected();
        if ejected {
            // Before the change is told: whoever looks because of it must find the rank.
            self.rank.store(self.standings.changes() + 1, Relaxed);
        }
        self.standings.change();
        ejected
    }

    /// Takes the one connection that may probe it while it is ejected.
    pub(crate) fn probe(&self, millis: u64) -> bool {
        let taken = self.update(|record| record.probe(millis)).is_some();
        if taken {
            self.standings.change();
        }
        taken
    }

    /// Says whether active checks find it down.
    pub fn set_down(&self, down: bool) {
        if self.down.swap(down, Relaxed) != down {
            self.standings.change();
        }
    }

    /// Whether active checks find it down.
    pub fn is_down(&self) -> bool {
        self.down.load(Relaxed)
    }

    /// Says whether it must not be connected to, whatever else there is: this proxy itself answers there.
    pub fn set_forbidden(&self, forbidden: bool) {
        if self.forbidden.swap(forbidden, Relaxed) != forbidden {
            self.standings.change();
        }
    }

    /// Whether it must not be connected to.
    pub fn is_forbidden(&self) -> bool {
        self.forbidden.load(Relaxed)
    }

    /// Whether it is left alone whatever connects to it have shown.
    pub(crate) fn is_out(&self) -> bool {
        self.is_down() || self.is_forbidden()
    }

    /// Whether connects to it failed so often that it is left alone.
    pub fn is_ejected(&self) -> bool {
        self.record().is_ejected()
    }

    /// Why the last connect failed that did.
    pub fn last_failure(&self) -> Option<Failure> {
        Failure::ALL.into_iter().find(|&failure| failure as u8 + 1 == self.last_failure.load(Relaxed))
    }

    /// How long it takes to accept a connection.
    pub fn smoothed(&self) -> Smoothed {
        let word = self.smoothed.load(Relaxed);
        Smoothed { mean: f32::from_bits((word >> 32) as u32), peak: f32::from_bits(word as u32) }
    }

    pub(crate) fn record(&self) -> Record {
        Record::from(self.record.load(Acquire))
    }

    /// Which change of the standings ejected it.
    pub(crate) fn rank(&self) -> u64 {
        self.rank.load(Relaxed)
    }

    fn note_success(&self, millis: u64) {
        if self.record().is_clean() {
            return;
        }
        let before = self.update(|record| Some(record.succeeded(millis))).unwrap_or_default();
        if before.is_ejected() {
            self.standings.change();
        }
    }

    /// Replaces the record; returns the one before.
    fn update(&self, next: impl Fn(Record) -> Option<Record>) -> Option<Record> {
        let update = |word| next(Record::from(word)).map(u64::from);
        self.record.try_update(AcqRel, Acquire, update).ok().map(Record::from)
    }

    /// Two workers that sample at once may lose one of the samples.
    fn sample(&self, millis: u64, next: impl FnOnce(Smoothed, Duration) -> Smoothed) {
        let since = (millis as u32).wrapping_sub(self.sampled.swap(millis as u32, Relaxed));
        let Smoothed { mean, peak } = next(self.smoothed(), Duration::from_millis(since.into()));
        self.smoothed.store(u64::from(mean.to_bits()) << 32 | u64::from(peak.to_bits()), Relaxed);
    }
}

/// One connection or flow counted in a [`Load`]; it is counted for as long as this lives.
#[derive(Debug)]
pub struct Lease {
    load: Arc<Load>,
}

impl Lease {
    /// Of which endpoint.
    pub fn load(&self) -> &Arc<Load> {
        &self.load
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.load.live.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_counts_exactly_as_long_as_it_lives() {
        let load = Arc::new(Load::default());
        let first = load.lease();
        let second = load.lease();
        assert_eq!(load.live(), 2);
        drop(first);
        assert_eq!(load.live(), 1);
        drop(second);
        assert_eq!(load.live(), 0);
    }

    #[test]
    fn a_limit_is_never_exceeded() {
        let load = Arc::new(Load::default());
        let leases: Vec<_> = (0..5).map_while(|_| load.lease_within(3)).collect();
        assert_eq!((leases.len(), load.live()), (3, 3));
    }

    #[test]
    fn changes_of_standing_are_told_and_nothing_else_is() {
        let standings = Arc::default();
        let load = Load::new(&standings);
        let (now, took) = (Instant::now(), Duration::from_millis(1));
        load.connected(now, took);
        assert!(!load.failed(now, took, Failure::Refused) && !load.failed(now, took, Failure::Refused));
        assert_eq!(standings.changes(), 0);
        assert!(load.failed(now, took, Failure::TimedOut));
        assert_eq!((standings.changes(), load.is_ejected(), load.rank()), (1, true, 1));
        assert!(!load.failed(now, took, Failure::Refused), "it is ejected already");
        assert_eq!((standings.changes(), load.last_failure()), (1, Some(Failure::Refused)));
        load.connected(now, took);
        assert_eq!((standings.changes(), load.is_ejected()), (2, false));
    }

    #[test]
    fn a_failed_probe_leaves_its_rank_among_the_ejected() {
        let standings = Arc::default();
        let load = Load::new(&standings);
        let start = Instant::now();
        (0..3).for_each(|_| _ = load.failed(start, Duration::ZERO, Failure::Refused));
        let later = start + Duration::from_secs(1);
        assert!(load.probe(standings.millis(later)) && !load.probe(standings.millis(later)));
        assert!(!load.failed(later, Duration::ZERO, Failure::Refused));
        assert_eq!((load.is_ejected(), load.rank()), (true, 1));
    }
}
