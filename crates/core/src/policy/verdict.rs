//! What does a new flow get on this node, and why? (semantics P1-P7, N1-N5, M1-M3)

use super::{
    node_ports::{Localhost, NodePortAddresses},
    pods::Pods,
    source::{SourceRules, is_hairpin},
    traffic::{Traffic, Verdict},
};
use crate::{
    model::{Endpoint, Frontend, Node, Origin},
    resolve::{Claim, Claims, ClusterRule, Eligibility, LocalRule, Snapshot, claims},
};
use ipnet::IpNet;
use std::{
    collections::{BTreeSet, HashSet},
    net::IpAddr,
    sync::Arc,
};

/// The facts about a node's network that decide besides its Snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// The addresses of this host's interfaces.
    pub addresses: BTreeSet<IpAddr>,
    /// Those on which node ports are served.
    pub node_port_addresses: Vec<IpAddr>,
    /// How pods are recognised.
    pub pods: Pods,
    /// Which address endpoints see.
    pub sources: SourceRules,
}

impl Network {
    /// The network of a node with these addresses. Loopback addresses never serve node ports.
    pub fn of(
        node: &Node,
        addresses: BTreeSet<IpAddr>,
        node_ports: &NodePortAddresses,
        pods: Pods,
        masquerade_all: bool,
    ) -> Self {
        let is_local = |ip| addresses.contains(&ip);
        Self {
            node_port_addresses: node_ports.resolve(node, &addresses, is_local, Localhost::Never),
            sources: SourceRules::of(&pods, node, masquerade_all),
            addresses,
            pods,
        }
    }

    /// Where a flow with this source comes from. Pods that are recognised by their interface are not seen here and count
    /// as outside.
    pub fn origin(&self, source: IpAddr, node: &Node) -> Origin {
        Origin::of(source, &self.addresses, self.pods.networks(node))
    }
}

/// Everything that clients may dial on a node, to be looked up by address.
#[derive(Debug)]
pub struct Index {
    node: Arc<Node>,
    network: Network,
    claims: Claims<Frontend, Claim>,
    cluster_ips: HashSet<IpAddr>,
    service_cidrs: Arc<[IpNet]>,
}

/// What a new flow gets, and what led to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement<'a> {
    /// Where the flow comes from.
    pub origin: Origin,
    /// What it gets.
    pub outcome: Outcome,
    /// Which rule decided.
    pub cause: Cause<'a>,
}

/// What a new flow gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// One of the eligible endpoints.
    Accept,
    /// A refusal: a reset, or an ICMP error.
    Reject,
    /// Silence.
    Drop,
    /// Nothing of Services: the host's own rules decide.
    None,
}

impl Outcome {
    /// The word of the golden vectors.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "ACCEPT",
            Self::Reject => "REJECT",
            Self::Drop => "DROP",
            Self::None => "NONE",
        }
    }
}

/// The rule that decided about a flow.
#[derive(Clone, Debug, PartialEq)]
pub enum Cause<'a> {
    /// A Service port answers at the address.
    Frontend(Matched<'a>),
    /// The address is a cluster IP, but no Service defines that port and protocol there (semantics N4).
    UndefinedPort,
    /// No Service has this address of the Service network (semantics N5).
    Unallocated(IpNet),
    /// Not an address of a Service.
    NoService,
}

/// The Service port that answers, and what follows from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Matched<'a> {
    /// The address and port, its kind, and the Service port.
    pub claim: &'a Claim,
    /// The source ranges, where there are some (semantics A5).
    pub ranges: Option<Vec<IpNet>>,
    /// Whether the source is inside them.
    pub admitted: bool,
    /// The list that the policies give.
    pub traffic: Traffic,
    /// All merged endpoints, in their order.
    pub candidates: Vec<Candidate<'a>>,
}

/// One endpoint, as a flow sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// The endpoint.
    pub endpoint: &'a Endpoint,
    /// Whether the list has it.
    pub eligibility: Eligibility,
    /// Whether it would see the node's address in place of the client's.
    pub masquerade: bool,
}

