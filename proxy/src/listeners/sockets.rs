//! Which sockets are open, and how do they come to be as planned?

use super::{
    Slots,
    report::{self, Applied, Conflicts, FrontendRow, FrontendState},
    retry::Retries,
};
use crate::{
    place::Place,
    plan::{Binding, Plan, Socket},
    socket,
    thread::{Command, ListenerId, WorkerHandle},
};
use ipnet::IpNet;
use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;
use weir_core::{Audience, Family, FrontendKind, PortKey};

/// A worker closes a socket within moments; one that does not answer must not hold up the others.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);

/// The open sockets, and those that could not be opened.
#[derive(Debug)]
pub(super) struct Sockets {
    workers: Vec<WorkerHandle>,
    open: HashMap<Socket, Open>,
    /// Wanted, but without a usable endpoint; told to be so once.
    closed: HashSet<Socket>,
    retries: Retries,
    conflicts: Conflicts,
    budget: usize,
    descriptors: usize,
    next_id: ListenerId,
}

/// An open group of sockets, one on each of some workers.
#[derive(Debug)]
struct Open {
    id: ListenerId,
    serves: Serves,
    workers: Vec<usize>,
}

/// What a group of sockets serves. When this changes it has to be opened anew.
#[derive(Debug, PartialEq)]
struct Serves {
    port: PortKey,
    family: Family,
    kind: FrontendKind,
    frontend: SocketAddr,
    audience: Audience,
    /// Whose packets get through; `None` means everybody's.
    admitted: Option<Vec<IpNet>>,
}

impl Serves {
    /// `None` when the binding has no usable endpoint.
    fn of(binding: &Binding, place: &Place) -> Option<Self> {
        let audience = binding.audience()?;
        Some(Self {
            admitted: place.admitted(&binding.port, binding.kind, audience),
            audience,
            port: binding.port.key.clone(),
            family: binding.port.family,
            kind: binding.kind,
            frontend: binding.frontend,
        })
    }
}

impl Sockets {
    pub(super) fn new(workers: Vec<WorkerHandle>, budget: usize) -> Self {
        Self {
            workers,
            open: HashMap::new(),
            closed: HashSet::new(),
            retries: Retries::default(),
            conflicts: Conflicts::default(),
            budget,
            descriptors: 0,
            next_id: 0,
        }
    }

    pub(super) fn workers(&self) -> &[WorkerHandle] {
        &self.workers
    }

    pub(super) fn next_retry(&self) -> Option<Instant> {
        self.retries.next()
    }

    pub(super) fn due(&self, now: Instant) -> Vec<Socket> {
        self.retries.due(now)
    }

    /// Opens and closes until the touched sockets are as planned.
    ///
    /// Closing comes first and is waited for: an address can be opened for another Service only when it is free.
    pub(super) async fn settle(
        &mut self,
        touched: impl IntoIterator<Item = Socket>,
        plan: &Plan,
        place: &Place,
        slots: &Slots,
    ) -> Applied {
        let mut applied = Applied::default();
        let mut opening = Vec::new();
        let mut closing = Vec::new();
        for socket in touched {
            let binding = plan.winner(socket);
            let serves = binding.and_then(|binding| Serves::of(binding, place));
            self.conflicts.report(plan, socket);
            if serves.is_some() && self.open.get(&socket).map(|open| &open.serves) == serves.as_ref() {
                continue;
            }
            let closed = self.open.remove(&socket);
            if serves.is_none() {
                self.retries.forget(socket);
                let news = binding.filter(|_| self.closed.insert(socket));
                applied.rows.extend(news.map(|binding| FrontendRow::of(binding, FrontendState::NoEndpoints)));
            }
            if binding.is_none() || serves.is_some() {
                self.closed.remove(&socket);
            }
            if let Some(open) = closed {
                if binding.is_none() {
                    applied.rows.push(open.serves.removed(socket));
                }
                closing.extend(self.close(open));
            }
            opening.extend(binding.zip(serves));
        }
        wait_for(closing).await;
        self.open_all(opening, plan, slots, &mut applied);
        self.count(plan);
        applied
    }

