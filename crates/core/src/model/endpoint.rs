//! What does Kubernetes say of an endpoint?

use super::{
    family::Family,
    service::{Protocol, ServiceKey},
    weight::{Overridden, Weight},
};
use serde::{Deserialize, Serialize};
use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU16,
    sync::Arc,
};

/// The conditions of an endpoint, with defaults for absent ones (semantics R1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conditions {
    /// Whether the endpoint may receive new flows. Absent means true.
    pub ready: bool,
    /// Whether the endpoint answers, terminating or not. Absent means true.
    pub serving: bool,
    /// Whether the endpoint is being deleted. Absent means false.
    pub terminating: bool,
}

impl Default for Conditions {
    fn default() -> Self {
        Self { ready: true, serving: true, terminating: false }
    }
}

impl Conditions {
    /// Whether the endpoint may stand in when no endpoint is ready (KEP-1669, semantics R3).
    pub fn is_fallback(self) -> bool {
        self.serving && self.terminating
    }
}

/// The nodes and zones for which the control plane meant an endpoint (topology-aware routing, KEP-2433 and KEP-3015).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hints {
    /// Zones in `hints.forZones`.
    pub zones: Box<[Arc<str>]>,
    /// Nodes in `hints.forNodes`.
    pub nodes: Box<[Arc<str>]>,
}

/// One endpoint of a Service port: a pod address and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The address and port that the endpoint listens on.
    pub address: SocketAddr,
    /// The conditions.
    pub conditions: Conditions,
    /// The `nodeName`; `None` when absent.
    pub node: Option<Arc<str>>,
    /// The endpoint's `zone`. Eligibility follows hints instead (semantics T5).
    pub zone: Option<Arc<str>>,
    /// The hints.
    pub hints: Arc<Hints>,
    /// The weight that counts: the operator's, else that of the slice.
    pub weight: Weight,
    /// Whether the weight is the operator's, and how; `None` if it is that of the slice.
    pub overridden: Option<Overridden>,
}

impl Endpoint {
    /// A ready endpoint of which only the address is known.
    pub fn ready(address: SocketAddr) -> Self {
        Self {
            address,
            conditions: Conditions::default(),
            node: None,
            zone: None,
            hints: Arc::default(),
            weight: Weight::DEFAULT,
            overridden: None,
        }
    }
}

/// One entry of an EndpointSlice's `endpoints`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceEndpoint {
    /// The first of `addresses` (semantics E4).
    pub ip: IpAddr,
    /// The conditions.
    pub conditions: Conditions,
    /// Whether `targetRef` names a Pod.
    pub is_pod: bool,
    /// The `nodeName`; `None` when absent.
    pub node: Option<Arc<str>>,
    /// The endpoint's `zone`.
    pub zone: Option<Arc<str>>,
    /// The hints.
    pub hints: Arc<Hints>,
}

/// One entry of an EndpointSlice's `ports` that has a name and a number (semantics O1, O3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlicePort {
    /// The `name` of the Service port; empty for an unnamed one.
    pub name: Arc<str>,
    /// The `protocol`.
    pub protocol: Protocol,
    /// The `port` that endpoints listen on.
    pub port: NonZeroU16,
}

/// A discovery/v1 EndpointSlice that belongs to a Service (semantics E1, E2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointSlice {
    /// The name of the slice, unique in the Service's namespace.
    pub name: Arc<str>,
    /// The Service that the slice belongs to.
    pub service: ServiceKey,
    /// The `addressType`.
    pub family: Family,
    /// The `ports`.
    pub ports: Vec<SlicePort>,
    /// The `endpoints`.
    pub endpoints: Vec<SliceEndpoint>,
    /// The weight of each of the endpoints.
    pub weight: Weight,
}

/// The endpoints eligible for one kind of traffic: an immutable selection, sorted by the text `ip:port` (semantics E5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSet {
    /// All endpoints of the port.
    endpoints: Arc<[Endpoint]>,
    /// Indexes of the selected ones, in order.
    members: Box<[u32]>,
}

impl EndpointSet {
    /// Selects the endpoints for which `eligible` holds.
    pub fn select(endpoints: &Arc<[Endpoint]>, mut eligible: impl FnMut(&Endpoint) -> bool) -> Self {
        let members = (0u32..).zip(endpoints.iter()).filter(|(_, e)| eligible(e)).map(|(i, _)| i).collect();
        Self { endpoints: Arc::clone(endpoints), members }
    }

    /// Selects from this set the endpoints for which `eligible` holds.
    #[must_use]
    pub fn filter(&self, mut eligible: impl FnMut(&Endpoint) -> bool) -> Self {
        let members =
            self.members.iter().copied().filter(|&i| eligible(&self.endpoints[i as usize])).collect();
        Self { endpoints: Arc::clone(&self.endpoints), members }
    }

    /// The selected endpoints, in list order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Endpoint> + Clone {
        self.members.iter().map(|&i| &self.endpoints[i as usize])
    }

    /// Number of selected endpoints.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether no endpoint is selected.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// There are very many.
    #[test]
    fn an_endpoint_of_a_slice_takes_one_cache_line() {
        assert_eq!(size_of::<SliceEndpoint>(), 64);
    }

    /// There are as many.
    #[test]
    fn weights_do_not_make_an_endpoint_larger() {
        assert_eq!(size_of::<Endpoint>(), 80);
    }
}
