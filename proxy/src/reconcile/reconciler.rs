//! What must be served, and how do runtimes and sockets follow each Snapshot?

mod hand_over;

use super::{
    captured::{self, KnownFrontends},
    health_check::HealthChecks,
    health_report::HealthReport,
    node_ports,
    node_view::{self, NodeView},
    occurrences::{tell_endpoints, tell_services},
    plan::{self, Plan, PlanContext, loopback::Loopback},
    report::{Applied, FrontendRow, Mistakes},
    sockets::{Desired, Sockets},
};
use crate::{
    limits::{descriptor_budget::DescriptorBudget, service_usage::ServiceUsages},
    observe::registry::{FrontendCounts, Registry},
    routing::{
        endpoints::Endpoints,
        node_context::NodeContext,
        port_runtime::{PortRuntime, PortRuntimes},
    },
    shared::{command::RemovedEndpoints, config::Config},
    sys::{host, socket::Egress},
    telemetry::metrics::FrontendGauges,
    worker::handle::{self, WorkerHandle},
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Weak},
    time::Instant,
};
use weir_core::{
    Bridges, Changes, Family, Frontend, PerFamily, Protocol, ResolvedService, ServiceKey, ServicePort,
    Snapshot, termination,
};

/// Makes runtimes and sockets what the Snapshot asks for. Owned by one thread, which steers all workers.
#[derive(Debug)]
pub(crate) struct Reconciler {
    config: Config,
    node_context: Arc<NodeContext>,
    plan_context: PlanContext,
    snapshot: Snapshot,
    endpoints: Endpoints,
    services: ServiceUsages,
    checks: HealthChecks,
    health_report: HealthReport,
    runtimes: PortRuntimes,
    /// Runtimes of ports that are gone; connections may still hold them.
    retired: Vec<Weak<PortRuntime>>,
    plan: Plan,
    loopback: Loopback,
    sockets: Sockets,
    /// Frontends that the workers know of (node mode).
    known_frontends: KnownFrontends,
    bridges: Bridges,
    mistakes: Mistakes,
    gauges: FrontendGauges,
    registry: Arc<Registry>,
}

impl Reconciler {
    pub(crate) fn new(
        config: Config,
        workers: Vec<WorkerHandle>,
        descriptors: Arc<DescriptorBudget>,
        registry: Arc<Registry>,
    ) -> Self {
        let map_loopback = (config.map_loopback && config.node_mode.is_none()).then(host::lowest_port);
        let mark = config.node_mode.as_ref().map(|node_mode| node_mode.marks.to_endpoints);
        let mut reconciler = Self {
            sockets: Sockets::new(workers, &config, descriptors),
            config,
            node_context: Arc::default(),
            plan_context: PlanContext { node_addresses: Vec::new(), map_loopback },
            snapshot: Snapshot::default(),
            endpoints: Endpoints::default(),
            services: ServiceUsages::default(),
            checks: HealthChecks::new(Egress { mark, ..Egress::default() }),
            health_report: HealthReport::default(),
            runtimes: HashMap::new(),
            retired: Vec::new(),
            plan: Plan::default(),
            loopback: Loopback::default(),
            known_frontends: KnownFrontends::default(),
            bridges: Bridges::default(),
            mistakes: Mistakes::new(std::time::Instant::now()),
            gauges: FrontendGauges::register(),
            registry,
        };
        reconciler.observe_node(&Snapshot::default());
        reconciler
    }

    /// Looks at this host again; returns whether the node or the addresses of the host changed.
    fn observe_node(&mut self, snapshot: &Snapshot) -> bool {
        let NodeView { node_context, node_addresses } =
            node_view::observe(&self.config, &self.bridges, &snapshot.node);
        let changed =
            *self.node_context != node_context || self.plan_context.node_addresses != node_addresses;
        self.node_context = Arc::new(node_context);
        self.plan_context.node_addresses = node_addresses;
        changed
    }

    /// The worker threads.
    pub(crate) fn workers(&self) -> &[WorkerHandle] {
        self.sockets.workers()
    }

