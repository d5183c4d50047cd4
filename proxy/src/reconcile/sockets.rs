//! Which sockets are open, and how do they come to be as planned?

mod inherited;
mod members;
mod opening;
mod passing;

use super::{
    bind_failure::BindFailure,
    listener_group::{ListenOptions, ListenSpec, ListenerGroup, WantedListener},
    plan::Plan,
    report::{Applied, FrontendRow, FrontendState},
    retry::Retries,
};
use crate::{
    limits::descriptor_budget::DescriptorBudget,
    routing::{binding::Binding, node_context::NodeContext, port_runtime::PortRuntimes},
    shared::{command::ListenerId, config::Config},
    sys::socket::backlog,
    worker::handle::{WorkerHandle, answers},
};
use inherited::Inherited;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::{timeout, timeout_at};
use weir_core::{Family, Frontend, PerFamily};

/// Longest wait for workers to change sockets or captured frontends. A worker takes moments; one that does not answer
/// must not hold up the others.
pub(super) const MAX_WORKER_WAIT: Duration = Duration::from_secs(1);

/// Open sockets, and addresses whose sockets could not be opened.
#[derive(Debug)]
pub(super) struct Sockets {
    workers: Vec<WorkerHandle>,
    open: HashMap<Frontend, ListenerGroup>,
    /// Open addresses with another port than their own ([`Applied::stand_in_ports`]).
    stand_in_ports: Arc<BTreeMap<Frontend, u16>>,
    /// Planned addresses without a usable endpoint, reported once.
    without_endpoints: HashSet<Frontend>,
    retries: Retries,
    /// Sockets that another weir has handed over.
    inherited: Inherited,
    /// Descriptors that listening sockets may take.
    budget: usize,
    /// Descriptors of all open sockets.
    open_descriptors: usize,
    options: ListenOptions,
    descriptors: Arc<DescriptorBudget>,
    next_id: ListenerId,
}

/// The desired state of sockets.
#[derive(Clone, Copy)]
pub(super) struct Desired<'a> {
    pub(super) plan: &'a Plan,
    pub(super) node_context: &'a NodeContext,
    pub(super) runtimes: &'a PortRuntimes,
    /// Families whose frontends are bound.
    pub(super) bound: PerFamily<bool>,
}

impl Desired<'_> {
    /// Whether frontends at an address are bound: in their whole family, and always on localhost, where no packet can be
    /// captured.
    pub(super) fn binds(&self, ip: IpAddr) -> bool {
        *self.bound.get(Family::of(ip)) || ip.is_loopback()
    }
}

/// Actions that make the sockets as planned.
#[derive(Default)]
struct Steps<'a> {
    closing: Vec<ListenerGroup>,
    redirecting: Vec<(ListenerGroup, WantedListener<'a>)>,
    opening: Vec<WantedListener<'a>>,
}

impl Sockets {
    pub(super) fn new(
        workers: Vec<WorkerHandle>,
        config: &Config,
        descriptors: Arc<DescriptorBudget>,
    ) -> Self {
        Self {
            workers,
            open: HashMap::new(),
            stand_in_ports: Arc::default(),
            without_endpoints: HashSet::new(),
            retries: Retries::default(),
            inherited: Inherited::default(),
            budget: config.listener_budget,
            open_descriptors: 0,
            options: ListenOptions {
                backlog: backlog(config.max_connections),
                foreign: config.node_mode.as_ref().map(|node_mode| node_mode.marks.to_clients),
            },
            descriptors,
            next_id: 0,
        }
    }

    pub(super) fn workers(&self) -> &[WorkerHandle] {
        &self.workers
    }

    /// Service address that is served at `listen`; `None` if no socket is open there.
    pub(super) fn frontend(&self, listen: Frontend) -> Option<SocketAddr> {
        self.open.get(&listen).map(|group| group.spec.frontend)
    }

    /// Ports that stand in for others, as in [`Applied::stand_in_ports`].
    pub(super) fn stand_in_ports(&self) -> Arc<BTreeMap<Frontend, u16>> {
        Arc::clone(&self.stand_in_ports)
    }

