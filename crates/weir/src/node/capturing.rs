//! How does the traffic of this node come to weir for as long as it runs? In node mode the rules follow what the proxy serves.

mod arrival;
mod bridge_changes;

use super::{
    conntrack::raise_close_wait_timeout,
    health_checks::HealthChecks,
    takeover::{HandOverEvent, HandOverServer, Newcomer, TakenOver},
};
use crate::{cli::NodeOptions, http::Probes};
use bridge_changes::BridgeChanges;
use std::{collections::BTreeMap, net::IpAddr, sync::Arc, time::Duration};
use tokio::{sync::watch, time::sleep};
use tracing::{error, info, warn};
use weir_capture::{Capture, Error, Options, RuntimeDir};
use weir_control::Status;
use weir_core::{BridgeNetwork, Bridges, CaptureSockets, Frontend, NodePortAddresses, PerFamily, Snapshot};
use weir_proxy::{Applied, HandOver, Proxy, SetBridges};

/// Time between two looks at whether an earlier weir that hands nothing over is gone.
const LOOK_AFTER_OLDER: Duration = Duration::from_millis(200);

/// State that the proxy has applied.
#[derive(Clone, Debug, Default)]
pub(crate) struct AppliedState {
    /// Snapshot that is served; `None` before the first complete state.
    pub(crate) snapshot: Option<Snapshot>,
    /// Addresses that node ports are served on.
    pub(crate) node_port_addresses: Vec<IpAddr>,
    /// Frontends that are listened for at other ports of their addresses.
    pub(crate) stand_in_ports: Arc<BTreeMap<Frontend, u16>>,
}

impl AppliedState {
    /// Replaces the state by a newer one; returns whether anything has changed.
    pub(crate) fn follow(&mut self, snapshot: Option<&Snapshot>, applied: Applied) -> bool {
        let Applied { node_port_addresses, stand_in_ports, .. } = applied;
        let news = snapshot.is_some()
            || self.node_port_addresses != node_port_addresses
            || !Arc::ptr_eq(&self.stand_in_ports, &stand_in_ports);
        self.snapshot = snapshot.cloned().or_else(|| self.snapshot.take());
        (self.node_port_addresses, self.stand_in_ports) = (node_port_addresses, stand_in_ports);
        news
    }
}

/// Rules that capture this node's traffic, and the ports where load balancers ask about the node.
pub(crate) struct NodeCapture {
    capture: Capture,
    capture_sockets: CaptureSockets,
    /// Tells the proxy about bridges.
    set_bridges: SetBridges,
    bridges: Bridges,
    /// What the proxy was told about bridges.
    told: Bridges,
    keep_rules: bool,
    node_ports: NodePortAddresses,
    health_checks: HealthChecks,
    applied: AppliedState,
    /// Whether rules are in force, which make the kernel track connections.
    tracks: bool,
    probes: Probes,
    /// Folder in which weirs find each other; `None` if it cannot be used.
    runtime_dir: Option<Arc<RuntimeDir>>,
    hand_over: HandOver,
    /// Whether another weir runs on this host, which was here first.
    accompanied: watch::Sender<bool>,
    /// Connection to the earlier weir, until this one serves in its place.
    newcomer: Option<Newcomer>,
    /// Waits for a newcomer; `None` before this weir has the capture lock.
    server: Option<HandOverServer>,
    /// Whether a newcomer has asked, so that the table may be that newcomer's.
    is_handing_over: bool,
}

/// Opens the runtime directory. Without one weir captures all the same, but has no sockets to take over or hand over.
fn open_runtime_dir(options: &NodeOptions) -> Option<Arc<RuntimeDir>> {
    let Some(path) = &options.runtime_dir else {
        warn!(
            "there is no runtime directory (--runtime-dir): a newcomer will take over without this weir's sockets"
        );
        return None;
    };
    match RuntimeDir::open(path) {
        Ok(runtime_dir) => Some(Arc::new(runtime_dir)),
        Err(error) => {
            warn!(
                "{error}. weir runs without it: other weirs are known by a name in the kernel only, which any user of \
                 this host could take, and a newcomer will take over without this weir's sockets. Name another folder \
                 with --runtime-dir"
            );
            None
        }
    }
}

/// Checks whether this host can capture traffic, and looks for another weir. Changes no rule yet.
pub(crate) async fn start_capture(options: &NodeOptions) -> anyhow::Result<Capture> {
    let network = &options.network;
    let options = Options {
        pods: network.pods.clone(),
        pod_networks: network.pod_networks.clone(),
        service_cidrs: network.service_cidrs.clone(),
        source_ports: options.source_ports.clone(),
        exclusive: options.exclusive,
        takeover: options.takeover,
        forwarding: options.forwarding,
        runtime_dir: open_runtime_dir(options),
    };
    Ok(Capture::start(options).await?)
}