    /// Serves `snapshot` from now on. The cost depends on what differs from the Snapshot before.
    pub(crate) async fn apply(&mut self, snapshot: &Snapshot) -> Applied {
        let changes = Changes::between(&self.snapshot, snapshot);
        let mut affected: BTreeMap<ServiceKey, Arc<ResolvedService>> = BTreeMap::new();
        let mut affect =
            |served: &Arc<ResolvedService>| drop(affected.insert(served.key.clone(), Arc::clone(served)));
        if changes.node.is_some() && self.observe_node(snapshot) {
            snapshot.services().for_each(&mut affect);
        }
        changes.changed.iter().for_each(&mut affect);
        self.assign_loopback(&changes).iter().filter_map(|key| snapshot.get(key)).for_each(affect);

        tell_services(&self.registry.events, &changes, &self.snapshot);
        let mut touched = HashSet::new();
        for key in &changes.removed {
            self.retire(key, None);
            touched.extend(plan::replace(&mut self.plan, key, Vec::new()));
        }
        for (key, served) in &affected {
            self.retire(key, Some(served));
            touched.extend(self.update_service(served));
        }
        self.snapshot = snapshot.clone();
        let visited = changes.removed.len() + affected.len();
        Applied { visited, ..self.settle(touched).await }
    }

    /// Looks at this host's addresses again, and follows changes.
    pub(crate) async fn refresh(&mut self) -> Applied {
        let touched = self.follow_node();
        self.settle(touched).await
    }

    /// Sets this host's bridges, and follows changes.
    pub(crate) async fn set_bridges(&mut self, bridges: Bridges) -> Applied {
        let before = std::mem::replace(&mut self.bridges, bridges);
        let mut touched = self.follow_node();
        if before.bound != self.bridges.bound {
            touched.extend(self.plan.winners().map(|(listen, _)| listen));
        }
        self.settle(touched).await
    }

    /// Looks at this host again and updates all Services if it changed; returns the addresses that may be affected.
    fn follow_node(&mut self) -> HashSet<Frontend> {
        let snapshot = self.snapshot.clone();
        let mut touched = HashSet::new();
        if self.observe_node(&snapshot) {
            snapshot.services().for_each(|served| touched.extend(self.update_service(served)));
        }
        touched
    }

    /// Opens the sockets whose retry is due.
    pub(crate) async fn retry(&mut self) -> Applied {
        let due = self.sockets.due(Instant::now());
        self.settle(due.into_iter().collect()).await
    }

    /// Opens and closes sockets until the touched addresses are as planned, and forbids connections to endpoints there.
    async fn settle(&mut self, touched: HashSet<Frontend>) -> Applied {
        let (in_node_mode, bound) = (self.config.node_mode.is_some(), self.bound());
        let Self { sockets, plan, node_context, runtimes, endpoints, known_frontends, mistakes, .. } = self;
        let desired = Desired { plan, node_context, runtimes, bound };
        touched.iter().for_each(|&listen| mistakes.report_claims(plan, listen));
        let is_bound = |listen: &Frontend| desired.binds(listen.address.ip());
        let to_bind = touched.iter().copied().filter(|listen| is_bound(listen) || sockets.knows(*listen));
        let to_bind: Vec<_> = to_bind.collect();
        let mut steps = captured::Steps::default();
        if in_node_mode {
            let capturable = touched.iter().copied().filter(|listen| !listen.address.ip().is_loopback());
            steps = known_frontends.settle(capturable, desired, sockets.workers()).await;
        }
        let stand_ins = sockets.stand_in_ports();
        let mut applied = sockets.settle(to_bind, desired).await;
        let is_row_bound = |row: &FrontendRow| desired.binds(row.listen.ip());
        applied.rows.retain(is_row_bound);
        applied.rows.extend(steps.rows.into_iter().filter(|row| !is_row_bound(row)));
        let own_mark = self.config.node_mode.as_ref().map_or(0, |node_mode| node_mode.marks.to_clients);
        let new = steps.new.into_iter().filter(|binding| !is_bound(&binding.listen));
        let stood_in = sockets.new_stand_ins(&stand_ins).filter_map(|listen| plan.winner(listen));
        node_ports::warn(new.chain(stood_in), own_mark);
        for listen in touched {
            let captured = known_frontends.contains(listen).then_some(listen.address);
            // Nothing is awaited since the socket was opened, so at most a few connections have gone in a circle, and
            // not for long.
            endpoints.update_self_address(listen, captured.or(sockets.frontend(listen)));
        }
        self.count();
        applied.failed = self.sockets.counts().1;
        applied.node_port_addresses.clone_from(&self.plan_context.node_addresses);
        applied
    }

    /// The families whose frontends are bound, each by sockets of its own.
    fn bound(&self) -> PerFamily<bool> {
        match self.config.node_mode {
            None => PerFamily { v4: true, v6: true },
            Some(_) => self.bridges.bound,
        }
    }

