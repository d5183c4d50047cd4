//! When are which rules in force? They follow the Snapshots, and come back when somebody takes them away.

use crate::{
    Error, Options,
    apply::{self, Transaction},
    meters::Meters,
    missing,
    nft::{self, TABLE, Table},
    owner::{self, Held, Owner},
    pace::Pace,
    plan::Plan,
    route::Routes,
    watch::Watch,
};
use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::{sleep_until, timeout_at};
use tracing::{debug, info, warn};
use weir_core::{CaptureSockets, Changes, Family, PerFamily, Snapshot};

/// How often policy routes are looked at, of whose end the kernel does not always tell.
const LOOK: Duration = Duration::from_secs(2);

/// What is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// Somebody else has changed or removed rules.
    Rules,
    /// Captured packets are no longer routed to this host.
    Routes,
    /// A change could not be made; it is time to try again.
    Failed,
}

/// The rules and routes by which Service traffic comes to weir. They stay when this is dropped: a weir that starts again
/// replaces them.
#[derive(Debug)]
pub struct Capture {
    options: Options,
    owner: Owner,
    held: Option<Held>,
    routes: Routes,
    watch: Watch,
    meters: Meters,
    desired: Option<Arc<Desired>>,
    /// What is known to be in force; nothing after a failure.
    installed: Option<Installed>,
    disturbance: Option<Disturbance>,
    pace: Pace,
    next_look: Instant,
    superseded: bool,
}

#[derive(Debug)]
struct Desired {
    snapshot: Snapshot,
    node_port_addresses: Vec<IpAddr>,
    table: Table,
}

#[derive(Debug)]
struct Installed {
    desired: Arc<Desired>,
    plan: Plan,
}

impl Capture {
    /// Finds out whether this host can capture, and takes the right to. Changes nothing yet.
    ///
    /// # Errors
    /// When the host or this process lacks something, another weir runs, or an interface name is none.
    pub async fn start(options: Options) -> Result<Self, Error> {
        missing::check(options.pods_interface()?.as_deref()).await?;
        for obstacle in missing::obstacles() {
            warn!("{obstacle}");
        }
        let held = owner::take()?;
        if held.is_none() && !options.takeover {
            return Err(Error::SecondWeir(owner::SOCKET));
        }
        Ok(Self {
            options,
            owner: Owner::new(),
            held,
            routes: Routes::open()?,
            watch: Watch::open()?,
            meters: Meters::new(),
            desired: None,
            installed: None,
            disturbance: None,
            pace: Pace::default(),
            next_look: Instant::now() + LOOK,
            superseded: false,
        })
    }

    /// Brings the rules into line. The first call replaces whatever table there was, without a gap; later ones change
    /// what differs. Not to be called before the first complete Snapshot (semantics S6, B5).
    ///
    /// Does nothing once another weir has taken over.
    ///
    /// # Errors
    /// When the change could not be made. The rules are as before, and [`disturbed`](Self::disturbed) tells when to
    /// try again.
    pub async fn apply(
        &mut self,
        snapshot: &Snapshot,
        capture_sockets: &CaptureSockets,
        node_port_addresses: &[IpAddr],
        bound: PerFamily<bool>,
    ) -> Result<(), Error> {
        let table = self.options.table(&self.owner, snapshot, *capture_sockets, bound)?;
        let node_port_addresses = node_port_addresses.to_vec();
        self.desired = Some(Arc::new(Desired { snapshot: snapshot.clone(), node_port_addresses, table }));
        let outcome = self.bring().await;
        self.note(outcome)
    }

    /// Waits until something is not as it should be; then it is time to [`repair`](Self::repair). Never returns once
    /// another weir has taken over. Nothing is lost when this is cancelled.
    pub async fn disturbed(&mut self) -> Disturbance {
        loop {
            match (self.pace.due(), self.disturbance) {
                (Some(due), Some(disturbance)) if due <= Instant::now() => return disturbance,
                _ => {}
            }
            let until = self.pace.due().map_or(self.next_look, |due| due.min(self.next_look));
            if self.disturbance.is_some() || self.superseded || self.desired.is_none() {
                sleep_until(until.into()).await;
            } else if let Ok(outcome) = timeout_at(until.into(), self.watch.disturbed()).await {
                if let Err(error) = outcome {
                    warn!(%error, "cannot listen to changes of nftables; the rules are written anew");
                }
                self.find(Disturbance::Rules);
            }
            self.look().await;
        }
    }

    /// Puts right what was found. Whatever the rules have become, they are written anew as a whole.
    ///
    /// # Errors
    /// When that could not be done; [`disturbed`](Self::disturbed) tells when to try again.
    pub async fn repair(&mut self) -> Result<(), Error> {
        self.pace.begin(Instant::now());
        let disturbance = self.disturbance.take();
        if self.superseded {
            return Ok(());
        }
        let outcome = match disturbance {
            Some(Disturbance::Routes) => self.ensure_routes().await,
            _ => {
                self.installed = None;
                self.rewrite().await
            }
        };
        if outcome.is_ok() && matches!(disturbance, Some(Disturbance::Rules | Disturbance::Routes)) {
            self.meters.repairs.increment(1);
        }
        self.note(outcome)
    }

