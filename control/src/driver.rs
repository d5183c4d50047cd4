//! How do a source's events become published Snapshots? One task applies, commits and publishes.

mod clock_reading;
mod commit_limiter;
mod input;
mod kube_proxy_metrics;
mod log;
mod metrics;
mod outage;
mod propagation;
mod publish;
mod restored;
mod service_events;
mod status;
mod watches;

pub use clock_reading::ClockReading;
pub(crate) use input::{Input, Inputs, channel};
pub use propagation::{EndpointChange, PublishedChanges};
pub(crate) use publish::NodesWanted;
pub use status::{Status, WatchState};

use self::metrics::Metrics;
use crate::{Event, FileProblem, Objects, State, Store, disk, events::EventDesk, translate::Translation};
use commit_limiter::CommitLimiter;
use input::CAPACITY;
use kube_proxy_metrics::KubeProxyMetrics;
use log::{Log, services};
use outage::Outage;
use propagation::PendingChanges;
use restored::RestoredState;
use std::sync::Arc;
use tokio::{
    sync::{mpsc, oneshot, watch},
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
    /// Events about Services; `None` where none are written.
    events: Option<EventDesk>,
    /// Sender of the states to be saved; `None` without a state folder.
    states: Option<watch::Sender<State>>,
    /// Whoever waits for a Snapshot with the overrides that were set last.
    overriding: Vec<oneshot::Sender<u64>>,
    /// Objects that the published Snapshot follows from, for those who look.
    objects: watch::Sender<Objects>,
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
            events: None,
            states,
            overriding: Vec::new(),
            objects: watch::Sender::default(),
        }
    }

    /// The objects that the published Snapshot follows from.
    pub(crate) fn objects(&self) -> watch::Receiver<Objects> {
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
                permit = self.until_event() => {
                    self.send_event(permit);
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
                Input::Object(Translation { event, problems, triggered, uid }, received) => {
                    if let Some(events) = &mut self.events {
                        events.translated(&event, &problems, uid);
                    }
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
                Input::Findings(findings) => self.receive_findings(findings),
                Input::HostAddresses(addresses) => {
                    self.store.set_host_addresses(addresses);
                    self.pending = true;
                }
                Input::Overrides { overrides, done } => self.set_overrides(overrides, done),
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
        self.objects.send_replace(self.store.objects());
        if commit.changed {
            debug!(generation = commit.snapshot.generation, visited = commit.visited, "publishing");
            self.metrics.generation.set(commit.snapshot.generation as f64);
            self.snapshots.send_replace(commit.snapshot.clone());
        }
        self.answer_overriding(commit.snapshot.generation);
        if let Some(events) = &mut self.events {
            events.committed(&commit, &self.store);
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
}

#[cfg(test)]
mod tests;
