//! How does the traffic of this node come to weir for as long as it runs? Node mode: rules follow what the proxy serves.

use crate::{cli::NodeOptions, health_checks::HealthChecks, probes::Probes};
use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};
use tracing::{error, info, warn};
use weir_capture::{Capture, Options, bridges};
use weir_core::{NodePortAddresses, PerFamily, Snapshot};
use weir_proxy::{Bridges, Descriptors, Ports, Receivers};

/// How often this host's bridges are looked at: a network plugin makes one with the first pod.
const LOOK: Duration = Duration::from_secs(5);

/// What the proxy serves now, and where its sockets are.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    /// Everything that is served.
    pub(crate) snapshot: Snapshot,
    /// The addresses that node ports are served on.
    pub(crate) node_port_addresses: Vec<IpAddr>,
    /// Families of which frontends are bound.
    pub(crate) bound: PerFamily<bool>,
}

/// The rules of this node, and the ports where load balancers ask for it.
pub(crate) struct Node {
    capture: Capture,
    receivers: weir_capture::Receivers,
    keep_rules: bool,
    node_ports: NodePortAddresses,
    health_checks: HealthChecks,
    /// What is to be in force.
    served: Option<Served>,
}

impl Node {
    /// Finds out whether traffic can be captured here. Changes nothing yet.
    pub(crate) async fn start(options: &NodeOptions) -> anyhow::Result<Capture> {
        let network = &options.network;
        Ok(Capture::start(Options {
            pods: network.pods.clone(),
            pod_networks: network.pod_networks.clone(),
            service_cidrs: network.service_cidrs.clone(),
            exclusive: options.exclusive,
            takeover: options.takeover,
        })
        .await?)
    }

    /// Captures for the sockets of a proxy.
    pub(crate) fn new(
        capture: Capture,
        options: &NodeOptions,
        node_ports: NodePortAddresses,
        receivers: Receivers,
        probes: &Probes,
        descriptors: &Arc<Descriptors>,
    ) -> Self {
        Self {
            capture,
            receivers: of_rules(receivers),
            keep_rules: options.keep_rules,
            node_ports,
            health_checks: HealthChecks::start(probes.clone(), Arc::clone(descriptors)),
            served: None,
        }
    }

    /// Keeps the rules in line with what is served; `in_force` hears which generation they are at.
    pub(crate) async fn follow(
        &mut self,
        served: &mut watch::Receiver<Option<Served>>,
        in_force: &watch::Sender<u64>,
    ) {
        loop {
            let outcome = tokio::select! {
                changed = served.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.served = served.borrow_and_update().clone();
                    self.apply().await
                }
                disturbance = self.capture.disturbed() => {
                    info!(?disturbance, "putting the rules that capture Service traffic right");
                    self.capture.repair().await
                }
            };
            match (outcome, &self.served) {
                (Ok(()), Some(served)) => {
                    in_force.send_replace(served.snapshot.generation);
                }
                (Ok(()), None) => {}
                (Err(error), _) => {
                    error!(%error, "cannot change the rules that capture Service traffic; those before stay, trying again");
                }
            }
        }
    }

    async fn apply(&mut self) -> Result<(), weir_capture::Error> {
        let Some(Served { snapshot, node_port_addresses, bound }) = &self.served else { return Ok(()) };
        self.health_checks.apply(snapshot, &self.node_ports.listening(node_port_addresses));
        self.capture.apply(snapshot, &self.receivers, node_port_addresses, *bound).await
    }

    /// Lets go of this node. Connections go on.
    pub(crate) async fn end(self) {
        self.health_checks.stop().await;
        if self.keep_rules {
            info!("the rules stay: until weir is back clients are refused ('weir cleanup' removes the rules)");
        } else if let Err(error) = self.capture.remove().await {
            warn!(%error, "cannot remove the rules that capture Service traffic; 'weir cleanup' does");
        }
    }
}

/// Keeps the proxy informed of this host's bridges.
pub(crate) async fn watch_bridges(told: watch::Sender<Bridges>) {
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        match bridges().await {
            Ok(found) => {
                let networks = found.networks.into_iter().map(|(_, network)| network).collect();
                let found = Bridges { bound: found.bound, networks };
                told.send_if_modified(|known| {
                    let news = *known != found;
                    *known = found;
                    news
                });
            }
            Err(error) => warn!(%error, "cannot look at this host's bridges; they are taken to be as before"),
        }
    }
}

fn of_rules(Receivers { tcp, udp }: Receivers) -> weir_capture::Receivers {
    let of_family = |Ports { pod, node, outside }| weir_capture::Ports { pod, node, outside };
    let of_protocol =
        |ports: PerFamily<Option<Ports>>| PerFamily { v4: ports.v4.map(of_family), v6: ports.v6.map(of_family) };
    weir_capture::Receivers { tcp: of_protocol(tcp), udp: of_protocol(udp) }
}