    /// Whether another weir has taken over: connections go on, new ones are the other's.
    pub fn is_superseded(&self) -> bool {
        self.superseded
    }

    /// Removes the rules and routes, unless another weir has taken over.
    ///
    /// # Errors
    /// When they could not be removed.
    pub async fn remove(self) -> Result<(), Error> {
        if self.superseded || self.desired.is_none() {
            return Ok(());
        }
        let script = format!("flush chain {TABLE} {}{}\ndelete table {TABLE}\n", nft::OWNER, self.owner);
        apply::apply(&script).await.outcome?;
        for family in Family::ALL {
            self.routes.remove(family).await?;
        }
        Ok(())
    }

    fn find(&mut self, disturbance: Disturbance) {
        self.disturbance = Some(disturbance);
        self.pace.want(Instant::now());
    }

    /// Looks at what nobody tells of.
    async fn look(&mut self) {
        if Instant::now() < self.next_look {
            return;
        }
        self.next_look = Instant::now() + LOOK;
        if self.held.is_none() {
            self.held = owner::take().ok().flatten();
        }
        if self.superseded || self.disturbance.is_some() || self.installed.is_none() {
            return;
        }
        for family in self.families() {
            if !self.routes.are_in_force(family).await {
                self.find(Disturbance::Routes);
            }
        }
    }

    fn families(&self) -> Vec<Family> {
        let Some(desired) = &self.desired else { return Vec::new() };
        Family::ALL.into_iter().filter(|family| desired.table.serves(*family)).collect()
    }

    /// After a failure nothing is known of the rules.
    fn note(&mut self, outcome: Result<(), Error>) -> Result<(), Error> {
        if let Err(error) = &outcome {
            if matches!(error, Error::Route { .. })
                && let Ok(routes) = Routes::open()
            {
                // The connection itself may have failed.
                self.routes = routes;
            }
            self.meters.failures.increment(1);
            self.find(Disturbance::Failed);
        }
        outcome
    }

    async fn bring(&mut self) -> Result<(), Error> {
        let Some(desired) = self.desired.clone() else { return Ok(()) };
        if self.superseded {
            return Ok(());
        }
        match self.installed.take() {
            Some(installed) if installed.desired.is_like(&desired) => self.change(installed, desired).await,
            _ => self.replace(desired).await,
        }
    }

    /// Writes everything anew, unless another weir has.
    async fn rewrite(&mut self) -> Result<(), Error> {
        // No table is one that nobody owns.
        let listing = apply::ask(&["-t", "list", "table", "inet", nft::TABLE_NAME]).await.unwrap_or_default();
        if Owner::of_listing(&listing).is_some_and(|owner| owner > self.owner) {
            warn!("another weir has taken over: this one captures nothing new, its connections go on");
            self.superseded = true;
            return Ok(());
        }
        self.bring().await
    }

    async fn replace(&mut self, desired: Arc<Desired>) -> Result<(), Error> {
        let plan = Plan::of(&desired.snapshot, &desired.node_port_addresses);
        self.ensure_routes().await?;
        self.watch.forget();
        self.transact(&nft::whole(&desired.table, &plan)).await?;
        info!(elements = plan.elements(), "the rules that capture Service traffic are in force");
        self.installed(Installed { desired, plan });
        Ok(())
    }

    async fn change(&mut self, mut installed: Installed, desired: Arc<Desired>) -> Result<(), Error> {
        let changes = Changes::between(&installed.desired.snapshot, &desired.snapshot);
        let edits = installed.plan.follow(&changes, &desired.snapshot.node, &desired.node_port_addresses);
        if !edits.is_empty() {
            let owner = &desired.table.owner;
            self.transact(&nft::edits(owner, &installed.plan, &edits)).await?;
        }
        self.installed(Installed { desired, ..installed });
        Ok(())
    }

    fn installed(&mut self, installed: Installed) {
        self.meters.elements.set(installed.plan.elements() as f64);
        self.installed = Some(installed);
    }

    async fn transact(&mut self, script: &str) -> Result<(), Error> {
        let started = Instant::now();
        let Transaction { process, outcome } = apply::apply(script).await;
        self.watch.settle(process);
        outcome?;
        self.meters.transactions.increment(1);
        debug!(bytes = script.len(), took = ?started.elapsed(), "changed nftables rules");
        Ok(())
    }

    async fn ensure_routes(&self) -> Result<(), Error> {
        for family in self.families() {
            if self.routes.ensure(family).await? {
                info!(%family, "captured packets are now routed to this host");
            }
        }
        Ok(())
    }
}

impl Desired {
    /// Whether only Services differ.
    fn is_like(&self, other: &Self) -> bool {
        self.table == other.table
            && self.node_port_addresses == other.node_port_addresses
            && self.snapshot.node.internal_ips == other.snapshot.node.internal_ips
    }
}
