//! From where does the admin side know what it tells?

use crate::admin::{
    basics::api_error::ApiError,
    known::{
        explaining::Explain,
        frontends::Frontends,
        last_paths::LastPaths,
        leases::{LeaseForm, Leases},
        overview::{LastOverview, Overview},
        paths::Paths,
    },
};
use crate::{
    cli::{ClusterNetwork, EffectiveSettings},
    http::{Closing, Probes},
    metrics::Sources,
    output::logging::LogFilter,
};
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant, SystemTime},
};
use tokio::sync::watch;
use weir_control::{LabelSelector, Objects, OperatorOverrides, Status};
use weir_core::{NodePortAddresses, ServiceKey, Snapshot};
use weir_proxy::{ConnectionInfo, FrontendRow, Killer, Observer, Proxy};

/// Sources of everything that is told. A clone is another handle to the same.
#[derive(Clone)]
pub(crate) struct Knowledge(Arc<Shared>);

/// What all handles share.
pub(crate) struct Shared {
    pub(in crate::admin) metrics: Sources,
    /// Snapshot that is served.
    pub(in crate::admin) served: watch::Receiver<Snapshot>,
    pub(in crate::admin) frontends: Frontends,
    pub(in crate::admin) leases: Leases,
    pub(in crate::admin) probes: Probes,
    pub(in crate::admin) node: NodeFacts,
    pub(in crate::admin) settings: Mutex<EffectiveSettings>,
    pub(in crate::admin) log_level: LogLevel,
    pub(in crate::admin) started: (SystemTime, Instant),
    /// Set when weir's own servers end.
    closing: Closing,
    pub(in crate::admin) overview: LastOverview,
    paths: LastPaths,
    observer: OnceLock<Observer>,
    steering: OnceLock<(OperatorOverrides, Killer)>,
    explainer: OnceLock<Box<dyn Explain>>,
    control: OnceLock<watch::Receiver<Status>>,
    objects: OnceLock<watch::Receiver<Objects>>,
}

/// What is known of the node from flags, to judge what clients get.
#[derive(Clone, Debug)]
pub(crate) struct NodeFacts {
    /// Whether weir is the proxy of a node.
    pub(crate) in_node_mode: bool,
    /// Whether cluster IPs are served elsewhere.
    pub(crate) map_loopback: bool,
    /// Addresses where node ports are served.
    pub(crate) node_port_addresses: NodePortAddresses,
    /// Network of the cluster; `None` in bind mode.
    pub(crate) cluster: Option<ClusterNetwork>,
    /// Whether all Services of the cluster are weir's.
    pub(crate) is_exclusive: bool,
    /// Whether objects are those of an API server, not of manifests.
    pub(crate) has_api_server: bool,
}

/// The filter of the log, and until when an operator has set it.
#[derive(Debug)]
pub(in crate::admin) struct LogLevel {
    filter: LogFilter,
    state: Mutex<LogState>,
}

/// State of the log's filter.
#[derive(Clone, Debug)]
pub(in crate::admin) struct LogState {
    /// Filter in force.
    pub(in crate::admin) level: String,
    /// Filter of `--log-level`.
    pub(in crate::admin) configured: String,
    /// When the configured one comes back; `None` if it is in force, or not to come back.
    pub(in crate::admin) until: Option<SystemTime>,
    /// Counts changes: whoever waits for `until` looks whether it is still theirs.
    change: u64,
}

impl LogLevel {
    pub(in crate::admin) fn new(filter: LogFilter, configured: String) -> Self {
        let state = LogState { level: configured.clone(), configured, until: None, change: 0 };
        Self { filter, state: Mutex::new(state) }
    }

    pub(in crate::admin) fn state(&self) -> LogState {
        self.lock().clone()
    }

    /// Logs by `level` from now on; returns the number of this change.
    pub(in crate::admin) fn set(&self, level: &str, until: Option<SystemTime>) -> anyhow::Result<u64> {
        let mut state = self.lock();
        self.filter.set(level)?;
        state.level = level.to_owned();
        state.until = until;
        state.change += 1;
        Ok(state.change)
    }

    /// Brings the configured filter back, if nobody has set another one since a change.
    pub(in crate::admin) fn restore(&self, change: u64) {
        let configured = {
            let state = self.lock();
            (state.change == change).then(|| state.configured.clone())
        };
        if let Some(configured) = configured {
            let _ = self.set(&configured, None);
        }
    }

    /// Notes that `--log-level` is another one, which is in force.
    fn configure(&self, configured: &str) {
        let mut state = self.lock();
        state.level = configured.to_owned();
        state.configured = configured.to_owned();
        state.until = None;
        state.change += 1;
    }

