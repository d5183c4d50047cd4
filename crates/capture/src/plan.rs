//! Which addresses are captured, and what do new flows to them get? Changing a Service costs what it claims.

mod edit;
mod ranges;
mod stand_in_ports;
mod treatment;
mod use_counts;

pub(crate) use edit::{Edit, Edits};
pub(crate) use ranges::RangesId;
pub(crate) use stand_in_ports::{StandInPorts, with_port};
pub(crate) use treatment::{Exception, Passing, Treatment};

use ranges::Ranges;
use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    sync::Arc,
};
use treatment::treatment;
use use_counts::UseCounts;
use weir_core::{
    Changes, Claim, Claims, Frontend, Node, Protocol, ResolvedService, ServiceKey, Snapshot, claims,
    guards::Refusal,
};

/// The elements of nftables sets that follow from Services.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    claims: Claims<Frontend, Claim>,
    cluster_ips_of: HashMap<ServiceKey, Box<[IpAddr]>>,
    cluster_ips: UseCounts<IpAddr>,
    frontends: HashMap<Frontend, Treatment>,
    /// Number of elements that `frontends` takes.
    frontend_elements: usize,
    reply_ports: UseCounts<u16>,
    stand_in_ports: StandInPorts,
    ranges: Ranges,
}

/// Sets in which a port that stands in for another has an element.
const SETS_OF_STAND_IN_PORTS: usize = 3;

impl Plan {
    /// The plan for all Services of a Snapshot.
    pub(crate) fn of(
        snapshot: &Snapshot,
        node_port_addresses: &[IpAddr],
        stand_in_ports: &StandInPorts,
    ) -> Self {
        let mut plan = Self { stand_in_ports: Arc::clone(stand_in_ports), ..Self::default() };
        plan.update(snapshot.services().map(|served| &**served), &[], &snapshot.node, node_port_addresses);
        plan.ranges.drain_changes();
        plan
    }

    /// Follows a change of Services, and of the ports at which they are listened for. Returns what changes in the rules.
    pub(crate) fn follow(
        &mut self,
        changes: &Changes,
        node: &Node,
        node_port_addresses: &[IpAddr],
        stand_in_ports: &StandInPorts,
    ) -> Edits {
        let changed = changes.changed.iter().map(|served| &**served);
        let edits = self.update(changed, &changes.removed, node, node_port_addresses);
        let before = std::mem::replace(&mut self.stand_in_ports, Arc::clone(stand_in_ports));
        Edits { stand_in_ports: stand_in_ports::differences(&before, stand_in_ports), ..edits }
    }

    /// Bound frontends, and the ports of their addresses that stand in for theirs.
    pub(crate) fn stand_in_ports(&self) -> impl Iterator<Item = (Frontend, u16)> {
        self.stand_in_ports.iter().map(|(frontend, port)| (*frontend, *port))
    }

    /// All captured addresses, in no order.
    pub(crate) fn frontends(&self) -> impl Iterator<Item = (Frontend, Treatment)> {
        self.frontends.iter().map(|(frontend, treatment)| (*frontend, *treatment))
    }

    /// All cluster IPs, in no order.
    pub(crate) fn cluster_ips(&self) -> impl Iterator<Item = IpAddr> {
        self.cluster_ips.iter()
    }

    /// The ports of all captured UDP addresses, in no order.
    pub(crate) fn reply_ports(&self) -> impl Iterator<Item = u16> {
        self.reply_ports.iter()
    }

    /// Source ranges in use.
    pub(crate) fn ranges(&self) -> &Ranges {
        &self.ranges
    }

    /// Number of elements of all sets.
    pub(crate) fn elements(&self) -> usize {
        self.cluster_ips.len()
            + self.reply_ports.len()
            + self.frontend_elements
            + SETS_OF_STAND_IN_PORTS * self.stand_in_ports.len()
    }

    fn update<'a>(
        &mut self,
        changed: impl Iterator<Item = &'a ResolvedService>,
        removed: &[ServiceKey],
        node: &Node,
        node_port_addresses: &[IpAddr],
    ) -> Edits {
        let mut touched = Vec::new();
        for key in removed {
            touched.extend(self.claims.replace(key, []));
            self.set_cluster_ips(key, BTreeSet::new());
        }
        for served in changed {
            let claims = claims(served, node_port_addresses).filter(|claim| is_captured(&claim.frontend));
            touched.extend(self.claims.replace(&served.key, claims.map(|claim| (claim.frontend, claim))));
            let ips = served.ports.iter().map(|port| port.cluster_ip).filter(|&ip| is_usable(ip));
            self.set_cluster_ips(&served.key, ips.collect());
        }
        self.update_treatments(touched, node)
    }

    fn set_cluster_ips(&mut self, key: &ServiceKey, ips: BTreeSet<IpAddr>) {
        for ip in self.cluster_ips_of.remove(key).unwrap_or_default() {
            self.cluster_ips.remove_user(ip);
        }
        for ip in &ips {
            self.cluster_ips.add_user(*ip);
        }
        if !ips.is_empty() {
            self.cluster_ips_of.insert(key.clone(), ips.into_iter().collect());
        }
    }

    /// Finds the treatment of every frontend that may have changed, and what differs from before.
    fn update_treatments(&mut self, mut touched: Vec<Frontend>, node: &Node) -> Edits {
        touched.sort_unstable();
        touched.dedup();
        let mut edits = Edits::default();
        for frontend in touched {
            let after = self.claims.winner(frontend).map(|claim| treatment(claim, node, &mut self.ranges));
            let before = match after {
                Some(treatment) => self.frontends.insert(frontend, treatment),
                None => self.frontends.remove(&frontend),
            };
            self.frontend_elements += after.map_or(0, Treatment::elements);
            self.frontend_elements -= before.map_or(0, Treatment::elements);
            // After the new ones were taken: ranges that stay in use stay as they are.
            if let Some(id) = before.and_then(|treatment| treatment.ranges) {
                self.ranges.remove_user(id);
            }
            if before != after {
                self.count_port(frontend, before.is_some(), after.is_some());
                edits.frontends.push(Edit { key: frontend, before, after });
            }
        }
        edits.cluster_ips = self.cluster_ips.drain_edits();
        edits.reply_ports = self.reply_ports.drain_edits();
        (edits.new_ranges, edits.unused_ranges) = self.ranges.drain_changes();
        edits
    }

    fn count_port(&mut self, frontend: Frontend, was_there: bool, is_there: bool) {
        let port = frontend.address.port();
        match (frontend.protocol, was_there, is_there) {
            (Protocol::Udp, false, true) => self.reply_ports.add_user(port),
            (Protocol::Udp, true, false) => self.reply_ports.remove_user(port),
            _ => {}
        }
    }
}

/// Whether a frontend can be captured: SCTP is not relayed, and no Service may make an address of this host's own
/// reachable that was not.
fn is_captured(frontend: &Frontend) -> bool {
    matches!(frontend.protocol, Protocol::Tcp | Protocol::Udp) && is_usable(frontend.address.ip())
}

fn is_usable(ip: IpAddr) -> bool {
    matches!(Refusal::of(ip), None | Some(Refusal::LinkLocal))
}

#[cfg(test)]
mod tests;
