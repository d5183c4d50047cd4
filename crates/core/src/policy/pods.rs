//! How is a cluster's pod recognised as the sender of a packet? (semantics P6, M1)

use crate::model::{Family, Node};
use ipnet::IpNet;

/// How packets of pods are recognised: the modes of kube-proxy's `--detect-local-mode`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Pods {
    /// Not at all: pods count as outside clients.
    #[default]
    Unknown,
    /// By a source address in these networks (ClusterCIDR). In a family without a network no pod is recognised.
    Within(Vec<IpNet>),
    /// By a source address in this Node's `spec.podCIDRs` (NodeCIDR).
    OfNode,
    /// By the bridge that packets come from (BridgeInterface).
    OnBridge(String),
    /// By an interface whose name begins with this prefix (InterfaceNamePrefix).
    OnInterfaces(String),
}

impl Pods {
    /// The networks of pods; empty unless pods are recognised by their address.
    pub fn networks<'a>(&'a self, node: &'a Node) -> &'a [IpNet] {
        match self {
            Self::Within(networks) => networks,
            Self::OfNode => &node.pod_cidrs,
            Self::Unknown | Self::OnBridge(_) | Self::OnInterfaces(_) => &[],
        }
    }

    /// Whether pods of `family` can be recognised at all.
    pub fn are_known(&self, family: Family, node: &Node) -> bool {
        match self {
            Self::Unknown => false,
            Self::OnBridge(_) | Self::OnInterfaces(_) => true,
            Self::Within(_) | Self::OfNode => {
                self.networks(node).iter().any(|network| Family::of(network.addr()) == family)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Origin;
    use std::collections::BTreeSet;

    #[test]
    fn pods_are_known_in_the_families_of_their_networks_or_by_their_interface() {
        let networks = vec!["10.244.0.0/16".parse().unwrap()];
        let node = Node { pod_cidrs: networks.clone(), ..Node::named("n") };
        let contain = |pods: &Pods, ip: [u8; 4]| {
            Origin::of(ip.into(), &BTreeSet::new(), pods.networks(&node)) == Origin::Pod
        };
        for pods in [Pods::Within(networks), Pods::OfNode] {
            assert!(pods.are_known(Family::V4, &node) && !pods.are_known(Family::V6, &node), "{pods:?}");
            assert!(contain(&pods, [10, 244, 9, 9]) && !contain(&pods, [10, 245, 0, 1]));
        }
        for pods in [Pods::OnBridge("cni0".into()), Pods::OnInterfaces("cali".into())] {
            assert!(pods.are_known(Family::V6, &node) && !contain(&pods, [10, 244, 9, 9]));
        }
        assert!(!Pods::Unknown.are_known(Family::V4, &node));
        assert!(!Pods::OfNode.are_known(Family::V4, &Node::named("before the Node is seen")));
    }
}
