//! What does a new flow get on this node, and why? (semantics P1-P7, N1-N5, M1-M3)

use super::{
    list_rule::ListRule,
    node_ports::{Localhost, NodePortAddresses},
    pods::Pods,
    source::{SourceRules, is_hairpin},
    traffic::{Traffic, Verdict},
};
use crate::{
    model::{Endpoint, Frontend, FrontendKind, Node, Origin},
    resolve::{Claim, Claims, Eligibility, Snapshot, claims},
};
use ipnet::IpNet;
use std::{
    collections::{BTreeSet, HashSet},
    net::IpAddr,
    sync::Arc,
};

/// The facts about a node's network that decide besides a Snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// The addresses of this host's interfaces.
    pub addresses: BTreeSet<IpAddr>,
    /// The addresses of this host on which node ports are served.
    pub node_port_addresses: Vec<IpAddr>,
    /// How pods are recognised.
    pub pods: Pods,
    /// Which source address endpoints see.
    pub sources: SourceRules,
}

impl Network {
    /// The network of a node whose interfaces have `addresses`. Node ports are served on loopback addresses where these are
    /// named.
    pub fn of(
        node: &Node,
        addresses: BTreeSet<IpAddr>,
        node_ports: &NodePortAddresses,
        pods: Pods,
        masquerade_all: bool,
    ) -> Self {
        let is_local = |ip| addresses.contains(&ip);
        Self {
            node_port_addresses: node_ports.resolve(node, &addresses, is_local, Localhost::WhereNamed),
            sources: SourceRules::of(&pods, node, masquerade_all),
            addresses,
            pods,
        }
    }

    /// The origin of a flow by its source address. Pods that are recognised by their interface count as outside.
    pub fn origin(&self, source: IpAddr, node: &Node) -> Origin {
        Origin::of(source, &self.addresses, self.pods.networks(node))
    }
}

/// All frontends of a node, to be looked up by address.
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
    /// The origin of the flow.
    pub origin: Origin,
    /// What the flow gets.
    pub outcome: Outcome,
    /// The rule that decided.
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
    /// Nothing that Services decide: the host's own rules apply.
    None,
}

impl Outcome {
    /// The word in golden vectors (conformance/FORMAT.md).
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
    /// The address is not that of a Service.
    NoService,
}

/// The Service port that answers, and what follows from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Matched<'a> {
    /// The address and port, its kind, and the Service port.
    pub claim: &'a Claim,
    /// The source ranges; `None` if all sources are admitted (semantics A5).
    pub ranges: Option<Vec<IpNet>>,
    /// Whether the source is inside the source ranges.
    pub admitted: bool,
    /// The list of endpoints that traffic policies give.
    pub traffic: Traffic,
    /// All merged endpoints, in list order.
    pub candidates: Vec<Candidate<'a>>,
}

/// One endpoint, as a flow sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// The endpoint.
    pub endpoint: &'a Endpoint,
    /// Whether the endpoint is in the list, or why not.
    pub eligibility: Eligibility,
    /// Whether the endpoint would see the node's address in place of the client's.
    pub masquerade: bool,
}

impl Index {
    /// The frontends of a Snapshot on a node with `network`. Leave the Snapshot's Service CIDRs empty if this proxy does not
    /// serve all Services (`--service-proxy-name`): other addresses in them belong to other proxies then.
    pub fn of(snapshot: &Snapshot, network: Network) -> Self {
        Self::placed(snapshot, network, |_, frontend| frontend)
    }

    /// The frontends of a Snapshot as [`Self::of`], each at the address where `place` says that it is served.
    pub fn placed(
        snapshot: &Snapshot,
        network: Network,
        place: impl Fn(&Claim, Frontend) -> Frontend,
    ) -> Self {
        let mut index = Self {
            node: Arc::clone(&snapshot.node),
            network,
            claims: Claims::default(),
            cluster_ips: HashSet::new(),
            service_cidrs: Arc::clone(&snapshot.service_cidrs),
        };
        for service in snapshot.services() {
            let claims = claims(service, &index.network.node_port_addresses)
                .map(|claim| Claim { frontend: place(&claim, claim.frontend), ..claim });
            let claims: Vec<Claim> = claims.collect();
            let of_cluster = claims.iter().filter(|claim| claim.kind == FrontendKind::ClusterIp);
            index.cluster_ips.extend(of_cluster.map(|claim| claim.frontend.address.ip()));
            index.claims.replace(&service.key, claims.into_iter().map(|claim| (claim.frontend, claim)));
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

    /// The claim that gets a frontend; `None` if no Service claims it.
    pub fn winner(&self, dialled: Frontend) -> Option<&Claim> {
        self.claims.winner(dialled)
    }

    /// The claims that do not get a frontend, by rank.
    pub fn losers(&self, dialled: Frontend) -> impl Iterator<Item = &Claim> {
        self.claims.losers(dialled)
    }

    /// The node that the answers are for.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The network of that node.
    pub fn network(&self) -> &Network {
        &self.network
    }
}

/// What a flow gets at a frontend; the source ranges come first (semantics A5).
fn outcome(matched: &Matched<'_>, origin: Origin) -> Outcome {
    let Claim { kind, port, .. } = matched.claim;
    match port.verdict(*kind, origin) {
        _ if !matched.admitted => Outcome::Drop,
        _ if port.passes(*kind, origin) => Outcome::None,
        Verdict::Endpoint(_) => Outcome::Accept,
        Verdict::Reject => Outcome::Reject,
        Verdict::Drop => Outcome::Drop,
    }
}

impl<'a> Judgement<'a> {
    /// Endpoints that the flow may get; none unless the outcome is [`Outcome::Accept`].
    pub fn endpoints(&self) -> impl Iterator<Item = Candidate<'a>> + '_ {
        let candidates = match &self.cause {
            Cause::Frontend(matched) if self.outcome == Outcome::Accept => &matched.candidates[..],
            _ => &[],
        };
        candidates.iter().filter(|candidate| candidate.eligibility.is_ok()).copied()
    }
}
