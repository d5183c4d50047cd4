//! How busy is an endpoint on this node, how fast does it accept, and does it work?

mod told;

use super::{
    connect_failure::ConnectFailure,
    connect_time::ConnectTime,
    end_record::EndRecord,
    history::History,
    outlier::{Cause, OutlierRecord},
    usage::Usage,
};
use std::{
    sync::{
        Arc, OnceLock,
        atomic::{
            AtomicBool, AtomicU8, AtomicU32, AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
    },
    time::{Duration, Instant},
};

/// Counts how often an endpoint of this node was ejected, re-admitted, found down or up, or forbidden. When the count has
/// moved, balancers look at their endpoints again.
#[derive(Debug, Default)]
pub struct HealthChanges {
    count: AtomicU64,
    /// Moment from which the milliseconds of this node's endpoints count: the first that was asked for.
    start: OnceLock<Instant>,
}

impl HealthChanges {
    /// Number of changes so far.
    pub fn count(&self) -> u64 {
        self.count.load(Acquire)
    }

    /// Adds a change.
    pub(super) fn add(&self) {
        self.count.fetch_add(1, Release);
    }

    /// A moment as milliseconds since the first moment that was asked for.
    pub(crate) fn millis(&self, now: Instant) -> u64 {
        now.saturating_duration_since(*self.start.get_or_init(|| now)).as_millis() as u64
    }

    /// The moment that is so many milliseconds after the first that was asked for.
    fn moment(&self, millis: u64) -> Option<Instant> {
        self.start.get()?.checked_add(Duration::from_millis(millis))
    }
}

/// What is known of one endpoint address. Shared by all Services and workers that use the address, and kept across
/// Snapshots.
#[derive(Debug, Default)]
pub struct Load {
    changes: Arc<HealthChanges>,
    usage: Usage,
    /// An [`OutlierRecord`] as a word.
    record: AtomicU64,
    /// An [`EndRecord`] as a word.
    ends: AtomicU32,
    /// Number of the health change that ejected the endpoint: the order of ejections.
    rank: AtomicU64,
    /// Mean and peak of a [`ConnectTime`], as the bits of two `f32`.
    connect_time: AtomicU64,
    /// Milliseconds at which the last connect ended. They may wrap: then the peak decays late once.
    sampled: AtomicU32,
    /// The last [`ConnectFailure`] of a connect or check as its number plus one; 0 without one.
    last_failure: AtomicU8,
    down: AtomicBool,
    forbidden: AtomicBool,
    history: History,
}

impl Load {
    /// An endpoint without connections and history; `changes` is the counter of this node.
    pub fn new(changes: &Arc<HealthChanges>) -> Self {
        Self { changes: Arc::clone(changes), ..Self::default() }
    }

    /// The counter of health changes that this endpoint moves.
    pub(crate) fn changes(&self) -> &Arc<HealthChanges> {
        &self.changes
    }

    /// Number of TCP connections and UDP flows that are being opened or are open.
    pub fn live(&self) -> usize {
        self.usage.live()
    }

    /// Counts one more connection until the lease is dropped.
    pub fn lease(self: &Arc<Self>) -> Lease {
        self.usage.begin();
        Lease { load: Arc::clone(self) }
    }

    /// Counts one more connection until the lease is dropped; `None` if there are `most` already.
    pub fn lease_within(self: &Arc<Self>, most: usize) -> Option<Lease> {
        self.usage.begin_within(most).then(|| Lease { load: Arc::clone(self) })
    }

    /// Records that the endpoint accepted a connection after `took`. That alone re-admits no endpoint: it may end the
    /// connection at once.
    pub fn connected(&self, now: Instant, took: Duration) {
        let millis = self.changes.millis(now);
        self.sample(millis, |connect_time, since| connect_time.after_success(since, took));
    }

    /// Records that the endpoint sent a byte over a connection, or that the connection has lasted.
    pub fn served(&self, now: Instant) {
        if !self.ends().is_settled() {
            self.update_ends(EndRecord::served);
        }
        self.answered(now);
    }

    /// Records that the endpoint ended a connection at once without a byte ([`MAX_END_AT_ONCE`](crate::MAX_END_AT_ONCE));
    /// `siblings_serve` is asked whether that makes it an outlier. Returns whether that ejected the endpoint.
    pub fn ended_at_once(&self, now: Instant, siblings_serve: impl FnOnce() -> bool) -> bool {
        let outlier = self.update_ends(EndRecord::ended_at_once).is_suspect() && siblings_serve();
        let millis = self.changes.millis(now);
        self.change(millis, |record| record.ended_at_once(millis, outlier))
    }

    /// Records that a client ended a connection before the endpoint had shown anything but that it accepts.
    pub fn abandoned(&self, now: Instant) {
        if !self.record().is_clean() {
            let millis = self.changes.millis(now);
            self.change(millis, |record| record.abandoned(millis));
        }
    }

    /// Records that the endpoint answered a datagram.
    pub fn answered(&self, now: Instant) {
        if !self.record().is_clean() {
            self.note_success(self.changes.millis(now));
        }
    }

    /// Records that a connect failed after `took`; returns whether that ejected the endpoint.
    pub fn failed(&self, now: Instant, took: Duration, failure: ConnectFailure) -> bool {
        let millis = self.changes.millis(now);
        self.last_failure.store(failure as u8 + 1, Relaxed);
        self.sample(millis, |connect_time, since| connect_time.after_failure(since, took));
        self.history.failed(millis);
        self.change(millis, |record| record.failed(millis))
    }

    /// Replaces the record, and counts a change of the standing; returns whether the endpoint is ejected for it.
    fn change(&self, millis: u64, next: impl Fn(OutlierRecord) -> OutlierRecord) -> bool {
        let before = self.update(|record| Some(next(record))).unwrap_or_default();
        let after = next(before);
        if before == after || !(before.is_ejected() || after.is_ejected()) {
            return false;
        }
        let ejected = !before.is_ejected();
        if before.is_ejected() != after.is_ejected() {
            self.history.changed(millis);
        }
        if ejected {
            self.history.ejected(millis);
            // Before the change is counted: a balancer that looks because of the count must find the rank.
            self.rank.store(self.changes.count() + 1, Relaxed);
        }
        self.changes.add();
        ejected
    }

    /// Takes the right to probe the endpoint, if a probe is due; returns whether it was taken.
    pub(crate) fn probe(&self, millis: u64) -> bool {
        let taken = self.update(|record| record.probe(millis)).is_some();
        if taken {
            self.changes.add();
        }
        taken
    }

    /// Records why the last active check failed.
    pub fn check_failed(&self, failure: ConnectFailure) {
        self.last_failure.store(failure as u8 + 1, Relaxed);
    }

    /// Sets whether active checks find the endpoint down.
    pub fn set_down(&self, down: bool) {
        if self.down.swap(down, Relaxed) != down {
            self.changes.add();
        }
    }

    /// Whether active checks find the endpoint down.
    pub fn is_down(&self) -> bool {
        self.down.load(Relaxed)
    }

    /// Sets whether the endpoint must not be connected to, because this proxy itself answers at the address.
    pub fn set_forbidden(&self, forbidden: bool) {
        if self.forbidden.swap(forbidden, Relaxed) != forbidden {
            self.changes.add();
        }
    }

    /// Whether the endpoint must not be connected to, because this proxy itself answers at the address.
    pub fn is_forbidden(&self) -> bool {
        self.forbidden.load(Relaxed)
    }

    /// Whether the endpoint is down or forbidden, whatever connects to it have shown.
    pub(crate) fn is_unusable(&self) -> bool {
        self.is_down() || self.is_forbidden()
    }

    /// Whether the endpoint is ejected, because connects to it keep failing.
    pub fn is_ejected(&self) -> bool {
        self.record().is_ejected()
    }

    /// Whether the endpoint is not ejected and the last connect to it did not fail, as far as is known.
    pub(crate) fn is_sound(&self) -> bool {
        self.record().is_clean()
    }

    /// The smoothed connect time.
    pub fn connect_time(&self) -> ConnectTime {
        let word = self.connect_time.load(Relaxed);
        ConnectTime { mean: f32::from_bits((word >> 32) as u32), peak: f32::from_bits(word as u32) }
    }

    /// What connects have shown lately.
    pub(crate) fn record(&self) -> OutlierRecord {
        OutlierRecord::from(self.record.load(Acquire))
    }

    /// How the last connections went.
    pub(crate) fn ends(&self) -> EndRecord {
        EndRecord::from(self.ends.load(Relaxed))
    }

    fn update_ends(&self, next: impl Fn(EndRecord) -> EndRecord) -> EndRecord {
        let word = self.ends.update(Relaxed, Relaxed, |word| next(EndRecord::from(word)).into());
        next(EndRecord::from(word))
    }

    /// Number of the health change that ejected the endpoint.
    pub(crate) fn rank(&self) -> u64 {
        self.rank.load(Relaxed)
    }

    /// Records a success; costs one load while there is nothing to forgive.
    fn note_success(&self, millis: u64) {
        if self.record().is_clean() {
            return;
        }
        self.change(millis, |record| record.succeeded(millis));
    }

    /// Replaces the record by `next` of it; returns the record before, or `None` if there is no next one.
    fn update(&self, next: impl Fn(OutlierRecord) -> Option<OutlierRecord>) -> Option<OutlierRecord> {
        let update = |word| next(OutlierRecord::from(word)).map(u64::from);
        self.record.try_update(AcqRel, Acquire, update).ok().map(OutlierRecord::from)
    }

    /// Adds a sample of the connect time. Two workers that do so at once may lose one sample.
    fn sample(&self, millis: u64, next: impl FnOnce(ConnectTime, Duration) -> ConnectTime) {
        let since = (millis as u32).wrapping_sub(self.sampled.swap(millis as u32, Relaxed));
        let ConnectTime { mean, peak } = next(self.connect_time(), Duration::from_millis(since.into()));
        self.connect_time.store(u64::from(mean.to_bits()) << 32 | u64::from(peak.to_bits()), Relaxed);
    }
}

/// One connection or flow that is counted in a [`Load`] until this is dropped.
#[derive(Debug)]
pub struct Lease {
    load: Arc<Load>,
}

impl Lease {
    /// The endpoint whose connection this is.
    pub fn load(&self) -> &Arc<Load> {
        &self.load
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.load.usage.end();
    }
}

#[cfg(test)]
mod tests;
