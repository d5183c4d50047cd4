//! What is in weir's table that does not come from Services?

use super::bridge_table::bridge_table;
use ipnet::IpNet;
use weir_core::{BridgeNetwork, CaptureSockets, Family, PerFamily, PortRange};

/// Everything in the table that does not come from Services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    /// The weir that makes the table, as its owner chain names it.
    pub(crate) owner: String,
    /// The sockets that TPROXY gives packets to. A protocol without sockets is refused; a family without any is left alone,
    /// unless its frontends are bound.
    pub(crate) capture_sockets: CaptureSockets,
    /// Families whose frontends are bound, so that packets only need to be routed to this host.
    pub(crate) bound: PerFamily<bool>,
    /// Whether packets to endpoints that bear [`FORWARDED`](crate::marks::FORWARDED) take the way of forwarded packets.
    pub(crate) forwards: bool,
    /// Networks of recognised pods.
    pub(crate) pods: Vec<IpNet>,
    /// Name of the interface that packets of recognised pods come from, with `*` at its end for a prefix.
    pub(crate) pod_interface: Option<String>,
    /// Networks of endpoints whose packets need no connection tracking.
    pub(crate) pod_networks: Vec<IpNet>,
    /// Networks in which packets to addresses of no Service are dropped (semantics N5).
    pub(crate) service_cidrs: Vec<IpNet>,
    /// Networks whose bridges hand answers to weir over to this host, by a table of their own; `None` leaves that table
    /// alone.
    pub(crate) bridged: Option<Vec<BridgeNetwork>>,
    /// Ports of sockets that have clients' addresses.
    pub(crate) source_ports: Vec<PortRange>,
}

impl Table {
    /// The script that replaces the table for bridges; `None` leaves that one alone.
    pub(crate) fn for_bridges(&self) -> Option<String> {
        Some(bridge_table(self.bridged.as_ref()?, &self.source_ports))
    }

    /// Whether anything of a family is captured.
    pub(crate) fn captures(&self, family: Family) -> bool {
        *self.bound.get(family) || self.capture_sockets.receive(family)
    }

    /// Families of which anything is captured.
    pub(super) fn families(&self) -> impl Iterator<Item = Family> {
        Family::ALL.into_iter().filter(|family| self.captures(*family))
    }
}
