//! By what is a flow judged? The Snapshot that follows from all objects, and the network of the node.

use super::mapped::Mapped;
use crate::{
    admin::NodeFacts,
    cli::{AskedFlow, ExplainOptions},
};
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};
use weir_core::{
    Family, Frontend, Localhost, Node, Origin, Snapshot, SourceRules,
    verdict::{Cause, Index, Judgement, Network, Outcome},
};

/// Judge of flows.
pub(super) struct Judge {
    pub(super) index: Index,
    pub(super) mapped: Mapped,
    /// Whether sockets at the addresses serve, so that there is no silence, and endpoints see this host.
    binds: bool,
}

impl Judge {
    /// Judge by everything that the node of a Snapshot serves.
    pub(super) fn new(snapshot: &mut Snapshot, options: &ExplainOptions) -> Self {
        let given = &options.node_addresses;
        if !given.is_empty() {
            let node = Arc::make_mut(&mut snapshot.node);
            let primary = |family| given.iter().copied().find(|ip| Family::of(*ip) == family);
            node.internal_ips = Family::ALL.into_iter().filter_map(primary).collect();
            // Their Node object would say the same.
            node.known = true;
        }
        if options.objects.map_loopback {
            return Self::of_bind_mode(snapshot, options);
        }
        let cluster = &options.network;
        let network = Network::of(
            &snapshot.node,
            addresses(&snapshot.node, given).into_iter().chain(LOCALHOST).collect(),
            &options.objects.node_port_addresses,
            cluster.pods.clone(),
            cluster.masquerade_all,
        );
        // Other addresses of the Service networks belong to Services of the other proxy.
        let exclusive = options.objects.scope.selection.service_proxy_name.is_none();
        let service_cidrs = cluster.service_cidrs.iter().chain(&*snapshot.service_cidrs).copied();
        snapshot.service_cidrs = service_cidrs.filter(|_| exclusive).collect();
        Self { index: Index::of(snapshot, network), mapped: Mapped::default(), binds: false }
    }

    /// Judge of what this host serves with `--map loopback`, where endpoints see this host as their client.
    fn of_bind_mode(snapshot: &mut Snapshot, options: &ExplainOptions) -> Self {
        let (cluster, node) = (&options.network, &snapshot.node);
        let mut addresses = addresses(node, &options.node_addresses);
        addresses.extend(weir_proxy::interface_addresses());
        let network = Network {
            addresses,
            node_port_addresses: options.objects.bind_mode_node_ports(node),
            pods: cluster.pods.clone(),
            sources: SourceRules::of(&cluster.pods, node, true),
        };
        // Nothing is captured, so that nobody is silent for addresses without a Service.
        snapshot.service_cidrs = Arc::default();
        let mapped = Mapped::of(snapshot);
        let index = Index::placed(snapshot, network, |claim, frontend| mapped.place(claim, frontend));
        Self { index, mapped, binds: true }
    }

    /// Judge by what a weir that runs on this host serves.
    pub(super) fn of_running(snapshot: &mut Snapshot, facts: &NodeFacts) -> Self {
        let node = Arc::clone(&snapshot.node);
        let mut addresses = weir_proxy::interface_addresses();
        let local = addresses.clone();
        addresses.extend(LOCALHOST);
        let cluster = facts.cluster.clone().unwrap_or_default();
        let localhost = if facts.in_node_mode { Localhost::WhereNamed } else { Localhost::LikeOthers };
        let node_port_addresses =
            facts.node_port_addresses.resolve(&node, &local, |ip| local.contains(&ip), localhost);
        let sources = SourceRules::of(&cluster.pods, &node, cluster.masquerade_all || !facts.in_node_mode);
        let network = Network { addresses, node_port_addresses, pods: cluster.pods, sources };
        let cidrs = cluster.service_cidrs.iter().chain(&*snapshot.service_cidrs).copied();
        // In bind mode nothing is captured, and beside another proxy other addresses are that one's.
        snapshot.service_cidrs = cidrs.filter(|_| facts.in_node_mode && facts.is_exclusive).collect();
        if !facts.map_loopback {
            let index = Index::of(snapshot, network);
            return Self { index, mapped: Mapped::default(), binds: !facts.in_node_mode };
        }
        let mapped = Mapped::of(snapshot);
        let index = Index::placed(snapshot, network, |claim, frontend| mapped.place(claim, frontend));
        Self { index, mapped, binds: true }
    }

    /// What a flow gets.
    pub(super) fn judge(&self, flow: AskedFlow) -> Judgement<'_> {
        let mut judgement = self.index.judge(flow.from, self.dialled(flow.to));
        if self.binds {
            // Where bind mode has nobody to connect to it has no socket, so that the kernel refuses.
            let is_claimed = matches!(judgement.cause, Cause::Frontend(_));
            if judgement.outcome == Outcome::Drop || (judgement.outcome == Outcome::None && is_claimed) {
                judgement.outcome = Outcome::Reject;
            }
            if let Cause::Frontend(matched) = &mut judgement.cause {
                matched.candidates.iter_mut().for_each(|candidate| candidate.masquerade = true);
            }
        }
        judgement
    }

    /// Where a client has to connect to for what was asked.
    pub(super) fn dialled(&self, asked: Frontend) -> Frontend {
        self.mapped.dialled(asked)
    }

    /// Whether it matters if a client is recognised as a pod.
    pub(super) fn asks_for_pods(&self, judgement: &Judgement<'_>) -> bool {
        judgement.origin == Origin::Outside && !self.binds
    }
}

/// The addresses that every node has.
const LOCALHOST: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

fn addresses(node: &Node, given: &[IpAddr]) -> BTreeSet<IpAddr> {
    given.iter().chain(&node.internal_ips).copied().collect()
}
