//! Which objects does weir look at, and what can happen to one?

use ipnet::IpNet;
use std::{fmt, sync::Arc};
use weir_core::{EndpointSlice, Node, Service};

/// A kind of object that decides what is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// core/v1 Service.
    Service,
    /// discovery.k8s.io/v1 EndpointSlice.
    EndpointSlice,
    /// core/v1 Node.
    Node,
    /// networking.k8s.io/v1 ServiceCIDR.
    ServiceCidr,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 4] = [Self::Service, Self::EndpointSlice, Self::Node, Self::ServiceCidr];

    /// The word in an object's `kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Service => "Service",
            Self::EndpointSlice => "EndpointSlice",
            Self::Node => "Node",
            Self::ServiceCidr => "ServiceCIDR",
        }
    }

    /// The word in API paths and RBAC rules.
    pub fn resource(self) -> &'static str {
        match self {
            Self::Service => "services",
            Self::EndpointSlice => "endpointslices",
            Self::Node => "nodes",
            Self::ServiceCidr => "servicecidrs",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The identity of an object in the API.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace; empty for cluster-scoped kinds.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

impl ObjectKey {
    /// A key from its parts.
    pub fn new(kind: Kind, namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { kind, namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{} {}", self.kind, self.name)
        } else {
            write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
        }
    }
}

/// What weir keeps of an object.
#[derive(Clone, Debug, PartialEq)]
pub enum Object {
    /// A Service to serve.
    Service(Box<Service>),
    /// A slice of some Service's endpoints.
    EndpointSlice(EndpointSlice),
    /// A node; only this proxy's own one counts.
    Node(Node),
    /// CIDRs that Service addresses are allocated from.
    ServiceCidr(Vec<IpNet>),
}

/// What a source tells the store.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A list of all objects of a kind begins. What it does not name is gone when it is complete, and not before.
    Begin(Kind),
    /// The object exists in this form.
    Put(ObjectKey, Object),
    /// The object exists but cannot be used; what is known of it stays.
    Keep(ObjectKey),
    /// The object is gone, or is not ours to serve.
    Delete(ObjectKey),
    /// The list that began is complete.
    Complete(Kind),
}
