//! What do a core/v1 Node and a networking/v1 ServiceCIDR say? (semantics S7, A4, N5, T3, Z2)

use super::{
    metadata::{labels, optional_name},
    problems::Problems,
    translation::Translate,
};
use crate::{Kind, Object, Problem, Scope, model::quoted};
use ipnet::IpNet;
use k8s_openapi::{
    api::{core::v1::Node as ApiNode, networking::v1::ServiceCIDR},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use std::{net::IpAddr, sync::Arc};
use weir_core::{
    Node,
    address::{parse_cidr, parse_ip},
};

const ZONE: &str = "topology.kubernetes.io/zone";

/// Taint that the cluster autoscaler puts on a node before it removes it.
const TO_BE_DELETED: &str = "ToBeDeletedByClusterAutoscaler";

impl Translate for ApiNode {
    const KIND: Kind = Kind::Node;

    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn object(&self, _: &Scope, problems: &mut Problems) -> Result<Object, Problem> {
        Ok(Object::Node(node(self, problems)))
    }
}

impl Translate for ServiceCIDR {
    const KIND: Kind = Kind::ServiceCidr;

    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn object(&self, _: &Scope, problems: &mut Problems) -> Result<Object, Problem> {
        Ok(Object::ServiceCidr(service_cidr(self, problems)))
    }
}

fn node(object: &ApiNode, problems: &mut Problems) -> Node {
    let taints = object.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    Node {
        name: object.key().name,
        zone: zone(object, problems),
        internal_ips: internal_ips(object, problems),
        pod_cidrs: pod_cidrs(object, problems),
        known: true,
        leaving: object.metadata.deletion_timestamp.is_some()
            || taints.iter().any(|taint| taint.key == TO_BE_DELETED),
    }
}

fn zone(object: &ApiNode, problems: &mut Problems) -> Option<Arc<str>> {
    let zone = labels(&object.metadata).get(ZONE).filter(|zone| !zone.is_empty());
    optional_name(problems, format_args!("metadata.labels[{ZONE}]"), zone.map(String::as_str))
}

fn internal_ips(object: &ApiNode, problems: &mut Problems) -> Vec<IpAddr> {
    let addresses = object.status.as_ref().and_then(|status| status.addresses.as_deref()).unwrap_or_default();
    let internal = addresses.iter().enumerate().filter(|(_, address)| address.type_ == "InternalIP");
    let mut found = Vec::new();
    for (index, address) in internal {
        match parse_ip(&address.address) {
            Some(ip) => found.push(ip),
            None => {
                let message = || format!("{} is not an IP address; it is ignored", quoted(&address.address));
                problems.add_with(format_args!("status.addresses[{index}].address"), message);
            }
        }
    }
    found
}

/// Pod CIDRs of a node. An old API server says only `podCIDR`.
fn pod_cidrs(object: &ApiNode, problems: &mut Problems) -> Vec<IpNet> {
    let Some(spec) = &object.spec else { return Vec::new() };
    match spec.pod_cidrs.as_deref() {
        None | Some([]) => cidrs("spec.podCIDR", spec.pod_cidr.as_slice(), problems),
        Some(several) => cidrs("spec.podCIDRs", several, problems),
    }
}

fn service_cidr(object: &ServiceCIDR, problems: &mut Problems) -> Vec<IpNet> {
    let listed = object.spec.as_ref().and_then(|spec| spec.cidrs.as_deref()).unwrap_or_default();
    cidrs("spec.cidrs", listed, problems)
}

fn cidrs(field: &str, texts: &[String], problems: &mut Problems) -> Vec<IpNet> {
    let mut found = Vec::new();
    for (index, cidr) in texts.iter().enumerate() {
        match parse_cidr(cidr) {
            Some(net) => found.push(net),
            None => problems.add_with(format_args!("{field}[{index}]"), || {
                format!("{} is not a CIDR; it is ignored", quoted(cidr))
            }),
        }
    }
    found
}
