//! Which list of endpoints does a new flow choose from, and what does it get when the list is empty? (semantics P1-P7,
//! N1-N3, A5)

use crate::{
    model::{EndpointSet, Family, FrontendKind, NoLocalEndpoints, Node, Origin},
    resolve::ServicePort,
};
use ipnet::IpNet;

/// One of the two lists of endpoints of a Service port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Traffic {
    /// Eligible endpoints of the whole cluster.
    Cluster,
    /// Eligible endpoints of this node only.
    Local,
}

/// What a new flow gets at a frontend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// An endpoint of a list.
    Endpoint(Traffic),
    /// A refusal: there is no usable endpoint anywhere (semantics N1).
    Reject,
    /// Silence: there are usable endpoints, but none for this flow (semantics N2, N3).
    Drop,
}

/// The clients for which a frontend has a usable endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Clients of every origin.
    Everyone,
    /// Only the node's own processes: externalTrafficPolicy is Local and no endpoint is on this node (semantics P6, N3).
    NodeOnly,
}

impl ServicePort {
    /// The list that a flow from `origin` to a frontend of `kind` chooses from.
    pub fn traffic(&self, kind: FrontendKind, origin: Origin) -> Traffic {
        let local = match kind {
            FrontendKind::ClusterIp => self.internal_local,
            // Pods and the node itself short-circuit to the cluster list, as a load balancer would bring them there.
            _ => self.external_local && origin == Origin::Outside,
        };
        if local { Traffic::Local } else { Traffic::Cluster }
    }

    /// The endpoints of a list; `None` when no traffic of this port uses the list.
    pub fn endpoints(&self, traffic: Traffic) -> Option<&EndpointSet> {
        match traffic {
            Traffic::Cluster => self.cluster.as_ref(),
            Traffic::Local => self.local.as_ref(),
        }
    }

    /// What a flow from `origin` to a frontend of `kind` gets, if its source is admitted.
    pub fn verdict(&self, kind: FrontendKind, origin: Origin) -> Verdict {
        let traffic = self.traffic(kind, origin);
        match self.endpoints(traffic) {
            Some(endpoints) if !endpoints.is_empty() => Verdict::Endpoint(traffic),
            _ if self.has_any => Verdict::Drop,
            _ => Verdict::Reject,
        }
    }

    /// Whether the Service asks that packets to a frontend of `kind` go on untouched where externalTrafficPolicy is Local and
    /// no endpoint may serve them. Never those to node ports, whose addresses are this node's.
    pub fn asks_to_pass(&self, kind: FrontendKind) -> bool {
        self.settings.no_local_endpoints == NoLocalEndpoints::Pass
            && matches!(kind, FrontendKind::ExternalIp | FrontendKind::LoadBalancerIp)
    }

    /// Whether new flows from `origin` to a frontend of `kind` go on untouched, if their source is admitted. Those of the
    /// node's own processes never do: on their way they would have to be told from packets of their open connections.
    pub fn passes(&self, kind: FrontendKind, origin: Origin) -> bool {
        self.asks_to_pass(kind)
            && self.external_local
            && origin != Origin::Node
            && !matches!(self.verdict(kind, origin), Verdict::Endpoint(_))
    }

    /// The clients for which a frontend of `kind` has a usable endpoint; `None` when it has none for any.
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

    /// Networks of clients that may use a frontend of `kind`; `None` means all. Only load-balancer IPs are restricted
    /// (semantics A5).
    pub fn sources(&self, kind: FrontendKind, node: &Node) -> Option<Vec<IpNet>> {
        if kind != FrontendKind::LoadBalancerIp || self.source_ranges.is_empty() {
            return None;
        }
        let mut sources = self.source_ranges.to_vec();
        // A node inside the ranges reaches a load-balancer IP through itself, with that IP as its source.
        let primary = node.internal_ips.iter().find(|ip| Family::of(**ip) == self.family);
        if primary.is_some_and(|ip| sources.iter().any(|range| range.contains(ip))) {
            sources.extend(self.load_balancer_ips.iter().copied().map(IpNet::from));
        }
        Some(sources)
    }
}