    fn lock(&self) -> MutexGuard<'_, LogState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Knowledge {
    /// Collects what is known at the start; the data plane follows by [`Self::observe`].
    pub(crate) fn new(
        metrics: Sources,
        probes: &Probes,
        node: NodeFacts,
        settings: EffectiveSettings,
        (filter, level): (LogFilter, String),
    ) -> Self {
        Self(Arc::new(Shared {
            served: metrics.served.clone(),
            leases: Leases::new(Arc::clone(&metrics.readings)),
            metrics,
            frontends: Frontends::default(),
            probes: probes.clone(),
            node,
            settings: Mutex::new(settings),
            log_level: LogLevel::new(filter, level),
            started: (SystemTime::now(), Instant::now()),
            closing: Closing::default(),
            overview: LastOverview::default(),
            paths: LastPaths::default(),
            observer: OnceLock::new(),
            steering: OnceLock::new(),
            explainer: OnceLock::new(),
            control: OnceLock::new(),
            objects: OnceLock::new(),
        }))
    }

    /// Tells of the data plane from now on.
    pub(crate) fn observe(&self, proxy: &Proxy) {
        let _ = self.0.metrics.readings.set(proxy.readings());
        let _ = self.0.observer.set(proxy.observer());
    }

    /// Lets operators steer endpoints and end connections from now on.
    pub(crate) fn steer_by(&self, overrides: OperatorOverrides, killer: Killer) {
        let _ = self.0.steering.set((overrides, killer));
    }

    /// Explains flows from now on.
    pub(crate) fn explain_by(&self, explainer: Box<dyn Explain>) {
        let _ = self.0.explainer.set(explainer);
    }

    /// Tells how the control plane is from now on.
    pub(crate) fn follow(&self, control: watch::Receiver<Status>) {
        let _ = self.0.control.set(control);
    }

    /// How the control plane is that watches an API server; `None` without one.
    pub(in crate::admin) fn api_server(&self) -> Option<Status> {
        let status = || self.0.control.get().map(|status| status.borrow().clone()).unwrap_or_default();
        self.0.node.has_api_server.then(status)
    }

    /// Chooses Services by these objects from now on.
    pub(crate) fn choose_from(&self, objects: watch::Receiver<Objects>) {
        let _ = self.0.objects.set(objects);
    }

    /// What is known of the node from flags.
    pub(crate) fn node(&self) -> &NodeFacts {
        &self.0.node
    }

    /// Notes frontends whose state has changed.
    pub(crate) fn note_frontends(&self, rows: &[FrontendRow]) {
        let events = self.observer().map(Observer::events);
        self.0.frontends.note(rows, events, SystemTime::now());
    }

    /// What tells weir's own servers to end.
    pub(crate) fn closing(&self) -> &Closing {
        &self.0.closing
    }

    /// What explains flows; `None` before objects are read.
    pub(in crate::admin) fn explainer(&self) -> Option<&dyn Explain> {
        self.0.explainer.get().map(|explainer| &**explainer)
    }

    /// Services whose labels a selector chooses now; `None` before objects are read.
    pub(in crate::admin) fn chosen(&self, selector: &LabelSelector) -> Option<HashSet<ServiceKey>> {
        // A clone: who reads a watch for long holds up whoever writes it.
        let state = self.0.objects.get()?.borrow().state.clone();
        let chosen = state.services().filter(|service| selector.matches(&service.labels));
        Some(chosen.map(|service| service.key.clone()).collect())
    }

    /// All Service ports, as they are or were a moment ago.
    pub(in crate::admin) fn overview(&self, now: Instant) -> Result<Arc<Overview>, ApiError> {
        let observer = self.observer().ok_or_else(ApiError::not_running)?;
        let snapshot = self.0.served.borrow().clone();
        Ok(self.0.overview.get((&self.0.frontends, observer), &snapshot, now))
    }

    /// What the kernel knows of live connections, above all of `shown`; `None` without a lease, or where it does not tell.
    pub(in crate::admin) async fn paths(
        &self,
        lease: Option<LeaseForm>,
        shown: &[ConnectionInfo],
    ) -> Option<Arc<Paths>> {
        lease?;
        self.0.paths.get(self.observer()?, shown).await
    }

    /// Notes settings that were read again: those that have changed while weir runs, and the log's filter.
    pub(crate) fn reconfigure(&self, settings: EffectiveSettings, log_level: &str) {
        *self.0.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
        self.0.log_level.configure(log_level);
    }

    /// The data plane; `None` before it runs.
    pub(in crate::admin) fn observer(&self) -> Option<&Observer> {
        self.0.observer.get()
    }

    /// What operators say of endpoints and nodes; `None` before objects are read.
    pub(in crate::admin) fn overrides(&self) -> Option<&OperatorOverrides> {
        self.0.steering.get().map(|(overrides, _)| overrides)
    }

    /// What ends connections; `None` before objects are read.
    pub(in crate::admin) fn killer(&self) -> Option<&Killer> {
        self.0.steering.get().map(|(_, killer)| killer)
    }

    /// Time since the start.
    pub(in crate::admin) fn uptime(&self) -> Duration {
        self.0.started.1.elapsed()
    }
}

impl std::ops::Deref for Knowledge {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