    /// Frontends that other ports stand in for now and did not `before`.
    pub(super) fn new_stand_ins<'a>(
        &'a self,
        before: &'a Arc<BTreeMap<Frontend, u16>>,
    ) -> impl Iterator<Item = Frontend> + 'a {
        let changed = (!Arc::ptr_eq(before, &self.stand_in_ports)).then_some(&self.stand_in_ports);
        let now = changed.into_iter().flat_map(|ports| ports.keys().copied());
        now.filter(|listen| !before.contains_key(listen))
    }

    pub(super) fn next_retry(&self) -> Option<Instant> {
        self.retries.next()
    }

    pub(super) fn due(&self, now: Instant) -> Vec<Frontend> {
        self.retries.due(now)
    }

    /// Closes, redirects and opens until the touched sockets are as planned, where frontends are bound.
    ///
    /// Closing comes first and is waited for, so that clients find what is planned once this returns. An address that
    /// passes to another Service, or to other clients, stays open meanwhile: nobody is refused for it.
    pub(super) async fn settle(
        &mut self,
        touched: impl IntoIterator<Item = Frontend>,
        desired: Desired<'_>,
    ) -> Applied {
        let mut applied = Applied::default();
        let Steps { closing, redirecting, mut opening } = self.steps(touched, desired, &mut applied);
        self.close(&closing).await;
        // Their descriptors may be what the others need.
        drop(closing);
        opening.extend(self.redirect(redirecting, &mut applied).await);
        self.open_all(opening, desired.plan.len(), &mut applied);
        applied.stand_in_ports = Arc::clone(&self.stand_in_ports);
        applied
    }

    /// Finds the actions for the touched addresses. Sockets that are as planned need none.
    fn steps<'a>(
        &mut self,
        touched: impl IntoIterator<Item = Frontend>,
        desired: Desired<'a>,
        applied: &mut Applied,
    ) -> Steps<'a> {
        let mut steps = Steps::default();
        for listen in touched {
            let binding = desired.plan.winner(listen);
            let is_bound = desired.binds(listen.address.ip());
            let wanted = binding.filter(|_| is_bound).and_then(|binding| wanted(binding, desired));
            let unchanged =
                |group: &ListenerGroup| wanted.as_ref().is_some_and(|wanted| wanted.spec == group.spec);
            if self.open.get(&listen).is_some_and(unchanged) {
                continue;
            }
            match (self.open.remove(&listen), wanted) {
                (Some(group), Some(wanted)) => steps.redirecting.push((group, wanted)),
                (None, Some(wanted)) => {
                    self.without_endpoints.remove(&listen);
                    steps.opening.push(wanted);
                }
                (group, None) => {
                    applied.rows.extend(self.mark_closed(listen, binding, group.as_ref()));
                    steps.closing.extend(group);
                }
            }
        }
        steps
    }

    /// Records that no socket is to be open at an address; returns the report of that, if it is new.
    fn mark_closed(
        &mut self,
        listen: Frontend,
        binding: Option<&Binding>,
        open: Option<&ListenerGroup>,
    ) -> Option<FrontendRow> {
        self.retries.forget(listen);
        match binding {
            Some(binding) => {
                let is_new = self.without_endpoints.insert(listen);
                is_new.then(|| FrontendRow::of(binding, FrontendState::NoEndpoints))
            }
            None => {
                self.without_endpoints.remove(&listen);
                open.map(|group| group.spec.removed(listen))
            }
        }
    }

    async fn close(&mut self, closing: &[ListenerGroup]) {
        self.open_descriptors -= closing.iter().map(ListenerGroup::descriptors).sum::<usize>();
        for group in closing.iter().filter(|group| group.stand_in_port.is_some()) {
            Arc::make_mut(&mut self.stand_in_ports).remove(&group.listen());
        }
        let asked = closing.iter().flat_map(|group| group.close(&self.workers)).collect();
        if timeout(MAX_WORKER_WAIT, answers(asked)).await.is_err() {
            tracing::warn!(
                "a worker is slow to close sockets; their addresses may be reported as in use for a while"
            );
        }
    }

    /// Redirects open sockets to other targets. Returns the listeners for which that failed: they are closed, and to be
    /// opened anew.
    async fn redirect<'a>(
        &mut self,
        redirecting: Vec<(ListenerGroup, WantedListener<'a>)>,
        applied: &mut Applied,
    ) -> Vec<WantedListener<'a>> {
        let mut asked = Vec::with_capacity(redirecting.len());
        for (mut group, wanted) in redirecting {
            let listen = wanted.binding.listen;
            asked.push((listen, group.redirect(&wanted, &self.workers, self.options.foreign), wanted));
            self.open.insert(listen, group);
        }
        let (mut failed, mut again) = (Vec::new(), Vec::new());
        let deadline = tokio::time::Instant::now() + MAX_WORKER_WAIT;
        for (listen, asked, wanted) in asked {
            // A worker that is slow has the command, and carries it out.
            let answers = timeout_at(deadline, answers(asked)).await.unwrap_or_default();
            if let Some(error) = answers.into_iter().find_map(Result::err) {
                tracing::warn!(%error, listen = %listen.address, "cannot change whom a socket serves; opening it anew");
                failed.extend(self.open.remove(&listen));
                again.push(wanted);
            } else {
                applied.rows.push(wanted.row());
            }
        }
        self.close(&failed).await;
        again
    }

    /// Number of addresses that are open, and of those whose sockets could not be opened.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.open.len(), self.retries.len())
    }

    /// Addresses whose sockets could not be opened and that no other weir is about to let go of, with the reason.
    pub(super) fn failures(&self) -> Vec<(Frontend, BindFailure)> {
        self.retries.failures().filter(|(_, why)| !self.waits_for_another(why)).collect()
    }

    /// Whether an address is open, or was wanted to be.
    pub(super) fn knows(&self, listen: Frontend) -> bool {
        self.open.contains_key(&listen)
            || self.without_endpoints.contains(&listen)
            || self.retries.contains(listen)
    }
}

/// The listener for a binding; `None` when none is to be open now.
fn wanted<'a>(binding: &'a Binding, desired: Desired<'a>) -> Option<WantedListener<'a>> {
    let spec = ListenSpec::of(binding, desired.node_context)?;
    let runtime = desired.runtimes.get(&(binding.port.key.clone(), binding.port.family));
    if runtime.is_none() {
        tracing::error!("{} has addresses but no runtime; please report this as a bug", binding.port.key);
    }
    Some(WantedListener { binding, spec, runtime: runtime? })
}
