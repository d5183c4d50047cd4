//! Which frontends do the workers know of in node mode, and how do changes reach them?

use super::{
    report::{FrontendRow, FrontendState},
    sockets::{Desired, MAX_WORKER_WAIT},
};
use crate::{
    routing::{binding::Binding, port_runtime::PortRuntime},
    shared::command::{CapturedFrontend, Command, FrontendChange},
    worker::handle::{WorkerHandle, answers},
};
use std::{collections::HashMap, sync::Arc};
use tokio::time::timeout;
use weir_core::{Audience, Family, Frontend, FrontendKind, PerFamily, Protocol};

/// Frontends that every worker knows of: all that are planned, also without usable endpoints, as their UDP flows may
/// have an endpoint that still serves (semantics C3).
#[derive(Debug, Default)]
pub(super) struct KnownFrontends {
    known: HashMap<Frontend, KnownFrontend>,
    /// Number of frontends in each family that have clients to serve.
    listening: PerFamily<usize>,
}

/// A frontend in the state that was last sent to the workers.
#[derive(Debug)]
struct KnownFrontend {
    /// Service port behind the frontend.
    runtime: Arc<PortRuntime>,
    kind: FrontendKind,
    audience: Option<Audience>,
    /// Whether packets that arrive at capture sockets are served.
    is_captured: bool,
}

impl KnownFrontend {
    /// Target of packets that arrive at capture sockets; `None` if workers do not serve such packets.
    fn captured(&self) -> Option<CapturedFrontend> {
        self.is_captured.then(|| CapturedFrontend { kind: self.kind, runtime: Arc::clone(&self.runtime) })
    }

    /// Report of the frontend, which in node mode is served at its own address.
    fn row(self, frontend: Frontend, state: FrontendState) -> FrontendRow {
        let (key, address) = (self.runtime.metrics.key().clone(), frontend.address);
        FrontendRow { port: key, kind: self.kind, frontend: address, listen: address, state }
    }

    /// Whether reports of both show one Service port, kind and audience.
    fn is_reported_like(&self, other: &Self) -> bool {
        let reported = |known: &Self| (known.kind, known.audience);
        self.runtime.metrics.key() == other.runtime.metrics.key() && reported(self) == reported(other)
    }
}

/// Outcome of one step.
#[derive(Default)]
pub(super) struct Steps<'a> {
    /// Frontends whose state changed.
    pub(super) rows: Vec<FrontendRow>,
    /// Frontends that were unknown before.
    pub(super) new: Vec<&'a Binding>,
}

impl KnownFrontends {
    /// Whether the workers know of a frontend.
    pub(super) fn contains(&self, frontend: Frontend) -> bool {
        self.known.contains_key(&frontend)
    }

    /// Number of frontends of a family that have clients to serve.
    pub(super) fn listening(&self, family: Family) -> usize {
        *self.listening.get(family)
    }

    /// Sends the touched frontends to the workers as they are planned, by one command, and waits for them
    /// ([`MAX_WORKER_WAIT`]).
    ///
    /// UDP frontends are left out in families whose frontends are bound: the sockets from which their flows reply would
    /// be in the way.
    pub(super) async fn settle<'a>(
        &mut self,
        touched: impl IntoIterator<Item = Frontend>,
        Desired { plan, runtimes, bound, .. }: Desired<'a>,
        workers: &[WorkerHandle],
    ) -> Steps<'a> {
        let (mut steps, mut changes) = (Steps::default(), Vec::new());
        for frontend in touched {
            let now = plan.winner(frontend).and_then(|binding| {
                let runtime = runtimes.get(&(binding.port.key.clone(), binding.port.family))?;
                let is_captured = frontend.protocol != Protocol::Udp || !bound.get(binding.port.family);
                let (kind, audience) = (binding.kind, binding.audience());
                Some((binding, KnownFrontend { runtime: Arc::clone(runtime), kind, audience, is_captured }))
            });
            match now {
                Some((binding, now)) => changes.extend(self.update(binding, now, &mut steps)),
                None => changes.extend(self.remove(frontend, &mut steps)),
            }
        }
        if !changes.is_empty() {
            let changes: Arc<[FrontendChange]> = changes.into();
            let send = |worker: &WorkerHandle| {
                worker.call(|done| Command::ChangeCaptured { changes: Arc::clone(&changes), done })
            };
            if timeout(MAX_WORKER_WAIT, answers(workers.iter().map(send).collect())).await.is_err() {
                tracing::warn!(
                    "a worker is slow to hear of changed frontends; it goes on as before for a while"
                );
            }
        }
        steps
    }

    fn update<'a>(
        &mut self,
        binding: &'a Binding,
        now: KnownFrontend,
        steps: &mut Steps<'a>,
    ) -> Option<FrontendChange> {
        let (captured, state) =
            (now.captured(), now.audience.map_or(FrontendState::NoEndpoints, FrontendState::Listening));
        let before = self.known.insert(binding.listen, now);
        let now = &self.known[&binding.listen];
        let counted = |known: &KnownFrontend| usize::from(known.audience.is_some());
        let listening = self.listening.get_mut(binding.port.family);
        *listening = *listening + counted(now) - before.as_ref().map_or(0, counted);
        if before.is_none() {
            steps.new.push(binding);
        }
        if before.as_ref().is_none_or(|before| !before.is_reported_like(now)) {
            steps.rows.push(FrontendRow::of(binding, state));
        }
        let is_same = match (before.as_ref().map(KnownFrontend::captured), &captured) {
            (None, _) => false,
            (Some(Some(before)), Some(now)) => before.is_same(now),
            (Some(before), now) => before.is_none() && now.is_none(),
        };
        (!is_same).then_some(FrontendChange { frontend: binding.listen, target: captured })
    }

    fn remove(&mut self, frontend: Frontend, steps: &mut Steps<'_>) -> Option<FrontendChange> {
        let known = self.known.remove(&frontend)?;
        *self.listening.get_mut(Family::of(frontend.address.ip())) -= usize::from(known.audience.is_some());
        steps.rows.push(known.row(frontend, FrontendState::Removed));
        Some(FrontendChange { frontend, target: None })
    }
}
