//! What is around this proxy: which addresses does its host have, and which are pods'?

use super::Listeners;
use crate::{
    NodeMode, host,
    place::{NodePlace, Place},
};
use std::sync::Arc;
use weir_core::{Localhost, Node, Pods, Snapshot, SourceRules};

impl Listeners {
    /// Finds this host's addresses; returns whether they, or the node, changed.
    pub(super) fn look_around(&mut self, snapshot: &Snapshot) -> bool {
        let addresses = host::interface_addresses();
        let wanted = &self.config.node_port_addresses;
        let localhost = match self.config.node_mode {
            None => Localhost::Served,
            Some(_) => Localhost::Never,
        };
        let node_addresses = wanted.resolve(&snapshot.node, &addresses, host::is_local, localhost);
        let node_mode = self.config.node_mode.as_ref();
        let node_mode = node_mode.map(|node_mode| self.node_place(node_mode, &snapshot.node));
        let place = Place { node: Arc::clone(&snapshot.node), addresses, node_mode };
        let changed = *self.place != place || self.around.node_addresses != node_addresses;
        self.place = Arc::new(place);
        self.around.node_addresses = node_addresses;
        changed
    }

    fn node_place(&self, node_mode: &NodeMode, node: &Node) -> NodePlace {
        let NodeMode { marks, ref pods, masquerade_all } = *node_mode;
        let networks = match pods {
            Pods::OnBridge(name) => host::networks_of(|interface| interface == name),
            Pods::OnInterfaces(prefix) => host::networks_of(|interface| interface.starts_with(prefix)),
            Pods::Unknown | Pods::Within(_) | Pods::OfNode => pods.networks(node).to_vec(),
        };
        let sources = SourceRules::of(pods, node, masquerade_all);
        NodePlace { marks, sources, pods: networks, bridges: self.bridges.networks.clone() }
    }
}
