//! Which addresses are captured, and what do new flows to them get? Changing a Service costs what it claims.

mod ranges;
mod used;

pub(crate) use ranges::RangesId;

use ranges::Ranges;
use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
};
use used::Used;
use weir_core::{
    Changes, Claim, Claims, Frontend, Node, Origin, Protocol, ServedService, ServiceKey, Snapshot, Verdict,
    claims, guards::Refusal,
};

/// What new flows to a frontend get that does not simply hand them to weir.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exception {
    /// A refusal (semantics N1).
    Refuse,
    /// Silence (semantics N2).
    Silent,
    /// Silence, unless they come from a pod or from this node (semantics N3, P6).
    InsideOnly,
}

/// How the rules treat new flows to a frontend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Treatment {
    /// Which sources are admitted; comes first (semantics A5).
    pub(crate) ranges: Option<RangesId>,
    /// What those get.
    pub(crate) exception: Option<Exception>,
}

impl Treatment {
    /// How many elements of sets say so.
    fn elements(self) -> usize {
        1 + usize::from(self.ranges.is_some()) + usize::from(self.exception.is_some())
    }
}

/// One change of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edit<Key, Value> {
    /// Of what.
    pub(crate) key: Key,
    /// What was there.
    pub(crate) before: Option<Value>,
    /// What is to be there. Differs from what was.
    pub(crate) after: Option<Value>,
}

/// All changes that one transaction makes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Edits {
    /// Of captured addresses.
    pub(crate) frontends: Vec<Edit<Frontend, Treatment>>,
    /// Of addresses whose undefined ports refuse.
    pub(crate) cluster_ips: Vec<Edit<IpAddr, ()>>,
    /// Of ports that replies may have to be given. None comes or goes without a frontend.
    pub(crate) reply_ports: Vec<Edit<u16, ()>>,
    /// Ranges that come into use.
    pub(crate) new_ranges: Vec<RangesId>,
    /// Ranges that nothing uses any more.
    pub(crate) unused_ranges: Vec<RangesId>,
}

impl Edits {
    /// Whether the rules stay as they are.
    pub(crate) fn is_empty(&self) -> bool {
        self.frontends.is_empty() && self.cluster_ips.is_empty() && self.new_ranges.is_empty()
    }
}

/// What the rules must say of Services.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    claims: Claims<Frontend, Claim>,
    cluster_ips_of: HashMap<ServiceKey, Box<[IpAddr]>>,
    cluster_ips: Used<IpAddr>,
    frontends: HashMap<Frontend, Treatment>,
    /// How many elements these are.
    frontend_elements: usize,
    reply_ports: Used<u16>,
    ranges: Ranges,
}

impl Plan {
    /// The plan for everything.
    pub(crate) fn of(snapshot: &Snapshot, node_port_addresses: &[IpAddr]) -> Self {
        let mut plan = Self::default();
        plan.update(snapshot.services().map(|served| &**served), &[], &snapshot.node, node_port_addresses);
        plan.ranges.settle();
        plan
    }

    /// Follows a change of Services.
    pub(crate) fn follow(&mut self, changes: &Changes, node: &Node, node_port_addresses: &[IpAddr]) -> Edits {
        let changed = changes.changed.iter().map(|served| &**served);
        self.update(changed, &changes.removed, node, node_port_addresses)
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

    /// The source ranges in use.
    pub(crate) fn ranges(&self) -> &Ranges {
        &self.ranges
    }

    /// How many elements the sets have.
    pub(crate) fn elements(&self) -> usize {
        self.cluster_ips.len() + self.reply_ports.len() + self.frontend_elements
    }

    fn update<'a>(
        &mut self,
        changed: impl Iterator<Item = &'a ServedService>,
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
        self.settle(touched, node)
    }

    fn set_cluster_ips(&mut self, key: &ServiceKey, ips: BTreeSet<IpAddr>) {
        for ip in self.cluster_ips_of.remove(key).unwrap_or_default() {
            self.cluster_ips.release(ip);
        }
        for ip in &ips {
            self.cluster_ips.take(*ip);
        }
        if !ips.is_empty() {
            self.cluster_ips_of.insert(key.clone(), ips.into_iter().collect());
        }
    }

    /// Finds what became of everything that may have changed.
    fn settle(&mut self, mut touched: Vec<Frontend>, node: &Node) -> Edits {
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
                self.ranges.release(id);
            }
            if before != after {
                self.count_port(frontend, before.is_some(), after.is_some());
                edits.frontends.push(Edit { key: frontend, before, after });
            }
        }
        edits.cluster_ips = self.cluster_ips.settle();
        edits.reply_ports = self.reply_ports.settle();
        (edits.new_ranges, edits.unused_ranges) = self.ranges.settle();
        edits
    }
    fn count_port(&mut self, frontend: Frontend, was_there: bool, is_there: bool) {
        let port = frontend.address.port();
        match (frontend.protocol, was_there, is_there) {
            (Protocol::Udp, false, true) => self.reply_ports.take(port),
            (Protocol::Udp, true, false) => self.reply_ports.release(port),
            _ => {}
        }
    }
}

/// SCTP is not relayed; and no Service makes an address of this host's own reachable that was not.
fn is_captured(frontend: &Frontend) -> bool {
    matches!(frontend.protocol, Protocol::Tcp | Protocol::Udp) && is_usable(frontend.address.ip())
}

fn is_usable(ip: IpAddr) -> bool {
    matches!(Refusal::of(ip), None | Some(Refusal::LinkLocal))
}

fn treatment(claim: &Claim, node: &Node, ranges: &mut Ranges) -> Treatment {
    let verdict = |origin| claim.port.verdict(claim.kind, origin);
    let exception = match (verdict(Origin::Outside), verdict(Origin::Node)) {
        (Verdict::Endpoint(_), _) => None,
        (Verdict::Reject, _) => Some(Exception::Refuse),
        (Verdict::Drop, Verdict::Endpoint(_)) => Some(Exception::InsideOnly),
        (Verdict::Drop, _) => Some(Exception::Silent),
    };
    // Datagrams of a flow that weir still serves go on whatever policy says (semantics C2, C3): weir tells which do.
    if claim.frontend.protocol == Protocol::Udp && exception != Some(Exception::Refuse) {
        return Treatment::default();
    }
    let sources = claim.port.sources(claim.kind, node);
    Treatment { ranges: sources.map(|sources| ranges.take(claim.port.family, &sources)), exception }
}

#[cfg(test)]
mod tests;
