//! How do a source's events become published Snapshots? One task applies, commits and publishes.

mod clock_reading;
mod commit_limiter;
mod input;
mod kube_proxy_metrics;
mod log;
mod log_budget;
mod log_deduplicator;
mod metrics;
mod nodes_wanted;
mod outage;
mod propagation;
mod restored;
mod status;

pub use clock_reading::ClockReading;
pub(crate) use input::{Input, Inputs, channel};
pub(crate) use nodes_wanted::NodesWanted;
pub use propagation::{EndpointChange, PublishedChanges};
pub use status::{Status, WatchState};

use self::metrics::Metrics;
use crate::{Commit, Event, FileProblem, Kind, Object, State, Store, disk, translate::Translation};
use commit_limiter::CommitLimiter;
use input::CAPACITY;
use kube_proxy_metrics::KubeProxyMetrics;
use log::{Log, services};
use outage::Outage;
use propagation::{PendingChanges, Unclear};
use restored::RestoredState;
use std::{sync::Arc, time::SystemTime};
use tokio::{
    sync::{
        mpsc::{self, error::TrySendError},
        watch,
    },
    time::{Instant, sleep_until},
};
use tracing::{debug, info};
use weir_core::Snapshot;

/// Applies the inputs of a source to the store, and publishes a Snapshot after each commit that changes one.
pub(crate) struct Driver {
    store: Store,
    commit_limiter: CommitLimiter,
    /// Whether events were applied since the last commit.
    pending: bool,
    log: Log,
    outage: Outage,
    metrics: Metrics,
    kube_proxy_metrics: KubeProxyMetrics,
    changes: PendingChanges,
    published_changes: mpsc::Sender<PublishedChanges>,
    snapshots: watch::Sender<Snapshot>,
    status: watch::Sender<Status>,
    /// State from disk that is in force until the API server's lists are complete.
    restored: Option<RestoredState>,
    /// Tells that the addresses of all Nodes are wanted.
    nodes_wanted: watch::Sender<NodesWanted>,
    /// Sender of the states to be saved; `None` without a state folder.
    states: Option<watch::Sender<State>>,
    /// Objects that the published Snapshot follows from, for those who look.
    objects: watch::Sender<State>,
}

impl Driver {
    pub(crate) fn new(
        store: Store,
        snapshots: watch::Sender<Snapshot>,
        status: watch::Sender<Status>,
        published_changes: mpsc::Sender<PublishedChanges>,
        states: Option<watch::Sender<State>>,
    ) -> Self {
        let now = Instant::now();
        Self {
            store,
            commit_limiter: CommitLimiter::new(now),
            pending: false,
            log: Log::new(now),
            outage: Outage::default(),
            metrics: Metrics::register(),
            kube_proxy_metrics: KubeProxyMetrics::register(),
            changes: PendingChanges::new(now),
            published_changes,
            snapshots,
            status,
            restored: None,
            nodes_wanted: watch::Sender::default(),
            states,
            objects: watch::Sender::default(),
        }
    }

    /// The objects that the published Snapshot follows from, before guards.
    pub(crate) fn objects(&self) -> watch::Receiver<State> {
        self.objects.subscribe()
    }

    /// Runs until all senders of inputs are gone.
    pub(crate) async fn run(mut self, mut inputs: mpsc::Receiver<Input>) {
        let mut batch = Vec::with_capacity(CAPACITY);
        loop {
            let received = tokio::select! {
                received = inputs.recv_many(&mut batch, CAPACITY) => received,
                () = self.outage.until_due() => {
                    self.log_outage();
                    continue;
                }
                () = self.log.until_summary() => {
                    self.log.log_summary();
                    continue;
                }
            };
            if received == 0 {
                return;
            }
            self.receive(&mut batch);
            // Before both lists are complete nothing may be served (semantics S6).
            if self.pending && self.store.is_ready() {
                self.coalesce(&mut inputs, &mut batch).await;
                self.commit();
            }
        }
    }

    /// Receives further inputs until the commit is due, and then what is queued at that moment.
    async fn coalesce(&mut self, inputs: &mut mpsc::Receiver<Input>, batch: &mut Vec<Input>) {
        let now = Instant::now();
        self.status.send_if_modified(|status| status.oldest_unapplied.replace(now).is_none());
        let due = self.commit_limiter.due(now);
        // A timer that is due already would still wait for the clock's next millisecond.
        while Instant::now() < due {
            tokio::select! {
                biased;
                () = sleep_until(due) => break,
                received = inputs.recv_many(batch, CAPACITY) => {
                    if received == 0 {
                        return;
                    }
                    self.receive(batch);
                }
            }
        }
        // A count, not "until empty": a source that never pauses must not hold the commit off.
        for _ in 0..inputs.len() {
            batch.extend(inputs.try_recv().ok());
        }
        self.receive(batch);
    }

