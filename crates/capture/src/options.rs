//! What does the operator decide about capturing?

use crate::{
    Error,
    forwarding::Forwarding,
    nft::Table,
    ownership::{RuntimeDir, TableOwner},
};
use ipnet::IpNet;
use std::sync::Arc;
use weir_core::{BridgeNetwork, Bridges, CaptureSockets, Pods, PortRange, Snapshot};

/// Settings of capturing, which do not change while weir runs.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How pods are recognised.
    pub pods: Pods,
    /// Networks of endpoints whose packets nobody translates, so that they need no connection tracking (`--cluster-cidr`).
    pub pod_networks: Vec<IpNet>,
    /// Networks that Service addresses are allocated from, besides those in the Snapshot (`--service-cidr`).
    pub service_cidrs: Vec<IpNet>,
    /// Whether all Services of the cluster are weir's: only then are packets to addresses of no Service dropped (semantics
    /// N5).
    pub exclusive: bool,
    /// Ports of sockets that have clients' addresses (`--source-ports`).
    pub source_ports: Vec<PortRange>,
    /// Whether to take over from another weir.
    pub takeover: bool,
    /// Whether packets to endpoints take the way of forwarded packets.
    pub forwarding: Forwarding,
    /// Folder of the lock; without one a name in the kernel has to do.
    pub runtime_dir: Option<Arc<RuntimeDir>>,
}

impl Options {
    /// The table for these capture sockets and the node of a Snapshot.
    pub(crate) fn table(
        &self,
        owner: &TableOwner,
        snapshot: &Snapshot,
        capture_sockets: CaptureSockets,
        bridges: &Bridges,
        bridged: Option<Vec<BridgeNetwork>>,
        forwards: bool,
    ) -> Result<Table, Error> {
        let service_cidrs = match self.exclusive {
            true => self.service_cidrs.iter().chain(&*snapshot.service_cidrs).copied().collect(),
            false => Vec::new(),
        };
        Ok(Table {
            owner: owner.to_string(),
            capture_sockets,
            bound: bridges.bound,
            forwards,
            pods: self.pods.networks(&snapshot.node).to_vec(),
            pod_interface: self.pods_interface()?,
            pod_networks: self.pod_networks.clone(),
            service_cidrs,
            bridged,
            source_ports: self.source_ports.clone(),
        })
    }

    /// The networks of bridges on which pods may be, as the rules know them.
    pub(crate) fn bridged(&self, bridges: &Bridges) -> Vec<BridgeNetwork> {
        let overlap = |one: &IpNet, other: &IpNet| one.contains(other) || other.contains(one);
        let has_pods = |network: &IpNet| {
            self.pod_networks.is_empty() || self.pod_networks.iter().any(|pods| overlap(pods, network))
        };
        let of_pods = bridges.networks.iter().filter(|on| has_pods(&on.network));
        // What is elsewhere, and whether answers are handed over, is nothing that rules say.
        of_pods.map(|on| BridgeNetwork { elsewhere: Vec::new(), hands_over: false, ..on.clone() }).collect()
    }

    /// Name of the pods' interface in rules, with `*` at its end for a prefix.
    pub(crate) fn pods_interface(&self) -> Result<Option<String>, Error> {
        let (name, any) = match &self.pods {
            Pods::OnBridge(name) => (name, ""),
            Pods::OnInterfaces(prefix) => (prefix, "*"),
            Pods::Unknown | Pods::Within(_) | Pods::OfNode => return Ok(None),
        };
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        match (1..=15).contains(&name.len()) && name.bytes().all(is_part) {
            true => Ok(Some(format!("{name}{any}"))),
            false => Err(Error::Interface(name.clone())),
        }
    }
}
