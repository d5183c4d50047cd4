//! Where does all that is wrong with Services come together, and when does the next Event go out?

use super::{
    findings::{self, ByReason, OF_GUARDS, OF_OBJECTS},
    metrics::{EventCounters, EventResult},
    post::EventPost,
    uids::Uids,
};
use crate::{Commit, Event, Kind, Problem, Store};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::{
    sync::mpsc::{self, OwnedPermit},
    time::{Instant, sleep_until},
};
use weir_core::{
    EventLedger, EventReason, EventWriters, FindingKey, Findings, Sentences, ServiceKey, ServicePort,
};

/// Time for which the names of nodes are not collected again when something new is to be said.
const NODES_INTERVAL: Duration = Duration::from_secs(60);

/// The same while nothing new is to be said: a node that goes leaves to the next one what lasts.
const LASTING_INTERVAL: Duration = Duration::from_secs(600);

/// What is wrong with the Services of an API server, and the Events that follow.
pub(crate) struct EventDesk {
    ledger: EventLedger,
    uids: Uids,
    /// What the data plane has found.
    found: Findings,
    node: Arc<str>,
    /// Time at which the names of nodes were collected.
    nodes_known: Option<Instant>,
    /// Time at which the next Event may be due.
    next_due: Option<Instant>,
    posts: mpsc::Sender<EventPost>,
    counters: EventCounters,
}

impl EventDesk {
    /// Creates a desk for the weir on this node, which is empty where it runs on none.
    pub(crate) fn new(node: &str, posts: mpsc::Sender<EventPost>) -> Self {
        let mut ledger = EventLedger::new(Instant::now().into_std());
        ledger.set_writers(EventWriters::new(node.into(), BTreeSet::new()));
        Self {
            ledger,
            uids: Uids::default(),
            found: Findings::new(),
            node: node.into(),
            nodes_known: None,
            next_due: None,
            posts,
            counters: EventCounters::register(),
        }
    }

    /// Takes note of an object, of its problems, and of its uid.
    pub(crate) fn translated(&mut self, event: &Event, problems: &[Problem], uid: Option<u128>) {
        match event {
            Event::Begin(Kind::Service) => self.uids.begin_list(),
            Event::Complete(Kind::Service) => self.uids.complete_list(),
            Event::Put(key, _) | Event::Keep(key) if key.kind == Kind::Service => {
                let service = ServiceKey::new(Arc::clone(&key.namespace), Arc::clone(&key.name));
                if let Some(uid) = uid {
                    self.uids.put(&service, uid);
                }
                self.set(&service, &OF_OBJECTS, findings::of_problems(problems));
            }
            Event::Delete(key) if key.kind == Kind::Service => {
                let service = ServiceKey::new(Arc::clone(&key.namespace), Arc::clone(&key.name));
                self.uids.forget(&service);
                self.ledger.forget(&service);
            }
            _ => {}
        }
    }

    /// Takes note of what a commit brings.
    pub(crate) fn committed(&mut self, commit: &Commit, store: &Store) {
        for service in &commit.differing {
            match commit.snapshot.get(service) {
                None => self.ledger.forget(service),
                Some(resolved) => {
                    let reason = EventReason::ProtocolNotServed;
                    let sentences = findings::of_protocols(resolved);
                    self.ledger.set(Instant::now().into_std(), service, reason, sentences);
                }
            }
        }
        for refusals in &commit.refusals {
            let exists = commit.snapshot.get(&refusals.service).is_some();
            let found = if exists { findings::of_refusals(refusals) } else { ByReason::new() };
            self.set(&refusals.service, &OF_GUARDS, found);
        }
        self.schedule(store);
    }

    /// Takes note of all that the data plane finds wrong now.
    pub(crate) fn found(&mut self, now_found: Findings, store: &Store) {
        let now = Instant::now().into_std();
        let before = std::mem::replace(&mut self.found, now_found);
        let differs = |(key, sentence): (&_, &_), others: &Findings| others.get(key) != Some(sentence);
        let changed = before.iter().filter(|found| differs(*found, &self.found));
        let changed = changed.chain(self.found.iter().filter(|found| differs(*found, &before)));
        // A port that was taken out of its Service does not work again.
        let withdrawn: Vec<_> = before.keys().filter(|key| is_gone(key, store)).collect();
        let topics: BTreeSet<_> = changed.map(|(key, _)| (key.service.clone(), key.reason)).collect();
        for (service, reason) in topics {
            let of_topic =
                self.found.iter().filter(|(key, _)| key.service == service && key.reason == reason);
            let sentences = of_topic.map(|(key, sentence)| (Arc::clone(&key.subject), Arc::clone(sentence)));
            let sentences: Sentences = sentences.collect();
            let is_of_topic = |key: &&FindingKey| key.service == service && key.reason == reason;
            match sentences.is_empty() && withdrawn.iter().copied().any(|key| is_of_topic(&key)) {
                true => self.ledger.withdraw(&service, reason),
                false => self.ledger.set(now, &service, reason, sentences),
            }
        }
        if store.is_ready() {
            self.schedule(store);
        }
    }

    /// Waits until an Event may be due, and there is room for it on its way.
    pub(crate) fn until_due(&self) -> impl Future<Output = OwnedPermit<EventPost>> + use<> {
        let (due, posts) = (self.next_due, self.posts.clone());
        async move {
            if let Some(due) = due {
                sleep_until(due).await;
                if let Ok(permit) = posts.reserve_owned().await {
                    return permit;
                }
            }
            std::future::pending().await
        }
    }

    /// Sends the Event that is due, if there is one.
    pub(crate) fn send(&mut self, permit: OwnedPermit<EventPost>) {
        if let Some(draft) = self.ledger.take_due(Instant::now().into_std()) {
            let uid = self.uids.get(&draft.service);
            permit.send(EventPost { draft, uid });
        }
        self.look_ahead();
    }

    /// Replaces what is wrong with a Service for these reasons.
    fn set(&mut self, service: &ServiceKey, reasons: &[EventReason], mut found: ByReason) {
        let now = Instant::now().into_std();
        for &reason in reasons {
            let sentences: Sentences = found.remove(&reason).unwrap_or_default();
            self.ledger.set(now, service, reason, sentences);
        }
    }

    /// Decides who says what is new: all nodes are known by the endpoints that are on them.
    fn schedule(&mut self, store: &Store) {
        let now = Instant::now();
        let dropped = self.ledger.take_dropped();
        if dropped > 0 {
            self.counters.count(EventResult::Dropped, dropped);
        }
        let is_new = self.ledger.has_unscheduled();
        let interval = if is_new { NODES_INTERVAL } else { LASTING_INTERVAL };
        let is_old = self.nodes_known.is_none_or(|known| now.duration_since(known) >= interval);
        if is_old && !self.ledger.is_empty() {
            self.nodes_known = Some(now);
            let nodes = store.ready_node_names();
            self.ledger.set_writers(EventWriters::new(Arc::clone(&self.node), nodes));
        }
        if is_new {
            self.ledger.schedule(now.into_std());
        }
        self.look_ahead();
    }

    fn look_ahead(&mut self) {
        self.next_due = self.ledger.next_due(Instant::now().into_std()).map(Instant::from_std);
    }
}

/// Whether endpoints were found to fail of a port that its Service does not have any more.
fn is_gone(key: &FindingKey, store: &Store) -> bool {
    let is_this = |port: &Arc<ServicePort>| FindingKey::of_port(&port.key, port.family, key.reason) == *key;
    key.reason == EventReason::EndpointsFailing
        && !store.snapshot().get(&key.service).is_some_and(|service| service.ports.iter().any(is_this))
}