    fn close(&mut self, open: Open) -> Vec<oneshot::Receiver<()>> {
        self.descriptors -= open.workers.len();
        let close = |&worker: &usize| self.workers[worker].ask(|done| Command::Close { id: open.id, done });
        open.workers.iter().map(close).collect()
    }

    fn open_all(
        &mut self,
        opening: Vec<(&Binding, Serves)>,
        plan: &Plan,
        slots: &Slots,
        applied: &mut Applied,
    ) {
        let now = Instant::now();
        let mut news = Vec::new();
        for (binding, serves) in opening {
            let audience = serves.audience;
            let state = match self.open(binding, serves, plan, slots) {
                Ok(()) => {
                    self.retries.forget(binding.socket);
                    FrontendState::Listening(audience)
                }
                Err(error) => {
                    let why = report::explain(&error);
                    if !self.retries.fail(binding.socket, now, &why) {
                        continue;
                    }
                    news.push((FrontendRow::of(binding, FrontendState::Failed(why.clone())), why.clone()));
                    FrontendState::Failed(why)
                }
            };
            applied.rows.push(FrontendRow::of(binding, state));
        }
        report::warn(&news);
    }

    fn open(&mut self, binding: &Binding, serves: Serves, plan: &Plan, slots: &Slots) -> io::Result<()> {
        let slot = slots.get(&(serves.port.clone(), serves.family));
        let slot = slot
            .ok_or_else(|| io::Error::other("the Service port is not known; please report this as a bug"))?;
        let workers = self.choose_workers(binding.socket, plan.len())?;
        let group = socket::open_group(binding.socket, serves.admitted.as_deref(), workers.len())?;
        let id = self.next_id;
        self.next_id += 1;
        for (&worker, socket) in workers.iter().zip(group) {
            let (binding, slot) = (binding.clone(), Arc::clone(slot));
            self.workers[worker].tell(Command::Listen { id, socket, binding, slot });
        }
        self.descriptors += workers.len();
        self.open.insert(binding.socket, Open { id, serves, workers });
        Ok(())
    }

    /// The workers that listen on an address: all while there are few addresses, fewer when there are many.
    fn choose_workers(&self, socket: Socket, wanted: usize) -> io::Result<Vec<usize>> {
        let share = self.budget / wanted.max(1);
        let free = self.budget.saturating_sub(self.descriptors);
        let count = self.workers.len().min(share.max(1)).min(free);
        if count == 0 {
            let message =
                format!("the {} descriptors for listening are used up; raise ulimit -n", self.budget);
            return Err(io::Error::other(message));
        }
        let mut hasher = DefaultHasher::new();
        socket.hash(&mut hasher);
        let first = (hasher.finish() % self.workers.len() as u64) as usize;
        Ok((first..first + count).map(|worker| worker % self.workers.len()).collect())
    }

    /// Shows how many frontends are in which state.
    pub(super) fn count(&self, plan: &Plan) {
        let (open, failed) = (self.open.len(), self.retries.len());
        let closed = plan.len().saturating_sub(open + failed);
        for (state, count) in [("listening", open), ("failed", failed), ("no_endpoints", closed)] {
            metrics::gauge!("weir_frontends", "state" => state).set(count as f64);
        }
    }
}

impl Serves {
    fn removed(&self, socket: Socket) -> FrontendRow {
        FrontendRow {
            port: self.port.clone(),
            kind: self.kind,
            frontend: self.frontend,
            listen: socket.address,
            state: FrontendState::Removed,
        }
    }
}

async fn wait_for(closing: Vec<oneshot::Receiver<()>>) {
    let all = async {
        for closed in closing {
            // An error means that the worker has ended, and its sockets with it.
            let _ = closed.await;
        }
    };
    if tokio::time::timeout(CLOSE_PATIENCE, all).await.is_err() {
        tracing::warn!(
            "a worker is slow to close sockets; their addresses may be reported as in use for a while"
        );
    }
}
