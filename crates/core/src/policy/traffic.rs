//! Which list of endpoints does a flow choose from, and what does it get when that is empty? (semantics P1-P7, N1-N3, A5)

use crate::{
    model::{EndpointSet, Family, FrontendKind, Node, Origin},
    resolve::ServicePort,
};
use ipnet::IpNet;

/// Which of a port's two lists applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Traffic {
    /// Endpoints of the whole cluster.
    Cluster,
    /// Endpoints of this node only.
    Local,
}

/// What a new flow gets at a Service address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// One of the endpoints of this list.
    Endpoint(Traffic),
    /// A refusal: there is no usable endpoint anywhere (semantics N1).
    Reject,
    /// Silence: there are usable endpoints, but none for this flow (semantics N2, N3).
    Drop,
}

/// Who can be served through a frontend right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Anybody.
    Everyone,
    /// Only the node's own processes: externalTrafficPolicy is Local and no endpoint is (semantics P6, N3).
    NodeOnly,
}

impl ServicePort {
    /// The list that a flow from `origin` to a frontend of this kind chooses from.
    pub fn traffic(&self, kind: FrontendKind, origin: Origin) -> Traffic {
        let local = match kind {
            FrontendKind::ClusterIp => self.internal_local,
            // Pods and the node itself short-circuit to the cluster list, as a load balancer would bring them there.
            _ => self.external_local && origin == Origin::Outside,
        };
        if local { Traffic::Local } else { Traffic::Cluster }
    }

    /// The endpoints of one kind of traffic. Empty when this port does not use that list.
    pub fn endpoints(&self, traffic: Traffic) -> Option<&EndpointSet> {
        match traffic {
            Traffic::Cluster => self.cluster.as_ref(),
            Traffic::Local => self.local.as_ref(),
        }
    }

    /// What a flow from `origin` to a frontend of this kind gets, if its source is admitted.
    pub fn verdict(&self, kind: FrontendKind, origin: Origin) -> Verdict {
        let traffic = self.traffic(kind, origin);
        match self.endpoints(traffic) {
            Some(endpoints) if !endpoints.is_empty() => Verdict::Endpoint(traffic),
            _ if self.has_any => Verdict::Drop,
            _ => Verdict::Reject,
        }
    }

    /// Who has a usable endpoint behind a frontend of this kind; `None` when nobody has.
    pub fn audience(&self, kind: FrontendKind) -> Option<Audience> {
        let usable = |origin| matches!(self.verdict(kind, origin), Verdict::Endpoint(_));
        if usable(Origin::Outside) {
            Some(Audience::Everyone)
        } else if usable(Origin::Node) {
            Some(Audience::NodeOnly)
        } else {
            None
        }
    }

    /// The sources that may use a frontend of this kind; `None` means all. Only load-balancer addresses are guarded
    /// (semantics A5).
    pub fn sources(&self, kind: FrontendKind, node: &Node) -> Option<Vec<IpNet>> {
        if kind != FrontendKind::LoadBalancerIp || self.source_ranges.is_empty() {
            return None;
        }
        let mut sources = self.source_ranges.to_vec();
        // A node in the ranges reaches the addresses through itself, with such an address as its source.
        let primary = node.internal_ips.iter().find(|ip| Family::of(**ip) == self.family);
        if primary.is_some_and(|ip| sources.iter().any(|range| range.contains(ip))) {
            sources.extend(self.load_balancer_ips.iter().copied().map(IpNet::from));
        }
        Some(sources)
    }
}
