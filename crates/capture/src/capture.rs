//! When are which rules in force? They follow the Snapshots, and come back when somebody takes them away.

mod bridge_table;
mod desired;
mod forwarding;
mod hand_over;
mod metric_families;
mod metrics;
mod removal;
mod repair_schedule;
mod takeover;
mod watch;

pub use metric_families::METRIC_FAMILIES;

use crate::{
    Error, Options,
    forwarding::ForwardCheck,
    host::{obstacles, requirements},
    monitor::Monitor,
    nft::{self, program},
    ownership::{CaptureLock, TableOwner},
    plan::Plan,
    route::Routes,
};
use bridge_table::BridgeTable;
use desired::{Desired, Installed};
use metrics::CaptureMetrics;
use repair_schedule::RepairSchedule;
use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::sleep;
use tracing::{debug, info, warn};
use weir_core::{Bridges, CaptureSockets, Changes, Family, Frontend, Snapshot};

/// Longer than a clean-up holds the lock.
const CLEANUP_TIME: Duration = Duration::from_millis(50);

/// Why rules or routes are to be written anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// Somebody else has changed or removed rules.
    Rules,
    /// Captured packets are no longer routed to this host.
    Routes,
    /// Packets to endpoints are to take another way than before.
    Forwarding,
    /// A change could not be made, and it is time to try again.
    Failed,
}

/// The rules and routes by which Service traffic comes to weir. They stay in the kernel when this value is dropped: a weir
/// that starts again replaces them.
#[derive(Debug)]
pub struct Capture {
    options: Options,
    owner: TableOwner,
    lock: Option<CaptureLock>,
    routes: Routes,
    monitor: Monitor,
    metrics: CaptureMetrics,
    desired: Option<Arc<Desired>>,
    /// The rules that are known to be in force; `None` after a failure.
    installed: Option<Installed>,
    disturbance: Option<Disturbance>,
    /// Whether packets to endpoints are to take the way of forwarded ones; `None` before that was decided.
    forwards: Option<bool>,
    forward_check: ForwardCheck,
    repair_schedule: RepairSchedule,
    next_route_check: Instant,
    superseded: bool,
    bridge_table: BridgeTable,
    /// Which rules for bridges an earlier weir keeps, if one runs and this one has written none yet.
    known_bridge_rules: Option<String>,
}

impl Capture {
    /// Finds out whether this host can capture, and takes the capture lock. Changes no rule yet.
    ///
    /// # Errors
    /// When the host or this process lacks something, when another weir captures here, or when the name of the pods'
    /// interface is not valid.
    pub async fn start(options: Options) -> Result<Self, Error> {
        requirements::check(options.pods_interface()?.as_deref()).await?;
        for obstacle in obstacles() {
            warn!("{obstacle}");
        }
        let mut lock = CaptureLock::acquire(options.runtime_dir.as_deref())?;
        if lock.is_none() && !options.takeover {
            // A clean-up holds the lock for as long as it takes to remove the file.
            sleep(CLEANUP_TIME).await;
            lock = CaptureLock::acquire(options.runtime_dir.as_deref())?;
        }
        if lock.is_none() && !options.takeover {
            return Err(Error::SecondWeir);
        }
        let known_bridge_rules = if lock.is_none() { bridge_table::known_rules().await } else { None };
        Ok(Self {
            options,
            owner: TableOwner::new(),
            lock,
            routes: Routes::open()?,
            monitor: Monitor::open()?,
            metrics: CaptureMetrics::new(),
            desired: None,
            installed: None,
            disturbance: None,
            forwards: None,
            forward_check: ForwardCheck::default(),
            repair_schedule: RepairSchedule::default(),
            next_route_check: Instant::now(),
            superseded: false,
            bridge_table: BridgeTable::find().await,
            known_bridge_rules,
        })
    }

    /// Brings the rules into line with a Snapshot. The first call replaces whatever table there was, without a gap; later
    /// calls change what differs. Not to be called before the first complete Snapshot (semantics S6, B5).
    ///
    /// Does nothing once another weir has taken over.
    ///
    /// # Errors
    /// When the change could not be made. The rules are as before, and [`disturbed`](Self::disturbed) returns when it is
    /// time to try again.
    pub async fn apply(
        &mut self,
        snapshot: &Snapshot,
        capture_sockets: &CaptureSockets,
        node_port_addresses: &[IpAddr],
        bridges: &Bridges,
        stand_in_ports: &Arc<BTreeMap<Frontend, u16>>,
    ) -> Result<(), Error> {
        // Also here, where nothing cuts a look short: objects may change all the time.
        if self.monitor.take_change_beside() {
            self.request_forward_check();
        }
        if self.forwards.is_none() || self.forward_check.is_due(Instant::now()) {
            self.decide_forwarding().await;
        }
        let forwards = self.forwards == Some(true);
        let bridged = self.bridge_table.wanted(self.options.bridged(bridges));
        let table =
            self.options.table(&self.owner, snapshot, *capture_sockets, bridges, bridged, forwards)?;
        let node_port_addresses = node_port_addresses.to_vec();
        let (snapshot, stand_in_ports) = (snapshot.clone(), Arc::clone(stand_in_ports));
        self.desired = Some(Arc::new(Desired { snapshot, node_port_addresses, stand_in_ports, table }));
        let outcome = self.reconcile().await;
        self.record(outcome)
    }

