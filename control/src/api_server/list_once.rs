//! Which objects does an API server hold at this moment?

use super::{
    client::{ConfigError, address, url},
    source::KubeSource,
    start::{Links, start},
};
use crate::{
    Event, Kind, Loaded, Problem, Scope, Store, WatchState,
    driver::{self, Input},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::timeout,
};

/// Failures of one kind after which listing is given up. The first may be of credentials that are renewed then.
const MAX_FAILURES: usize = 2;

/// Reason why the objects of an API server could not be listed.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// No usable way to reach an API server is configured.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The API server cannot be reached, or refuses; the text says which, and what to do.
    #[error("{0}")]
    Failed(String),
    /// The lists were not complete in time.
    #[error(
        "the API server has not listed {} within {limit:?}; is it overloaded, or does a credential plugin wait for somebody?",
        missing.join(", ")
    )]
    TimedOut {
        /// Time that all lists together had.
        limit: Duration,
        /// Names of the kinds that are missing, as in `services`.
        missing: Vec<&'static str>,
    },
}

/// Lists the objects of an API server once, within `limit`, and computes the Snapshot that the node would serve.
///
/// Call it on a tokio runtime with time and I/O enabled.
pub async fn load_api_server(
    source: KubeSource,
    scope: &Scope,
    limit: Duration,
) -> Result<Loaded, ListError> {
    let mut listing = Listing::new(scope);
    match timeout(limit, listing.list(source, scope)).await {
        Ok(listed) => listed.map(|()| listing.loaded()),
        Err(_) => {
            let missing = listing.missing.iter().map(|kind| kind.resource()).collect();
            Err(listing.given_up(ListError::TimedOut { limit, missing }))
        }
    }
}

/// Lists that are under way.
struct Listing {
    store: Store,
    /// Kinds whose list is not complete.
    missing: BTreeSet<Kind>,
    problems: Vec<Problem>,
    notes: Vec<String>,
    /// Last failure of each kind, and the number of failures.
    failures: BTreeMap<Kind, (usize, String)>,
}

impl Listing {
    fn new(scope: &Scope) -> Self {
        let mut missing: BTreeSet<Kind> = Kind::ALL.into();
        if scope.node_name.is_empty() {
            missing.remove(&Kind::Node);
        }
        Self {
            store: Store::new(&scope.node_name),
            missing,
            problems: Vec::new(),
            notes: Vec::new(),
            failures: BTreeMap::new(),
        }
    }

    async fn list(&mut self, source: KubeSource, scope: &Scope) -> Result<(), ListError> {
        let mut guards = scope.guards(true);
        let url = url(&source).await?;
        guards.iter_mut().for_each(|rules| rules.virtual_ips.api_server = address(&url));
        self.store = Store::new(&scope.node_name).with_guards(guards);
        let (inputs, mut received) = driver::channel();
        // Dropped at the end, which ends the watches.
        let mut watches = JoinSet::new();
        // Nobody asks for the credentials to be read again while a list is awaited.
        let (_, reloads) = watch::channel(0);
        let (wanting, nodes_wanted) = watch::channel(None);
        let mut links = Links { reloads, nodes_wanted, events: None };
        start(source, scope, &inputs, &mut links, &mut watches).await?;
        drop(inputs);
        self.receive(&mut received).await?;
        if self.store.would_want_nodes() {
            // Nobody else asks at the same moment.
            wanting.send_replace(Some(0));
            self.receive_nodes(&mut received).await;
        }
        Ok(())
    }

    async fn receive(&mut self, received: &mut mpsc::Receiver<Input>) -> Result<(), ListError> {
        while !self.missing.is_empty() {
            match received.recv().await {
                Some(Input::Object(translation, _)) => {
                    self.problems.extend(translation.problems);
                    if let Event::Complete(kind) = &translation.event {
                        self.missing.remove(kind);
                    }
                    self.store.apply(translation.event);
                }
                Some(Input::Watch(kind, state)) => self.observe(kind, state)?,
                // None of them comes from a watch.
                Some(
                    Input::Manifests { .. }
                    | Input::Saved(_)
                    | Input::Nodes(_)
                    | Input::HostAddresses(_)
                    | Input::Overrides { .. }
                    | Input::Findings(_),
                ) => {}
                None => return Err(ListError::Failed("the watches have ended".to_owned())),
            }
        }
        Ok(())
    }

    /// Receives the addresses of all Nodes, or notes why there are none.
    async fn receive_nodes(&mut self, received: &mut mpsc::Receiver<Input>) {
        while let Some(input) = received.recv().await {
            match input {
                Input::Nodes(Ok(addresses)) => {
                    self.store.know_nodes(addresses);
                    return;
                }
                Input::Nodes(Err(message)) => return self.notes.push(message),
                // The lists are complete; what changed after that is not asked for.
                _ => {}
            }
        }
    }

    /// Follows the state of a watch. What is only recommended may fail, which is noted.
    fn observe(&mut self, kind: Kind, state: WatchState) -> Result<(), ListError> {
        let is_required = matches!(kind, Kind::Service | Kind::EndpointSlice);
        match state {
            WatchState::Connecting | WatchState::Connected => Ok(()),
            WatchState::Failing(message) if is_required => {
                let (count, last) = self.failures.entry(kind).or_default();
                *count += 1;
                last.clone_from(&message);
                if *count < MAX_FAILURES { Ok(()) } else { Err(ListError::Failed(message)) }
            }
            WatchState::Failing(message) | WatchState::Off(message) => {
                if self.missing.remove(&kind) {
                    self.notes.push(message);
                }
                Ok(())
            }
        }
    }

    /// Error of a list that was not complete in time: the last failure says more than that.
    fn given_up(self, otherwise: ListError) -> ListError {
        let last = self.failures.into_values().map(|(_, message)| ListError::Failed(message)).next();
        last.unwrap_or(otherwise)
    }

    fn loaded(self) -> Loaded {
        Loaded { problems: self.problems, notes: self.notes, ..Loaded::of(self.store) }
    }
}