impl NodeCapture {
    /// Prepares rules that bring packets to the capture sockets of `proxy`.
    pub(crate) fn new(
        capture: Capture,
        options: &NodeOptions,
        node_ports: NodePortAddresses,
        proxy: &mut Proxy,
        probes: &Probes,
        accompanied: watch::Sender<bool>,
    ) -> Self {
        proxy.set_accompanied(!capture.has_lock());
        let descriptors = Arc::clone(proxy.descriptors());
        Self {
            runtime_dir: capture.runtime_dir(),
            capture,
            capture_sockets: proxy.capture_sockets(),
            set_bridges: proxy.bridges(),
            bridges: Bridges::default(),
            told: Bridges::default(),
            keep_rules: options.keep_rules,
            node_ports,
            health_checks: HealthChecks::start(probes.clone(), descriptors, accompanied.subscribe()),
            applied: AppliedState::default(),
            tracks: false,
            probes: probes.clone(),
            hand_over: proxy.hand_over(),
            accompanied,
            newcomer: None,
            server: None,
            is_handing_over: false,
        }
    }

    /// Changes the rules whenever the applied state changes; `in_force` receives the generation of the rules. Takes over from
    /// an earlier weir first, if there is one. Returns once a newcomer has taken over.
    pub(crate) async fn follow(
        &mut self,
        applied: &mut watch::Receiver<AppliedState>,
        status: watch::Receiver<Status>,
        in_force: &watch::Sender<u64>,
    ) -> Option<TakenOver> {
        let mut bridge_changes = BridgeChanges::new();
        self.arrive(applied, status).await;
        loop {
            self.stay().await;
            let outcome = tokio::select! {
                changed = applied.changed() => {
                    if changed.is_err() {
                        return None;
                    }
                    self.applied = applied.borrow_and_update().clone();
                    self.apply().await
                }
                () = bridge_changes.next() => self.check_bridges().await,
                event = next_event(&mut self.server) => match self.heed(event) {
                    Some(taken_over) => return Some(taken_over),
                    None => continue,
                },
                () = sleep(LOOK_AFTER_OLDER), if *self.accompanied.borrow() => {
                    self.capture.tend_lock();
                    continue;
                }
                disturbance = self.capture.disturbed() => {
                    info!(?disturbance, "writing the rules that capture Service traffic anew");
                    self.capture.repair().await
                }
            };
            if self.capture.is_superseded() && !self.is_handing_over {
                return Some(TakenOver { by: None, released: None });
            }
            if outcome.is_ok() {
                self.tell_of_bridges(self.bridges.bound).await;
            }
            match (outcome, &self.applied.snapshot) {
                (Ok(()), Some(snapshot)) if self.capture.is_in_force() => {
                    let generation = snapshot.generation;
                    self.confirm().await;
                    in_force.send_replace(generation);
                    if !std::mem::replace(&mut self.tracks, true) {
                        raise_close_wait_timeout();
                    }
                }
                (Ok(()), _) => {}
                (Err(error), _) => {
                    error!(%error, "cannot change the rules that capture Service traffic; the earlier rules stay, trying again");
                }
            }
        }
    }

    async fn apply(&mut self) -> Result<(), Error> {
        let AppliedState { snapshot: Some(snapshot), node_port_addresses, stand_in_ports } = &self.applied
        else {
            return Ok(());
        };
        self.health_checks.apply(snapshot, &self.node_ports.listening(node_port_addresses));
        let capture_sockets = self.capture_sockets;
        self.capture
            .apply(snapshot, &capture_sockets, node_port_addresses, &self.bridges, stand_in_ports)
            .await
    }

    /// Applies what this host's bridges mean for capturing. Frontends stay bound for as long as the rules rely on it.
    async fn check_bridges(&mut self) -> Result<(), Error> {
        let found = weir_capture::bridges().await?;
        if found == self.bridges {
            return Ok(());
        }
        let before = std::mem::replace(&mut self.bridges, found).bound;
        let bound = self.bridges.bound;
        let either = PerFamily { v4: before.v4 || bound.v4, v6: before.v6 || bound.v6 };
        self.tell_of_bridges(either).await;
        self.apply().await
    }

    /// Tells the proxy about bridges, and for which of them it may rely on the rules in force, if that is news.
    async fn tell_of_bridges(&mut self, bound: PerFamily<bool>) {
        let capture = &self.capture;
        let networks = self.bridges.networks.iter().map(|on| {
            let hands_over = capture.hands_over(on);
            BridgeNetwork { hands_over, ..on.clone() }
        });
        let bridges = Bridges { bound, networks: networks.collect() };
        if bridges != self.told {
            self.set_bridges.set(bridges.clone()).await;
            self.told = bridges;
        }
    }

    /// Lets go of everything after a newcomer has taken over. Connections go on.
    pub(crate) async fn give_way(&mut self) {
        if let Some(server) = &mut self.server {
            server.finish();
        }
        self.capture.give_way();
        self.health_checks.close().await;
    }

    /// Ends capturing: closes the health-check node ports, and removes the rules unless they are to stay. Connections go on.
    pub(crate) async fn end(mut self) {
        self.health_checks.close().await;
        if self.capture.is_superseded() {
            return;
        }
        if self.keep_rules {
            info!(
                "the rules stay: until weir is back clients are refused ('weir cleanup' removes the rules)"
            );
        } else if let Err(error) = self.capture.remove().await {
            warn!(%error, "cannot remove the rules that capture Service traffic; 'weir cleanup' does");
        }
    }
}

async fn next_event(server: &mut Option<HandOverServer>) -> HandOverEvent {
    match server {
        Some(server) => server.next().await,
        None => std::future::pending().await,
    }
}
