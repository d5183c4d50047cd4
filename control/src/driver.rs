//! How do a source's events become published Snapshots? One task applies, commits and publishes.

mod away;
mod journal;
mod kube_proxy;
mod meters;
mod pace;
mod restored;
mod told;

use crate::{
    Brought, Commit, Event, FileProblem, Kind, Moment, Object, State, Status, Store, WatchState, disk,
    propagation::{Pending, Unclear},
    translate::Translation,
};
use away::Away;
use kube_proxy::KubeProxyMeters;
use meters::Meters;
use pace::Pace;
use restored::Restored;
use std::{sync::Arc, time::SystemTime};
use tokio::{
    sync::{
        mpsc::{self, error::TrySendError},
        watch,
    },
    time::{Instant, sleep_until},
};
use told::Told;
use tracing::{debug, info};
use weir_core::Snapshot;

/// What a source tells the driver.
#[derive(Debug)]
pub(crate) enum Input {
    /// One object came, changed or went, or a list begins or is complete, and when this was heard.
    Object(Translation, Moment),
    /// The manifests were loaded. All of it becomes visible at once.
    Manifests {
        /// What the store is told.
        events: Vec<Event>,
        /// All that is wrong with the manifests now.
        problems: Vec<FileProblem>,
    },
    /// The state that an earlier run has saved. Comes before anything else.
    Restored(disk::Restored),
    /// The state of a watch.
    Watch(Kind, WatchState),
}

/// Where a source puts its inputs. Bounded: a source that is faster than the driver waits.
pub(crate) type Inputs = mpsc::Sender<Input>;

const CAPACITY: usize = 1024;

pub(crate) fn channel() -> (Inputs, mpsc::Receiver<Input>) {
    mpsc::channel(CAPACITY)
}

/// Owns the store.
pub(crate) struct Driver {
    store: Store,
    pace: Pace,
    /// Whether events were applied that are not committed.
    pending: bool,
    told: Told,
    away: Away,
    meters: Meters,
    kube_proxy: KubeProxyMeters,
    changes: Pending,
    brought: mpsc::Sender<Brought>,
    snapshots: watch::Sender<Snapshot>,
    status: watch::Sender<Status>,
    /// What was restored, until the API server's lists are complete.
    restored: Option<Restored>,
    /// What is to be saved, if anything is.
    states: Option<watch::Sender<State>>,
}

impl Driver {
    pub(crate) fn new(
        store: Store,
        snapshots: watch::Sender<Snapshot>,
        status: watch::Sender<Status>,
        brought: mpsc::Sender<Brought>,
        states: Option<watch::Sender<State>>,
    ) -> Self {
        Self {
            store,
            pace: Pace::default(),
            pending: false,
            told: Told::default(),
            away: Away::default(),
            meters: Meters::register(),
            kube_proxy: KubeProxyMeters::register(),
            changes: Pending::new(Instant::now()),
            brought,
            snapshots,
            status,
            restored: None,
            states,
        }
    }

    /// Runs until the source ends.
    pub(crate) async fn run(mut self, mut inputs: mpsc::Receiver<Input>) {
        let mut batch = Vec::with_capacity(CAPACITY);
        loop {
            let received = tokio::select! {
                received = inputs.recv_many(&mut batch, CAPACITY) => received,
                () = self.away.until_due() => {
                    self.say_away();
                    continue;
                }
            };
            if received == 0 {
                return;
            }
            self.take(&mut batch);
            // Before both lists are complete nothing may be served (semantics S6).
            if self.pending && self.store.is_ready() {
                self.gather(&mut inputs, &mut batch).await;
                self.commit();
            }
        }
    }

    /// Takes in what else comes until the commit is due, and what waits then.
    async fn gather(&mut self, inputs: &mut mpsc::Receiver<Input>, batch: &mut Vec<Input>) {
        let now = Instant::now();
        self.status.send_if_modified(|status| status.oldest_unapplied.replace(now).is_none());
        let due = self.pace.due(now);
        // A timer that is due already would still wait for the clock's next millisecond.
        while Instant::now() < due {
            tokio::select! {
                biased;
                () = sleep_until(due) => break,
                received = inputs.recv_many(batch, CAPACITY) => {
                    if received == 0 {
                        return;
                    }
                    self.take(batch);
                }
            }
        }
        // A count, not "until empty": a source that never pauses must not hold the commit off.
        for _ in 0..inputs.len() {
            batch.extend(inputs.try_recv().ok());
        }
        self.take(batch);
    }

