//! Which kinds does weir read from manifests, and which did an author take for one of them?

use crate::{
    model::quoted,
    translate::{did_you_mean, nearest},
};
use k8s_openapi::{
    Resource,
    api::{
        core::v1::{Node, Service},
        discovery::v1::EndpointSlice,
        networking::v1::ServiceCIDR,
    },
};

/// `apiVersion` and `kind` of a type.
pub(super) fn api_type<T: Resource>() -> (&'static str, &'static str) {
    (T::API_VERSION, T::KIND)
}

/// What to say of an object of a kind that weir does not read, if its author must think that it is served; `None` for
/// kinds that have nothing to do with weir.
pub(super) fn mistaken(api_version: &str, kind: &str) -> Option<String> {
    let known =
        [api_type::<Service>(), api_type::<EndpointSlice>(), api_type::<Node>(), api_type::<ServiceCIDR>()];
    if kind == "Endpoints" && group(api_version).is_empty() {
        let instead =
            "weir reads EndpointSlices, which an API server makes of it (kubectl get endpointslices -o yaml)";
        return Some(format!("kind Endpoints is not read: {instead}"));
    }
    let kinds = known.map(|(_, kind)| kind);
    let meant = nearest(kind, &kinds)?;
    let (version, _) = known.into_iter().find(|&(_, known)| known == meant)?;
    let group_of_meant = group(version);
    // Another group may have kinds of its own, such as Knative's Service; EndpointSlice is nobody else's.
    let same_group = group(api_version) == group_of_meant
        || group_of_meant.is_empty() && group(api_version) == "core"
        || !group_of_meant.is_empty() && kind == meant;
    if !same_group {
        return None;
    }
    if kind == meant {
        return Some(format!("apiVersion {} is not read: weir reads {version} {meant}", quoted(api_version)));
    }
    Some(format!("kind {} is not read{}", quoted(kind), did_you_mean(kind, &[meant])))
}

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_kind_in_another_version_is_a_mistake() {
        for (version, kind, said) in [
            ("discovery.k8s.io/v1beta1", "EndpointSlice", "weir reads discovery.k8s.io/v1 EndpointSlice"),
            ("v1", "EndpointSlice", "weir reads discovery.k8s.io/v1 EndpointSlice"),
            ("v1beta1", "Service", "weir reads v1 Service"),
            ("core/v1", "Service", "weir reads v1 Service"),
            ("v1", "Endpoints", "weir reads EndpointSlices"),
            ("v1", "service", "did you mean \"Service\"?"),
            ("networking.k8s.io/v1", "ServiceCidr", "did you mean \"ServiceCIDR\"?"),
        ] {
            let message = mistaken(version, kind).unwrap_or_default();
            assert!(message.contains(said), "{version} {kind}: {message:?}");
        }
    }

    #[test]
    fn other_kinds_are_none() {
        for (version, kind) in [
            ("serving.knative.dev/v1", "Service"),
            ("apps/v1", "Deployment"),
            ("v1", "Pod"),
            ("v1", "ServiceAccount"),
            ("networking.k8s.io/v1", "Ingress"),
            ("v1", "ConfigMap"),
        ] {
            assert_eq!(mistaken(version, kind), None, "{version} {kind}");
        }
    }
}