impl Index {
    /// What a Snapshot serves on a node with this network. The Snapshot's Service networks count only if this proxy serves
    /// all Services: with `--service-proxy-name` their other addresses belong to others, so leave them out.
    pub fn of(snapshot: &Snapshot, network: Network) -> Self {
        let mut index = Self {
            node: Arc::clone(&snapshot.node),
            network,
            claims: Claims::default(),
            cluster_ips: HashSet::new(),
            service_cidrs: Arc::clone(&snapshot.service_cidrs),
        };
        for served in snapshot.services() {
            let claims = claims(served, &index.network.node_port_addresses);
            index.claims.replace(&served.key, claims.map(|claim| (claim.frontend, claim)));
            index.cluster_ips.extend(served.ports.iter().map(|port| port.cluster_ip));
        }
        index
    }

    /// What a new flow from `source` to `dialled` gets. SCTP is judged as kube-proxy does, though weir relays none.
    pub fn judge(&self, source: IpAddr, dialled: Frontend) -> Judgement<'_> {
        let origin = self.network.origin(source, &self.node);
        if let Some(claim) = self.claims.winner(dialled) {
            let matched = self.matched(claim, source, origin);
            return Judgement { origin, outcome: outcome(&matched, origin), cause: Cause::Frontend(matched) };
        }
        let ip = dialled.address.ip();
        let unallocated = || self.service_cidrs.iter().find(|network| network.contains(&ip));
        let (outcome, cause) = if self.cluster_ips.contains(&ip) {
            (Outcome::Reject, Cause::UndefinedPort)
        } else if let Some(network) = unallocated() {
            (Outcome::Drop, Cause::Unallocated(*network))
        } else {
            (Outcome::None, Cause::NoService)
        };
        Judgement { origin, outcome, cause }
    }

    fn matched<'a>(&'a self, claim: &'a Claim, source: IpAddr, origin: Origin) -> Matched<'a> {
        let Claim { kind, port, .. } = claim;
        let ranges = port.sources(*kind, &self.node);
        let admitted =
            ranges.as_ref().is_none_or(|ranges| ranges.iter().any(|range| range.contains(&source)));
        let traffic = port.traffic(*kind, origin);
        let rule = ListRule::of(traffic, &port.merged, &self.node);
        let masquerade = self.network.sources.masquerades(port, *kind, origin);
        let candidate = |endpoint| Candidate {
            endpoint,
            eligibility: rule.judge(endpoint, &self.node),
            masquerade: masquerade || is_hairpin(&self.node, endpoint, source),
        };
        Matched { claim, ranges, admitted, traffic, candidates: port.merged.iter().map(candidate).collect() }
    }

    /// Who else claims an address that is answered for another Service port.
    pub fn losers(&self, dialled: Frontend) -> impl Iterator<Item = &Claim> {
        self.claims.losers(dialled)
    }

    /// The node and its network, which the answers are for.
    pub fn place(&self) -> (&Node, &Network) {
        (&self.node, &self.network)
    }
}

/// The range guard comes first (semantics A5).
fn outcome(matched: &Matched<'_>, origin: Origin) -> Outcome {
    match matched.claim.port.verdict(matched.claim.kind, origin) {
        _ if !matched.admitted => Outcome::Drop,
        Verdict::Endpoint(_) => Outcome::Accept,
        Verdict::Reject => Outcome::Reject,
        Verdict::Drop => Outcome::Drop,
    }
}

impl<'a> Judgement<'a> {
    /// The endpoints that the flow may get; none unless it is accepted.
    pub fn endpoints(&self) -> impl Iterator<Item = Candidate<'a>> + '_ {
        let candidates = match &self.cause {
            Cause::Frontend(matched) if self.outcome == Outcome::Accept => &matched.candidates[..],
            _ => &[],
        };
        candidates.iter().filter(|candidate| candidate.eligibility.is_ok()).copied()
    }
}

/// How one of the two lists chooses.
#[derive(Clone, Copy, Debug)]
enum ListRule {
    Cluster(ClusterRule),
    Local(LocalRule),
}

impl ListRule {
    fn of(traffic: Traffic, endpoints: &[Endpoint], node: &Node) -> Self {
        match traffic {
            Traffic::Cluster => Self::Cluster(ClusterRule::of(endpoints, node)),
            Traffic::Local => Self::Local(LocalRule::of(endpoints, node)),
        }
    }

    fn judge(self, endpoint: &Endpoint, node: &Node) -> Eligibility {
        match self {
            Self::Cluster(rule) => rule.judge(endpoint, node),
            Self::Local(rule) => rule.judge(endpoint, node),
        }
    }
}