    /// Reports the number of frontends in each state.
    fn count(&self) {
        let (open, failed) = self.sockets.counts();
        let unbound = Family::ALL.into_iter().filter(|&family| !*self.bound().get(family));
        let listening = open + unbound.map(|family| self.known_frontends.listening(family)).sum::<usize>();
        let without = self.plan.len().saturating_sub(listening + failed);
        self.gauges.set(listening, failed, without);
        self.registry.set_frontends(FrontendCounts { listening, failed, no_endpoints: without });
    }

    /// Time at which a socket is to be tried again; `None` if all are open.
    pub(crate) fn next_retry(&self) -> Option<Instant> {
        self.sockets.next_retry()
    }

    /// Logs which endpoints and Service ports have failed or work again since the last call.
    pub(crate) fn report_health(&mut self) {
        let events = &self.registry.events;
        self.health_report.look(Instant::now(), &self.runtimes, &self.endpoints, events);
    }

    /// Drops endpoints and usages that nothing refers to any more, and affinity entries that have expired.
    pub(crate) fn sweep(&mut self) {
        let now = Instant::now();
        self.endpoints.sweep();
        self.services.sweep();
        self.retired.retain(|runtime| runtime.strong_count() > 0);
        let retired = self.retired.iter().filter_map(Weak::upgrade);
        for runtime in self.runtimes.values().cloned().chain(retired) {
            runtime.sweep(now);
        }
    }

    /// Gives addresses to Services whose cluster IPs are not local (`--map loopback`); returns the Services whose address
    /// changed.
    fn assign_loopback(&mut self, changes: &Changes) -> Vec<ServiceKey> {
        match self.plan_context.map_loopback {
            None => Vec::new(),
            Some(_) => self.loopback.follow(changes, host::is_local),
        }
    }

    /// Updates the runtimes and bindings of one Service; returns the addresses that may be affected.
    fn update_service(&mut self, served: &ResolvedService) -> Vec<Frontend> {
        for port in &served.ports {
            if self.config.node_mode.is_none() {
                self.mistakes.warn_never_passing(port, self.snapshot.get(&port.key.service));
            }
            self.update_runtime(port);
            self.checks.update(port, &mut self.endpoints);
            self.health_report.update(port);
        }
        let mapped = self.loopback.get(&served.key);
        plan::replace(&mut self.plan, &served.key, plan::bindings(served, &self.plan_context, mapped))
    }

    fn update_runtime(&mut self, port: &Arc<ServicePort>) {
        let key = (port.key.clone(), port.family);
        match self.runtimes.get(&key) {
            None if port.key.protocol == Protocol::Sctp => {
                self.mistakes.warn_unsupported(port, self.snapshot.get(&port.key.service));
            }
            Some(runtime) => {
                let before = Arc::clone(&runtime.routing().port);
                let removed = termination::removed_addresses(&before.merged, &port.merged);
                runtime.update(port, &self.node_context, &mut self.endpoints);
                tell_endpoints(&self.registry.events, &before, port, &removed, &mut self.endpoints);
                if !removed.is_empty() {
                    handle::send_removed(
                        self.sockets.workers(),
                        runtime,
                        RemovedEndpoints::endpoints(removed),
                    );
                }
            }
            None => {
                let runtime = PortRuntime::new(port, &self.node_context, &mut self.endpoints);
                let runtime = Arc::new(runtime.of_service(self.services.of(&port.key.service)));
                self.registry.add(key.clone(), &runtime);
                self.runtimes.insert(key, runtime);
            }
        }
    }

    /// Retires the runtimes of ports that the Service had and that `served`, the Service from now on, does not have.
    fn retire(&mut self, key: &ServiceKey, served: Option<&ResolvedService>) {
        let Some(before) = self.snapshot.get(key) else { return };
        let now = served.map_or(&[][..], |served| &served.ports);
        for port in &before.ports {
            if now.iter().any(|other| other.key == port.key && other.family == port.family) {
                continue;
            }
            self.checks.remove(&(port.key.clone(), port.family));
            self.health_report.remove(port);
            self.registry.remove(&(port.key.clone(), port.family));
            if let Some(runtime) = self.runtimes.remove(&(port.key.clone(), port.family)) {
                runtime.retire();
                handle::send_removed(self.sockets.workers(), &runtime, RemovedEndpoints::Port);
                self.retired.push(Arc::downgrade(&runtime));
            }
        }
    }
}
