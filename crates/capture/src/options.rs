//! What does the operator decide about capturing?

use crate::{
    Error,
    nft::Table,
    ownership::{RuntimeDir, TableOwner},
};
use ipnet::IpNet;
use std::sync::Arc;
use weir_core::{CaptureSockets, PerFamily, Pods, Snapshot};

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
    /// Whether to take over from another weir.
    pub takeover: bool,
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
        bound: PerFamily<bool>,
    ) -> Result<Table, Error> {
        let service_cidrs = match self.exclusive {
            true => self.service_cidrs.iter().chain(&*snapshot.service_cidrs).copied().collect(),
            false => Vec::new(),
        };
        Ok(Table {
            owner: owner.to_string(),
            capture_sockets,
            bound,
            pods: self.pods.networks(&snapshot.node).to_vec(),
            pod_interface: self.pods_interface()?,
            pod_networks: self.pod_networks.clone(),
            service_cidrs,
        })
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
