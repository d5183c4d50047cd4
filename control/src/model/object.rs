//! Which objects does weir look at, and what can happen to one?

use ipnet::IpNet;
use std::{fmt, sync::Arc};
use weir_core::{EndpointSlice, Node, Service};

/// Kind of object that decides what is served.
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
    /// All kinds, in the order of their declaration.
    pub const ALL: [Kind; 4] = [Self::Service, Self::EndpointSlice, Self::Node, Self::ServiceCidr];

    /// Value of an object's `kind`, such as `Service`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Service => "Service",
            Self::EndpointSlice => "EndpointSlice",
            Self::Node => "Node",
            Self::ServiceCidr => "ServiceCIDR",
        }
    }

    /// Name in API paths and RBAC rules, such as `services`.
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

/// Identity of an object in the API.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Kind of the object.
    pub kind: Kind,
    /// Namespace of the object; empty for cluster-scoped kinds.
    pub namespace: Arc<str>,
    /// Name of the object.
    pub name: Arc<str>,
}

impl ObjectKey {
    /// Creates a key from its parts.
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
    /// Service to serve.
    Service(Box<Service>),
    /// EndpointSlice of some Service.
    EndpointSlice(EndpointSlice),
    /// Node; only the one that this proxy runs on counts.
    Node(Node),
    /// CIDRs out of which Service addresses are allocated.
    ServiceCidr(Vec<IpNet>),
}

/// What a source says about one object or one list.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A list of all objects of a kind begins. Objects that the list does not name are deleted when it is
    /// complete, and not before.
    Begin(Kind),
    /// The object exists in this form.
    Put(ObjectKey, Object),
    /// The object exists but cannot be used; its last usable form stays in force.
    Keep(ObjectKey),
    /// The object was deleted, or is not for this proxy.
    Delete(ObjectKey),
    /// The running list of a kind is complete.
    Complete(Kind),
}
