//! What do the connections of one test API server share?

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::faults::Faults;
use super::requests::{Parameters, Requests};
use super::resource::{Resource, Target};
use super::sighting::{MAX_SIGHTINGS, Sighting};
use super::store::{Pages, Store};
use crate::servers::Counter;

/// Everything that survives a restart of the server. No lock is held across an await.
#[derive(Default)]
pub(super) struct State {
    store: Mutex<Store>,
    pages: Mutex<Pages>,
    faults: Mutex<Faults>,
    requests: Mutex<BTreeMap<Resource, Requests>>,
    tls: Mutex<Option<TlsAcceptor>>,
    sightings: Mutex<VecDeque<Sighting>>,
    /// Wakes the watch streams.
    pub(super) signals: watch::Sender<Signals>,
    /// Numbers the watch streams.
    next_stream: AtomicU64,
    /// Watch streams that are open now.
    pub(super) open_streams: Counter,
    /// Changes whenever a request was counted.
    pub(super) seen: Counter,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("head", &self.store().head()).finish_non_exhaustive()
    }
}

/// Signals to all watch streams.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Signals {
    /// The newest resource version.
    pub(super) head: u64,
    /// Number of times that streams were cut.
    pub(super) cuts: u64,
    /// Number of times that a bookmark was requested.
    pub(super) bookmarks: u64,
    /// Streams with a smaller number deliver nothing.
    pub(super) stalled_below: u64,
}

/// The kinds of request that are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    List,
    Watch,
    Create,
    Patch,
}

impl Verb {
    /// Name of the verb in RBAC.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Patch => "patch",
        }
    }
}

impl State {
    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        locked(&self.store)
    }

    pub(super) fn pages(&self) -> MutexGuard<'_, Pages> {
        locked(&self.pages)
    }

    pub(super) fn faults(&self) -> MutexGuard<'_, Faults> {
        locked(&self.faults)
    }

    /// Remembers how a client came.
    pub(super) fn record(&self, sighting: Sighting) {
        let mut sightings = locked(&self.sightings);
        if sightings.len() == MAX_SIGHTINGS {
            sightings.pop_front();
        }
        sightings.push_back(sighting);
    }

    /// Removes and returns what was remembered of clients.
    pub(super) fn take_sightings(&self) -> Vec<Sighting> {
        locked(&self.sightings).drain(..).collect()
    }

    /// Sets the TLS of connections that are accepted from now on; `None` is without TLS.
    pub(super) fn set_tls(&self, tls: Option<TlsAcceptor>) {
        *locked(&self.tls) = tls;
    }

    pub(super) fn tls(&self) -> Option<TlsAcceptor> {
        locked(&self.tls).clone()
    }

    /// Puts an earlier store back, with its versions.
    pub(super) fn restore(&self, earlier: Store) {
        let head = earlier.head();
        *self.store() = earlier;
        self.pages().forget();
        self.signals.send_modify(|signals| signals.head = head);
    }

    /// Changes the store, then wakes the watch streams.
    pub(super) fn change<Answer>(&self, change: impl FnOnce(&mut Store) -> Answer) -> Answer {
        let (answer, head) = {
            let mut store = self.store();
            (change(&mut store), store.head())
        };
        self.signals.send_modify(|signals| signals.head = signals.head.max(head));
        answer
    }

    /// Counts a request.
    pub(super) fn count(&self, target: &Target, verb: Verb, parameters: &Parameters) {
        {
            let mut requests = locked(&self.requests);
            let counts = requests.entry(target.resource).or_default();
            match verb {
                Verb::Get => counts.gets += 1,
                Verb::Create | Verb::Patch => counts.writes += 1,
                Verb::List => {
                    counts.lists += 1;
                    counts.last_list.clone_from(parameters);
                }
                Verb::Watch => {
                    counts.watches += 1;
                    counts.last_watch.clone_from(parameters);
                }
            }
        }
        self.seen.add(1);
    }

    /// Counts that a request was answered with an error status.
    pub(super) fn count_refused(&self, target: &Target) {
        locked(&self.requests).entry(target.resource).or_default().refused += 1;
        self.seen.add(1);
    }

    /// Counts that a list was sent to its end.
    pub(super) fn count_complete_list(&self, resource: Resource) {
        locked(&self.requests).entry(resource).or_default().complete_lists += 1;
        self.seen.add(1);
    }

    /// Counts of the requests for a resource.
    pub(super) fn requests(&self, resource: Resource) -> Requests {
        locked(&self.requests).get(&resource).cloned().unwrap_or_default()
    }

    /// The number of a new watch stream.
    pub(super) fn number_stream(&self) -> u64 {
        self.next_stream.fetch_add(1, Ordering::Relaxed)
    }

    /// Streams with a smaller number exist.
    pub(super) fn streams_numbered(&self) -> u64 {
        self.next_stream.load(Ordering::Relaxed)
    }
}

/// A panic while a lock is held is a failed test; the others go on with what is there.
fn locked<Guarded>(mutex: &Mutex<Guarded>) -> MutexGuard<'_, Guarded> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
