//! What does this host look like: its addresses, its bridges, and the addresses of pods?

use crate::{
    routing::node_context::{NodeContext, NodeModeContext},
    shared::config::{Config, NodeMode},
    sys::host,
};
use std::{net::IpAddr, sync::Arc};
use weir_core::{Bridges, Localhost, Node, Pods, SourceRules};

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
    let node_mode = config.node_mode.as_ref().map(|node_mode| node_mode_context(node_mode, bridges, node));
    NodeView { node_context: NodeContext { node: Arc::clone(node), addresses, node_mode }, node_addresses }
}

fn node_mode_context(node_mode: &NodeMode, bridges: &Bridges, node: &Node) -> NodeModeContext {
    let NodeMode { marks, ref pods, masquerade_all } = *node_mode;
    let networks = match pods {
        Pods::OnBridge(name) => host::networks_of(|interface| interface == name),
        Pods::OnInterfaces(prefix) => host::networks_of(|interface| interface.starts_with(prefix)),
        Pods::Unknown | Pods::Within(_) | Pods::OfNode => pods.networks(node).to_vec(),
    };
    let sources = SourceRules::of(pods, node, masquerade_all);
    NodeModeContext {
        marks,
        sources,
        pods: networks,
        bridges: bridges.networks.iter().map(|on| on.network).collect(),
    }
}
