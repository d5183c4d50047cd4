//! What is known of an endpoint?

use super::{
    family::Family,
    service::{Protocol, ServiceKey},
};
use serde::{Deserialize, Serialize};
use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU16,
    sync::Arc,
};

/// The conditions of an endpoint, with absent ones filled in (semantics R1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conditions {
    /// May receive new flows. Absent means true.
    pub ready: bool,
    /// Answers, whether or not it is terminating. Absent means true.
    pub serving: bool,
    /// Is being deleted. Absent means false.
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

/// For whom the control plane meant an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hints {
    /// `hints.forZones`.
    pub zones: Box<[Arc<str>]>,
    /// `hints.forNodes`.
    pub nodes: Box<[Arc<str>]>,
}

/// One endpoint of a Service port: a pod address and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its conditions.
    pub conditions: Conditions,
    /// `nodeName`.
    pub node: Option<Arc<str>>,
    /// `zone`; informative only, the proxy follows hints (semantics T5).
    pub zone: Option<Arc<str>>,
    /// Its hints.
    pub hints: Arc<Hints>,
}

impl Endpoint {
    /// An endpoint of which only the address is known; it is ready.
    pub fn ready(address: SocketAddr) -> Self {
        Self { address, conditions: Conditions::default(), node: None, zone: None, hints: Arc::default() }
    }
}

/// One entry of an EndpointSlice's `endpoints`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceEndpoint {
    /// `addresses[0]` (semantics E4).
    pub ip: IpAddr,
    /// Its conditions.
    pub conditions: Conditions,
    /// `nodeName`.
    pub node: Option<Arc<str>>,
    /// `zone`.
    pub zone: Option<Arc<str>>,
    /// Its hints.
    pub hints: Arc<Hints>,
}

/// One entry of an EndpointSlice's `ports` that has a name and a number (semantics O1, O3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlicePort {
    /// `name`; empty for an unnamed Service port.
    pub name: Arc<str>,
    /// `protocol`.
    pub protocol: Protocol,
    /// `port`.
    pub port: NonZeroU16,
}

/// A discovery/v1 EndpointSlice that belongs to a Service (semantics E1, E2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointSlice {
    /// The slice's own name, unique in the Service's namespace.
    pub name: Arc<str>,
    /// The Service that owns it.
    pub service: ServiceKey,
    /// `addressType`.
    pub family: Family,
    /// `ports`.
    pub ports: Vec<SlicePort>,
    /// `endpoints`.
    pub endpoints: Vec<SliceEndpoint>,
}

/// The endpoints eligible for one kind of traffic: an immutable selection, sorted by the text `ip:port` (semantics E5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSet {
    endpoints: Arc<[Endpoint]>,
    members: Box<[u32]>,
}

impl EndpointSet {
    /// Selects from `endpoints` those for which `eligible` holds.
    pub fn select(endpoints: &Arc<[Endpoint]>, mut eligible: impl FnMut(&Endpoint) -> bool) -> Self {
        let members = (0u32..).zip(endpoints.iter()).filter(|(_, e)| eligible(e)).map(|(i, _)| i).collect();
        Self { endpoints: Arc::clone(endpoints), members }
    }

    /// Selects from these those for which `eligible` holds.
    #[must_use]
    pub fn filter(&self, mut eligible: impl FnMut(&Endpoint) -> bool) -> Self {
        let members =
            self.members.iter().copied().filter(|&i| eligible(&self.endpoints[i as usize])).collect();
        Self { endpoints: Arc::clone(&self.endpoints), members }
    }

    /// The selected endpoints, sorted.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Endpoint> + Clone {
        self.members.iter().map(|&i| &self.endpoints[i as usize])
    }

    /// How many are selected.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether none is selected.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}
