//! Which frontends do the workers know of in node mode, and how do they hear of changes?

use super::{
    Slots,
    report::{FrontendRow, FrontendState},
};
use crate::{
    catalog::{Change, Listing},
    plan::{Binding, Plan, Socket},
    thread::{Command, WorkerHandle, answers},
};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::time::timeout;
use weir_core::{Audience, Family, FrontendKind, PerFamily, PortKey, Protocol};

/// A worker hears of a change within moments; one that does not answer must not hold up the others.
const PATIENCE: Duration = Duration::from_secs(1);

/// The frontends that are in every worker's catalog. All that are planned are: one without usable endpoints too, whose UDP
/// flows may have an endpoint that still serves (semantics C3).
#[derive(Debug, Default)]
pub(super) struct Listed {
    known: HashMap<Socket, Known>,
    /// How many have somebody to serve.
    listening: PerFamily<usize>,
}

#[derive(Debug)]
struct Known {
    /// Who serves packets that come in through a receiving socket; `None` if none do.
    listing: Option<Listing>,
    /// What was last told of it: whose it is, what kind of address, and who can be served.
    port: PortKey,
    kind: FrontendKind,
    audience: Option<Audience>,
}

impl Known {
    fn of(binding: &Binding, listing: Option<Listing>) -> Self {
        let (port, kind, audience) = (binding.port.key.clone(), binding.kind, binding.audience());
        Self { listing, port, kind, audience }
    }

    /// In node mode a frontend is served where it is.
    fn row(self, socket: Socket, state: FrontendState) -> FrontendRow {
        let (frontend, listen) = (socket.address, socket.address);
        FrontendRow { port: self.port, kind: self.kind, frontend, listen, state }
    }

    fn is_told(&self, other: &Self) -> bool {
        (&self.port, self.kind, self.audience) == (&other.port, other.kind, other.audience)
    }
}

/// What one step has changed.
#[derive(Default)]
pub(super) struct Steps<'a> {
    /// Frontends that changed their state.
    pub(super) rows: Vec<FrontendRow>,
    /// Frontends that were not there before.
    pub(super) new: Vec<&'a Binding>,
}

impl Listed {
    /// Whether the workers know of a frontend.
    pub(super) fn contains(&self, socket: Socket) -> bool {
        self.known.contains_key(&socket)
    }

    /// How many frontends of a family have somebody to serve.
    pub(super) fn listening(&self, family: Family) -> usize {
        *self.listening.get(family)
    }

    /// Has the workers know the touched frontends as they are planned, by one command, and waits until they do.
    ///
    /// Not those of UDP in families where they are bound: the sockets from which their flows reply would be in the way.
    pub(super) async fn settle<'a>(
        &mut self,
        touched: impl IntoIterator<Item = Socket>,
        plan: &'a Plan,
        slots: &Slots,
        bound: PerFamily<bool>,
        workers: &[WorkerHandle],
    ) -> Steps<'a> {
        let (mut steps, mut changes) = (Steps::default(), Vec::new());
        for socket in touched {
            let listing = plan.winner(socket).and_then(|binding| {
                let slot = slots.get(&(binding.port.key.clone(), binding.port.family))?;
                let captured = socket.protocol != Protocol::Udp || !bound.get(binding.port.family);
                Some((binding, captured.then(|| Listing { kind: binding.kind, slot: Arc::clone(slot) })))
            });
            match listing {
                Some((binding, listing)) => changes.extend(self.list(binding, listing, &mut steps)),
                None => changes.extend(self.remove(socket, &mut steps)),
            }
        }
        if !changes.is_empty() {
            let changes: Arc<[Change]> = changes.into();
            let tell = |worker: &WorkerHandle| {
                worker.ask(|done| Command::Change { changes: Arc::clone(&changes), done })
            };
            if timeout(PATIENCE, answers(workers.iter().map(tell).collect())).await.is_err() {
                tracing::warn!(
                    "a worker is slow to hear of changed frontends; it goes on as before for a while"
                );
            }
        }
        steps
    }

    fn list<'a>(
        &mut self,
        binding: &'a Binding,
        listing: Option<Listing>,
        steps: &mut Steps<'a>,
    ) -> Option<Change> {
        let now = Known::of(binding, listing.clone());
        let state = now.audience.map_or(FrontendState::NoEndpoints, FrontendState::Listening);
        let listening = self.listening.get_mut(binding.port.family);
        *listening += usize::from(now.audience.is_some());
        let changed = match self.known.insert(binding.socket, now) {
            None => {
                steps.new.push(binding);
                steps.rows.push(FrontendRow::of(binding, state));
                true
            }
            Some(before) => {
                *listening -= usize::from(before.audience.is_some());
                if !before.is_told(&Known::of(binding, None)) {
                    steps.rows.push(FrontendRow::of(binding, state));
                }
                match (&before.listing, &listing) {
                    (Some(before), Some(now)) => !before.is(now),
                    (before, now) => before.is_some() || now.is_some(),
                }
            }
        };
        changed.then_some((binding.socket, listing))
    }

    fn remove(&mut self, socket: Socket, steps: &mut Steps<'_>) -> Option<Change> {
        let known = self.known.remove(&socket)?;
        *self.listening.get_mut(Family::of(socket.address.ip())) -= usize::from(known.audience.is_some());
        steps.rows.push(known.row(socket, FrontendState::Removed));
        Some((socket, None))
    }
}