    fn receive(&mut self, batch: &mut Vec<Input>) {
        for input in batch.drain(..) {
            match input {
                Input::Object(Translation { event, problems, triggered }, received) => {
                    self.log
                        .problems(&event, problems)
                        .iter()
                        .for_each(|new| self.metrics.problem(&event, new));
                    self.record_change(&event, triggered, received);
                    if let (Some(restored), Event::Complete(kind)) = (&mut self.restored, &event) {
                        restored.complete(*kind);
                    }
                    self.apply(event, received);
                }
                Input::Manifests { events, problems } => {
                    let received = ClockReading::now();
                    for event in events {
                        self.record_change(&event, None, received);
                        self.apply(event, received);
                    }
                    self.report_file_problems(problems);
                }
                Input::Saved(state) => self.restore(state),
                Input::Nodes(answer) => self.receive_nodes(answer),
                Input::HostAddresses(addresses) => {
                    self.store.set_host_addresses(addresses);
                    self.pending = true;
                }
                Input::Watch(kind, state) => self.observe_watch(kind, state),
            }
        }
    }

    fn apply(&mut self, event: Event, received: ClockReading) {
        self.metrics.event(&event);
        self.kube_proxy_metrics.event(&event, received.wall);
        self.store.apply(event);
        self.pending = true;
    }

    fn restore(&mut self, state: disk::SavedState) {
        let disk::SavedState { events, saved, file } = state;
        events.into_iter().for_each(|event| self.store.apply(event));
        self.pending = true;
        self.restored = Some(RestoredState::new(saved, file));
    }

    fn commit(&mut self) {
        let commit = self.store.commit();
        let now = Instant::now();
        self.pending = false;
        self.kube_proxy_metrics.committed();
        self.commit_limiter.committed(now);
        for refusals in &commit.refusals {
            self.metrics.refused(&refusals.new);
            self.log.refusals(refusals);
        }
        // Before the Snapshot: who sees that one finds its objects, or later ones.
        self.objects.send_replace(self.store.state());
        if commit.changed {
            debug!(generation = commit.snapshot.generation, visited = commit.visited, "publishing");
            self.metrics.generation.set(commit.snapshot.generation as f64);
            self.snapshots.send_replace(commit.snapshot.clone());
        }
        self.want_nodes();
        self.publish_changes(&commit);
        if let Some(restored) = self.restored.take_if(|restored| restored.is_replaced()) {
            restored.log_end();
        }
        self.publish_state();
        self.status.send_modify(|status| {
            match &self.restored {
                _ if status.ready => {}
                Some(restored) => restored.log_start(&services(&commit.snapshot)),
                None => info!("Services and EndpointSlices are listed; {}", services(&commit.snapshot)),
            }
            status.ready = true;
            status.restored = self.restored.as_ref().map(|restored| restored.saved);
            status.oldest_unapplied = None;
            status.last_synced = Some(now);
            status.generation = commit.snapshot.generation;
            status.node_known = commit.snapshot.node.known;
        });
    }

    /// Publishes the objects to be saved, if they have changed. A restored state is not replaced by half a
    /// list.
    fn publish_state(&self) {
        let Some(states) = self.states.as_ref().filter(|_| self.restored.is_none()) else { return };
        states.send_if_modified(|known| {
            let now = self.store.state();
            let changed = !now.is_same(known);
            *known = now;
            changed
        });
    }

    /// Records when a change of endpoints came. Slices that a first list names are no changes.
    fn record_change(&mut self, event: &Event, triggered: Option<SystemTime>, received: ClockReading) {
        let Event::Put(_, Object::EndpointSlice(slice)) = event else { return };
        if self.store.is_ready()
            && self.restored.is_none()
            && let Err(unclear) = self.changes.record(&slice.service, slice.family, triggered, received)
        {
            self.metrics.unclear(unclear, 1);
        }
    }

    /// Publishes the changes of endpoints that a commit brings. A full channel means that nobody measures: they
    /// are counted and dropped.
    fn publish_changes(&mut self, commit: &Commit) {
        let changes = self.changes.take(&commit.differing);
        if changes.is_empty() {
            return;
        }
        let published_changes = PublishedChanges { generation: commit.snapshot.generation, changes };
        if let Err(TrySendError::Full(published_changes)) = self.published_changes.try_send(published_changes)
        {
            self.metrics.unclear(Unclear::TooMany, published_changes.changes.len());
        }
    }

    fn report_file_problems(&mut self, problems: Vec<FileProblem>) {
        let all: Arc<[FileProblem]> = problems.into();
        let new = self.log.file_problems(&all);
        self.status.send_if_modified(|status| {
            let changed = status.problems != all;
            status.problems = all;
            changed
        });
        new.iter().for_each(|problem| self.metrics.file_problem(problem));
    }

    fn observe_watch(&mut self, kind: Kind, state: WatchState) {
        self.metrics.watch(kind, &state);
        self.log.watch(kind, &state);
        let now = ClockReading::now();
        self.outage.observe(kind, &state, now.monotonic);
        self.metrics.outage_since(self.outage.unix_time(now));
        self.status.send_if_modified(|status| {
            let since = self.outage.since();
            let changed = status.watches.get(&kind) != Some(&state) || status.outage_since != since;
            status.watches.insert(kind, state);
            status.outage_since = since;
            changed
        });
    }

    fn log_outage(&mut self) {
        let now = ClockReading::now();
        self.outage.log(now, self.snapshots.borrow().generation > 0);
        // The start of an outage is computed from the current time of day: the gauge follows a clock that was
        // set.
        self.metrics.outage_since(self.outage.unix_time(now));
    }
}

#[cfg(test)]
mod tests;
