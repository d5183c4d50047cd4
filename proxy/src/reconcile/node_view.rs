//! What does this host look like: its addresses, its bridges, and the addresses of pods?

use crate::{
    routing::node_context::{NodeContext, NodeModeContext},
    shared::config::{Config, NodeMode},
    sys::host,
};
use std::{collections::BTreeSet, net::IpAddr, sync::Arc};
use weir_core::{Bridges, Family, Localhost, Node, PerFamily, Pods, SourcePorts, SourceRules};

/// The node and this host, as just observed.
pub(super) struct NodeView {
    pub(super) node_context: NodeContext,
    /// Addresses at which node ports are served.
    pub(super) node_addresses: Vec<IpAddr>,
}

/// Looks at this host's interfaces.
pub(super) fn observe(config: &Config, bridges: &Bridges, node: &Arc<Node>) -> NodeView {
    let addresses = host::interface_addresses();
    let localhost = match config.node_mode {
        None => Localhost::LikeOthers,
        Some(_) => Localhost::WhereNamed,
    };
    let node_addresses = config.node_port_addresses.resolve(node, &addresses, host::is_local, localhost);
    let node_mode = config.node_mode.as_ref();
    let node_mode = node_mode.map(|node_mode| node_mode_context(node_mode, bridges, node, &addresses));
    NodeView { node_context: NodeContext { node: Arc::clone(node), addresses, node_mode }, node_addresses }
}

fn node_mode_context(
    node_mode: &NodeMode,
    bridges: &Bridges,
    node: &Node,
    addresses: &BTreeSet<IpAddr>,
) -> NodeModeContext {
    let NodeMode { marks, ref pods, masquerade_all, ref source_ports } = *node_mode;
    let networks = match pods {
        Pods::OnBridge(name) => host::networks_of(|interface| interface == name),
        Pods::OnInterfaces(prefix) => host::networks_of(|interface| interface.starts_with(prefix)),
        Pods::Unknown | Pods::Within(_) | Pods::OfNode => pods.networks(node).to_vec(),
    };
    let sources = SourceRules::of(pods, node, masquerade_all);
    NodeModeContext {
        marks,
        sources,
        source_ports: SourcePorts::new(source_ports, &host::reserved_ports()),
        pods: networks,
        bridges: bridges.networks.clone(),
        primary: PerFamily::from_fn(|family| {
            let of_family = |ip: &&IpAddr| Family::of(**ip) == family;
            node.internal_ips.iter().find(of_family).copied().filter(|ip| addresses.contains(ip))
        }),
    }
}