    /// Puts right what [`disturbed`](Self::disturbed) has found. Whatever the rules have become, the whole table is written
    /// anew.
    ///
    /// # Errors
    /// When rules or routes could not be written; [`disturbed`](Self::disturbed) returns when it is time to try again.
    pub async fn repair(&mut self) -> Result<(), Error> {
        self.repair_schedule.start(Instant::now());
        let disturbance = self.disturbance.take();
        if self.superseded {
            return Ok(());
        }
        let outcome = match disturbance {
            Some(Disturbance::Routes) => self.ensure_routes().await,
            _ => {
                self.follow_forwarding();
                self.installed = None;
                self.rewrite().await
            }
        };
        if outcome.is_ok() && matches!(disturbance, Some(Disturbance::Rules | Disturbance::Routes)) {
            self.metrics.repairs.increment(1);
        }
        self.record(outcome)
    }

    /// Whether another weir has taken over. Connections of this one go on; new ones are for the other.
    pub fn is_superseded(&self) -> bool {
        self.superseded
    }

    /// Whether the desired rules send packets to endpoints the way of forwarded ones.
    fn is_forwarding(&self) -> bool {
        self.desired.as_ref().is_some_and(|desired| desired.table.forwards)
    }

    fn families(&self) -> Vec<Family> {
        self.desired.iter().flat_map(|desired| desired.families()).collect()
    }

    /// Counts a failure and asks for another attempt.
    fn record(&mut self, outcome: Result<(), Error>) -> Result<(), Error> {
        if let Err(error) = &outcome {
            if matches!(error, Error::Route { .. } | Error::Pair(_))
                && let Ok(routes) = Routes::open()
            {
                // The connection itself may have failed.
                self.routes = routes;
            }
            self.metrics.failures.increment(1);
            self.note_disturbance(Disturbance::Failed);
        }
        outcome
    }

    /// Leads from the rules in force to the desired ones.
    async fn reconcile(&mut self) -> Result<(), Error> {
        let Some(desired) = self.desired.clone() else { return Ok(()) };
        if self.superseded {
            return Ok(());
        }
        match self.installed.take() {
            Some(installed) if installed.desired.differs_only_in_services(&desired) => {
                self.change(installed, desired).await
            }
            _ => self.replace(desired).await,
        }
    }

    /// Writes the whole table anew, unless the one in the kernel is a newer weir's.
    async fn rewrite(&mut self) -> Result<(), Error> {
        // A table that is not there has no owner.
        let listing =
            program::query(&["-t", "list", "table", "inet", nft::TABLE_NAME]).await.unwrap_or_default();
        if TableOwner::of_listing(&listing).is_some_and(|owner| owner > self.owner) {
            info!("the rules are those of another weir now");
            self.superseded = true;
            return Ok(());
        }
        self.reconcile().await
    }

    async fn replace(&mut self, desired: Arc<Desired>) -> Result<(), Error> {
        let plan = Plan::of(&desired.snapshot, &desired.node_port_addresses, &desired.stand_in_ports);
        self.ensure_routes().await?;
        self.monitor.discard_pending();
        let mut script = nft::whole(&desired.table, &plan);
        // Rules that are as they should be stay: while they are replaced, answers to an earlier weir's connections would reach
        // clients.
        let known = self.known_bridge_rules.take();
        let for_bridges = desired.table.for_bridges();
        script += &for_bridges
            .filter(|text| known.is_none() || nft::rules_chain(text) != known.as_deref())
            .unwrap_or_default();
        self.transact(&script).await?;
        info!(elements = plan.elements(), "the rules that capture Service traffic are in force");
        self.installed(Installed { desired, plan });
        Ok(())
    }

    async fn change(&mut self, mut installed: Installed, desired: Arc<Desired>) -> Result<(), Error> {
        let changes = Changes::between(&installed.desired.snapshot, &desired.snapshot);
        let Desired { snapshot, node_port_addresses, stand_in_ports, .. } = &*desired;
        let edits = installed.plan.follow(&changes, &snapshot.node, node_port_addresses, stand_in_ports);
        if !edits.is_empty() {
            self.transact(&nft::edits(&desired.table, &installed.plan, &edits)).await?;
        }
        self.installed(Installed { desired, ..installed });
        Ok(())
    }

    fn installed(&mut self, installed: Installed) {
        self.metrics.elements.set(installed.plan.elements() as f64);
        self.metrics.forwarding.set(f64::from(installed.desired.table.forwards));
        self.installed = Some(installed);
    }

    async fn transact(&mut self, script: &str) -> Result<(), Error> {
        let started = Instant::now();
        let program::Transaction { process, outcome } = program::run_transaction(script).await;
        self.monitor.drain(process);
        outcome?;
        self.metrics.transactions.increment(1);
        debug!(bytes = script.len(), took = ?started.elapsed(), "changed nftables rules");
        Ok(())
    }

    async fn ensure_routes(&self) -> Result<(), Error> {
        for family in self.families() {
            if self.routes.ensure(family).await? {
                info!(%family, "captured packets are now routed to this host");
            }
        }
        if self.is_forwarding() && self.routes.ensure_forwarding(&self.families()).await? {
            info!("packets to endpoints are now routed by the interfaces weir0 and weir1");
        }
        Ok(())
    }
}
