//! Which addresses are captured, and what do new flows to them get? Changing a Service costs what it claims.

mod ranges;

pub(crate) use ranges::RangesId;

use ranges::Ranges;
use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
};
use weir_core::{
    Changes, Claim, Claims, Frontend, Node, Origin, Protocol, ServedService, ServiceKey, Snapshot, Verdict,
    frontend::claims,
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
    cluster_ips_of: HashMap<ServiceKey, BTreeSet<IpAddr>>,
    cluster_ips: HashMap<IpAddr, usize>,
    frontends: HashMap<Frontend, Treatment>,
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
        self.cluster_ips.keys().copied()
    }

    /// The source ranges in use.
    pub(crate) fn ranges(&self) -> &Ranges {
        &self.ranges
    }

    /// How many elements the sets have.
    pub(crate) fn elements(&self) -> usize {
        let more = |treatment: &Treatment| {
            1 + usize::from(treatment.ranges.is_some()) + usize::from(treatment.exception.is_some())
        };
        self.cluster_ips.len() + self.frontends.values().map(more).sum::<usize>()
    }

    fn update<'a>(
        &mut self,
        changed: impl Iterator<Item = &'a ServedService>,
        removed: &[ServiceKey],
        node: &Node,
        node_port_addresses: &[IpAddr],
    ) -> Edits {
        let mut touched = Touched::default();
        for key in removed {
            touched.frontends.extend(self.claims.replace(key, []));
            self.set_cluster_ips(key, BTreeSet::new(), &mut touched);
        }
        for served in changed {
            let claims = claims(served, node_port_addresses).filter(|claim| is_captured(&claim.frontend));
            let claims = claims.map(|claim| (claim.frontend, claim.rank(), claim));
            touched.frontends.extend(self.claims.replace(&served.key, claims));
            let ips = served.ports.iter().map(|port| port.cluster_ip).filter(|&ip| is_usable(ip));
            self.set_cluster_ips(&served.key, ips.collect(), &mut touched);
        }
        self.settle(touched, node)
    }

    fn set_cluster_ips(&mut self, key: &ServiceKey, ips: BTreeSet<IpAddr>, touched: &mut Touched) {
        let before = self.cluster_ips_of.remove(key).unwrap_or_default();
        for ip in &before {
            touched.note(*ip, self.cluster_ips.contains_key(ip));
            if let Some(users) = self.cluster_ips.get_mut(ip) {
                *users -= 1;
                if *users == 0 {
                    self.cluster_ips.remove(ip);
                }
            }
        }
        for ip in &ips {
            touched.note(*ip, self.cluster_ips.contains_key(ip));
            *self.cluster_ips.entry(*ip).or_default() += 1;
        }
        if !ips.is_empty() {
            self.cluster_ips_of.insert(key.clone(), ips);
        }
    }

    /// Finds what became of everything that may have changed.
    fn settle(&mut self, mut touched: Touched, node: &Node) -> Edits {
        touched.frontends.sort_unstable();
        touched.frontends.dedup();
        let mut edits = Edits::default();
        for frontend in touched.frontends {
            let after = self.claims.winner(frontend).map(|claim| treatment(claim, node, &mut self.ranges));
            let before = match after {
                Some(treatment) => self.frontends.insert(frontend, treatment),
                None => self.frontends.remove(&frontend),
            };
            // After the new ones were taken: ranges that stay in use stay as they are.
            if let Some(id) = before.and_then(|treatment| treatment.ranges) {
                self.ranges.release(id);
            }
            if before != after {
                edits.frontends.push(Edit { key: frontend, before, after });
            }
        }
        for (ip, before) in touched.cluster_ips {
            let after = self.cluster_ips.contains_key(&ip);
            if before != after {
                let there = |is: bool| is.then_some(());
                edits.cluster_ips.push(Edit { key: ip, before: there(before), after: there(after) });
            }
        }
        (edits.new_ranges, edits.unused_ranges) = self.ranges.settle();
        edits
    }
}

/// What may have changed.
#[derive(Default)]
struct Touched {
    frontends: Vec<Frontend>,
    /// With whether they were there before.
    cluster_ips: HashMap<IpAddr, bool>,
}

impl Touched {
    fn note(&mut self, ip: IpAddr, was_there: bool) {
        self.cluster_ips.entry(ip).or_insert(was_there);
    }
}

/// SCTP is not relayed; and no Service makes an address of this host's own reachable that was not.
fn is_captured(frontend: &Frontend) -> bool {
    matches!(frontend.protocol, Protocol::Tcp | Protocol::Udp) && is_usable(frontend.address.ip())
}

fn is_usable(ip: IpAddr) -> bool {
    let of_broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    !(ip.is_loopback() || ip.is_unspecified() || ip.is_multicast() || of_broadcast)
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