    fn take(&mut self, batch: &mut Vec<Input>) {
        for input in batch.drain(..) {
            match input {
                Input::Object(Translation { event, problems, triggered }, received) => {
                    self.told.problems(&event, problems).iter().for_each(|&kind| self.meters.problem(kind));
                    self.note_change(&event, triggered, received);
                    if let (Some(restored), Event::Complete(kind)) = (&mut self.restored, &event) {
                        restored.complete(*kind);
                    }
                    self.apply(event, received);
                }
                Input::Manifests { events, problems } => {
                    let received = Moment::now();
                    for event in events {
                        self.note_change(&event, None, received);
                        self.apply(event, received);
                    }
                    self.note_file_problems(problems);
                }
                Input::Restored(restored) => self.restore(restored),
                Input::Watch(kind, state) => self.note_watch(kind, state),
            }
        }
    }

    fn apply(&mut self, event: Event, received: Moment) {
        self.meters.event(&event);
        self.kube_proxy.event(&event, received.wall);
        self.store.apply(event);
        self.pending = true;
    }

    fn restore(&mut self, restored: disk::Restored) {
        let disk::Restored { events, saved, file } = restored;
        events.into_iter().for_each(|event| self.store.apply(event));
        self.pending = true;
        self.restored = Some(Restored::new(saved, file));
    }

    fn commit(&mut self) {
        let commit = self.store.commit();
        let now = Instant::now();
        self.pending = false;
        self.kube_proxy.committed();
        self.pace.committed(now);
        for refusals in &commit.refusals {
            self.meters.refused(&refusals.new);
            self.told.refusals(refusals);
        }
        if commit.changed {
            debug!(generation = commit.snapshot.generation, visited = commit.visited, "publishing");
            self.meters.generation.set(commit.snapshot.generation as f64);
            self.snapshots.send_replace(commit.snapshot.clone());
        }
        self.tell_changes(&commit);
        if let Some(restored) = self.restored.take_if(|restored| restored.is_replaced()) {
            restored.tell_end();
        }
        self.publish_state();
        self.status.send_modify(|status| {
            match &self.restored {
                _ if status.ready => {}
                Some(restored) => restored.tell_start(&services(&commit.snapshot)),
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

    /// Has the objects saved, if they have changed. What was restored must not be replaced by half a list.
    fn publish_state(&self) {
        let Some(states) = self.states.as_ref().filter(|_| self.restored.is_none()) else { return };
        states.send_if_modified(|known| {
            let now = self.store.state();
            let changed = !now.is_same(known);
            *known = now;
            changed
        });
    }

    /// Remembers when a change of endpoints came. What is there at the start is no change.
    fn note_change(&mut self, event: &Event, triggered: Option<SystemTime>, received: Moment) {
        let Event::Put(_, Object::EndpointSlice(slice)) = event else { return };
        if self.store.is_ready()
            && self.restored.is_none()
            && let Err(unclear) = self.changes.note(&slice.service, slice.family, triggered, received)
        {
            self.meters.unclear(unclear, 1);
        }
    }

    /// Tells whoever measures what this commit brings. Nobody has to: then it is bounded and left.
    fn tell_changes(&mut self, commit: &Commit) {
        let changes = self.changes.take(&commit.differing);
        if changes.is_empty() {
            return;
        }
        let brought = Brought { generation: commit.snapshot.generation, changes };
        if let Err(TrySendError::Full(brought)) = self.brought.try_send(brought) {
            self.meters.unclear(Unclear::TooMany, brought.changes.len());
        }
    }

    fn note_file_problems(&mut self, problems: Vec<FileProblem>) {
        let all: Arc<[FileProblem]> = problems.into();
        let new = self.told.file_problems(&all);
        self.status.send_if_modified(|status| {
            let changed = status.problems != all;
            status.problems = all;
            changed
        });
        self.meters.file_problems.increment(new as u64);
    }

    fn note_watch(&mut self, kind: Kind, state: WatchState) {
        self.meters.watch(kind, &state);
        self.told.watch(kind, &state);
        let now = Moment::now();
        self.away.hear(kind, &state, now.steady);
        self.meters.away_since(self.away.unix_time(now));
        self.status.send_if_modified(|status| {
            let since = self.away.since();
            let changed = status.watches.get(&kind) != Some(&state) || status.away_since != since;
            status.watches.insert(kind, state);
            status.away_since = since;
            changed
        });
    }

    fn say_away(&mut self) {
        let now = Moment::now();
        self.away.say(now, self.snapshots.borrow().generation > 0);
        // A clock that jumped would make it seem away for another time than it is.
        self.meters.away_since(self.away.unix_time(now));
    }
}

fn services(snapshot: &Snapshot) -> String {
    match snapshot.services().count() {
        0 => "there is no Service to serve".into(),
        1 => "1 Service to serve".into(),
        many => format!("{many} Services to serve"),
    }
}

#[cfg(test)]
mod tests;
