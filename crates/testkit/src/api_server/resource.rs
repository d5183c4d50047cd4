//! Which resources are served, and which one does a path name?

/// A resource that the test API server serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// `v1` Service.
    Services,
    /// `v1` Node.
    Nodes,
    /// `discovery.k8s.io/v1` EndpointSlice.
    EndpointSlices,
    /// `networking.k8s.io/v1` ServiceCIDR.
    ServiceCidrs,
    /// `v1` Event.
    CoreEvents,
    /// `events.k8s.io/v1` Event.
    Events,
}

impl Resource {
    /// Every resource, in the order of their discriminants.
    pub const ALL: [Self; 6] = [
        Self::Services,
        Self::Nodes,
        Self::EndpointSlices,
        Self::ServiceCidrs,
        Self::CoreEvents,
        Self::Events,
    ];

    /// Kind of the resource's objects, such as `EndpointSlice`.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Services => "Service",
            Self::Nodes => "Node",
            Self::EndpointSlices => "EndpointSlice",
            Self::ServiceCidrs => "ServiceCIDR",
            Self::CoreEvents | Self::Events => "Event",
        }
    }

    /// Name of the resource in paths, such as `endpointslices`.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Services => "services",
            Self::Nodes => "nodes",
            Self::EndpointSlices => "endpointslices",
            Self::ServiceCidrs => "servicecidrs",
            Self::CoreEvents | Self::Events => "events",
        }
    }

    /// Group and version, such as `discovery.k8s.io/v1`.
    pub fn api_version(self) -> &'static str {
        match self {
            Self::Services | Self::Nodes | Self::CoreEvents => "v1",
            Self::EndpointSlices => "discovery.k8s.io/v1",
            Self::ServiceCidrs => "networking.k8s.io/v1",
            Self::Events => "events.k8s.io/v1",
        }
    }

    /// The group alone, empty for core.
    pub fn group(self) -> &'static str {
        self.api_version().strip_suffix("/v1").unwrap_or_default()
    }

    /// Whether the resource's objects live in namespaces.
    pub fn namespaced(self) -> bool {
        !matches!(self, Self::Nodes | Self::ServiceCidrs)
    }

    /// The fields, beside name and namespace, that a field selector may name.
    pub(super) fn selectable_fields(self) -> &'static [&'static str] {
        match self {
            Self::Services => &["spec.clusterIP", "spec.type"],
            Self::Nodes => &["spec.unschedulable"],
            Self::EndpointSlices | Self::ServiceCidrs => &[],
            Self::CoreEvents => {
                &["involvedObject.kind", "involvedObject.name", "involvedObject.namespace", "reason", "type"]
            }
            Self::Events => &["regarding.kind", "regarding.name", "regarding.namespace", "reason", "type"],
        }
    }

    /// The resource of an object.
    pub(super) fn of(api_version: &str, kind: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|resource| resource.api_version() == api_version && resource.kind() == kind)
    }
}

/// The resource, namespace and name in the path of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) resource: Resource,
    pub(super) namespace: Option<String>,
    pub(super) name: Option<String>,
}

impl Target {
    /// Namespace and name, empty where the path names none.
    pub(super) fn key(&self) -> (&str, &str) {
        (self.namespace.as_deref().unwrap_or_default(), self.name.as_deref().unwrap_or_default())
    }

    /// Parses `/api/v1/...` and `/apis/GROUP/v1/...`.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (api_version, rest) = match segments.as_slice() {
            ["api", version, rest @ ..] => ((*version).to_owned(), rest),
            ["apis", group, version, rest @ ..] => (format!("{group}/{version}"), rest),
            _ => return None,
        };
        let (namespace, plural, name) = match rest {
            // A Namespace itself is no resource of this server, so two segments mean plural and name.
            ["namespaces", namespace, plural] => (Some(*namespace), *plural, None),
            ["namespaces", namespace, plural, name] => (Some(*namespace), *plural, Some(*name)),
            [plural] => (None, *plural, None),
            [plural, name] => (None, *plural, Some(*name)),
            _ => return None,
        };
        let resource = Resource::ALL
            .into_iter()
            .find(|resource| resource.api_version() == api_version && resource.plural() == plural)?;
        let addressable = match (resource.namespaced(), &namespace, &name) {
            (true, None, name) => name.is_none(),
            (true, Some(_), _) => true,
            (false, namespace, _) => namespace.is_none(),
        };
        addressable.then(|| Self {
            resource,
            namespace: namespace.map(str::to_owned),
            name: name.map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_resource_in_its_group_namespace_and_scope() {
        let slices = Target::parse("/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices").unwrap();
        assert_eq!((slices.resource, slices.namespace.as_deref()), (Resource::EndpointSlices, Some("shop")));
        let node = Target::parse("/api/v1/nodes/worker-1").unwrap();
        assert_eq!((node.resource, node.name.as_deref()), (Resource::Nodes, Some("worker-1")));
        for unknown in ["/", "/api/v1/pods", "/apis/apps/v1/services", "/api/v1/namespaces/shop/nodes"] {
            assert_eq!(Target::parse(unknown), None, "{unknown}");
        }
    }
}
