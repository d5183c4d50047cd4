//! Which addresses does a Service have? What an author did not write is completed as an API server does (semantics A1-A6).

use super::super::problems::Problems;
use crate::{
    Problem,
    model::quoted,
    translate::{
        did_you_mean,
        settings::{ANNOTATION_PREFIX, EXTERNAL_IPS},
    },
};
use ipnet::IpNet;
use k8s_openapi::api::core::v1::{Service as ApiService, ServiceSpec};
use std::{borrow::Cow, net::IpAddr};
use weir_core::{
    Family, PerFamily,
    address::{parse_cidr, parse_ip},
};

/// Cluster IP of a Service that is not headless; `None` if it has none. Out of several the first counts.
pub(super) fn cluster_ip(spec: &ServiceSpec) -> Option<&str> {
    let several = spec.cluster_ips.as_deref().unwrap_or_default();
    let one = spec.cluster_ip.as_deref().filter(|ip| !ip.is_empty());
    one.or_else(|| several.first().map(String::as_str)).filter(|ip| !ip.is_empty())
}

/// Cluster IPs in the order of `ipFamilies`.
struct ClusterIps<'a> {
    field: &'static str,
    texts: Cow<'a, [String]>,
}

impl<'a> ClusterIps<'a> {
    /// `clusterIPs`, and `clusterIP` where the list was not written at all. An empty list was written.
    fn of(spec: &'a ServiceSpec) -> Self {
        let no_families = spec.ip_families.as_ref().is_none_or(Vec::is_empty);
        match (&spec.cluster_ips, &spec.cluster_ip) {
            (Some(several), Some(one)) if no_families && several.first() != Some(one) => Self::one(one),
            (Some(several), _) => Self { field: "spec.clusterIPs", texts: Cow::Borrowed(several) },
            (None, one) => Self::one(one.as_deref().unwrap_or_default()),
        }
    }

    fn one(text: &str) -> Self {
        Self { field: "spec.clusterIP", texts: vec![text.to_owned()].into() }
    }

    /// Path of the cluster IP at an index.
    fn field(&self, index: usize) -> String {
        match self.field {
            field @ "spec.clusterIP" => field.to_owned(),
            list => format!("{list}[{index}]"),
        }
    }

    fn read(&self, index: usize, text: &str, problems: &Problems) -> Result<IpAddr, Problem> {
        let refused =
            || problems.refusal(self.field(index), format_args!("{} is not an IP address", quoted(text)));
        parse_ip(text).ok_or_else(refused)
    }
}

pub(super) fn cluster_ips(
    spec: &ServiceSpec,
    problems: &mut Problems,
) -> Result<PerFamily<Option<IpAddr>>, Problem> {
    let mut found = PerFamily::<Option<IpAddr>>::default();
    let cluster_ips = ClusterIps::of(spec);
    if let (Some(one), Some([first, ..])) = (&spec.cluster_ip, spec.cluster_ips.as_deref())
        && !one.is_empty()
        && one != first
    {
        problems
            .add("spec.clusterIPs[0]", format_args!("{} is not clusterIP, {}", quoted(first), quoted(one)));
    }
    let families = families(spec, problems)?;
    for (index, text) in cluster_ips.texts.iter().enumerate() {
        // An address that has no family is not served (semantics A1): one that none was written for has its own.
        let Some(family) =
            families.as_ref().map_or(Some(None), |families| families.get(index).copied().map(Some))
        else {
            let message = format_args!("{} has no family in spec.ipFamilies; it is not served", quoted(text));
            problems.add(cluster_ips.field(index), message);
            continue;
        };
        let ip = cluster_ips.read(index, text, problems)?;
        let family = family.unwrap_or(Family::of(ip));
        if Family::of(ip) != family {
            let message = format_args!("{ip} is not an {family} address");
            return Err(problems.refusal(cluster_ips.field(index), message));
        }
        found.get_mut(family).get_or_insert(ip);
    }
    for (index, family) in families.iter().flatten().enumerate().skip(cluster_ips.texts.len()) {
        let message = format_args!(
            "{family} has no address in spec.clusterIPs, where an API server writes one; nothing is served over {family}"
        );
        problems.add(format_args!("spec.ipFamilies[{index}]"), message);
    }
    Ok(found)
}

/// Families that were written; `None` if none was.
fn families(spec: &ServiceSpec, problems: &Problems) -> Result<Option<Vec<Family>>, Problem> {
    let written = spec.ip_families.as_deref().unwrap_or_default();
    let mut families = Vec::with_capacity(written.len());
    for (index, word) in written.iter().enumerate() {
        match Family::ALL.into_iter().find(|known| known.as_str() == word) {
            Some(family) => families.push(family),
            None => {
                let known = Family::ALL.map(Family::as_str);
                let message = format!("{} is not IPv4 or IPv6{}", quoted(word), did_you_mean(word, &known));
                return Err(problems.refusal(format_args!("spec.ipFamilies[{index}]"), message));
            }
        }
    }
    Ok((!families.is_empty()).then_some(families))
}

fn not_an_address(text: &str) -> String {
    format!("{} is not an IP address; it is ignored", quoted(text))
}

/// External IPs in one annotation; more are ignored.
const MAX_ANNOTATED: usize = 64;

/// Reads the external IPs of the annotation, comma separated. Each that cannot be read is reported and left out.
pub(super) fn annotated_external_ips(text: &str, problems: &mut Problems) -> Vec<IpAddr> {
    let field = || format!("metadata.annotations[{ANNOTATION_PREFIX}{EXTERNAL_IPS}]");
    let mut entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let mut found = Vec::new();
    for entry in entries.by_ref().take(MAX_ANNOTATED) {
        match parse_ip(entry) {
            Some(ip) => found.push(ip),
            None => problems.add_with(field(), || not_an_address(entry)),
        }
    }
    if entries.next().is_some() {
        let message =
            format_args!("has more than {MAX_ANNOTATED} addresses; the first {MAX_ANNOTATED} count");
        problems.add(field(), message);
    }
    found
}

/// Addresses of `spec.externalIPs`, then those of the annotation that are not among them.
pub(super) fn external_ips(
    spec: &ServiceSpec,
    annotated: Vec<IpAddr>,
    problems: &mut Problems,
) -> PerFamily<Box<[IpAddr]>> {
    let mut found = PerFamily::<Vec<IpAddr>>::default();
    for (index, text) in spec.external_ips.iter().flatten().enumerate() {
        match parse_ip(text.trim()) {
            Some(ip) => found.get_mut(Family::of(ip)).push(ip),
            None if text.trim().is_empty() => {}
            None => {
                problems.add_with(format_args!("spec.externalIPs[{index}]"), || not_an_address(text));
            }
        }
    }
    for ip in annotated {
        let known = found.get_mut(Family::of(ip));
        if !known.contains(&ip) {
            known.push(ip);
        }
    }
    found.map(Vec::into_boxed_slice)
}

pub(super) fn load_balancer_ips(object: &ApiService, problems: &mut Problems) -> PerFamily<Box<[IpAddr]>> {
    let mut found = PerFamily::<Vec<IpAddr>>::default();
    let status = object.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let ingress = status.and_then(|load_balancer| load_balancer.ingress.as_deref()).unwrap_or_default();
    for (index, ingress) in ingress.iter().enumerate() {
        let text = ingress.ip.as_deref().unwrap_or_default();
        // With ipMode Proxy the load balancer rewrites the destination: weir does not answer at the address.
        if text.is_empty() || !matches!(ingress.ip_mode.as_deref(), None | Some("VIP")) {
            continue;
        }
        match parse_ip(text) {
            Some(ip) => found.get_mut(Family::of(ip)).push(ip),
            None => {
                let field = format_args!("status.loadBalancer.ingress[{index}].ip");
                problems.add_with(field, || not_an_address(text));
            }
        }
    }
    found.map(Vec::into_boxed_slice)
}

pub(super) fn source_ranges(spec: &ServiceSpec, problems: &mut Problems) -> PerFamily<Box<[IpNet]>> {
    let mut found = PerFamily::<Vec<IpNet>>::default();
    for (index, text) in spec.load_balancer_source_ranges.iter().flatten().enumerate() {
        match parse_cidr(text.trim()) {
            Some(net) => found.get_mut(Family::of(net.addr())).push(net),
            None if text.trim().is_empty() => {}
            None => {
                let message = || format!("{} is not a CIDR; it is ignored", quoted(text));
                problems.add_with(format_args!("spec.loadBalancerSourceRanges[{index}]"), message);
            }
        }
    }
    for family in Family::ALL {
        let ranges = found.get_mut(family);
        if ranges.iter().any(|net| net.prefix_len() == 0) {
            ranges.clear();
        }
    }
    found.map(Vec::into_boxed_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, Object, Scope, translate::translate};
    use serde_json::json;
    use weir_core::Service;

    /// The Service of an annotation, an external IP of its spec and a policy, and what is wrong with it.
    fn translated(annotation: &str, policy: &str) -> (Service, Vec<String>) {
        let service: ApiService = serde_json::from_value(json!({
            "metadata": { "name": "web", "annotations": { "weir.dev/external-ips": annotation } },
            "spec": {
                "clusterIP": "10.96.0.10", "ports": [{ "port": 80 }], "externalTrafficPolicy": policy,
                "externalIPs": if policy == "Cluster" { json!(["203.0.113.7"]) } else { json!([]) },
            },
        }))
        .unwrap();
        let translation = translate(&service, &Scope::default());
        let Event::Put(_, Object::Service(service)) = translation.event else { panic!() };
        (*service, translation.problems.iter().map(ToString::to_string).collect())
    }

    fn texts(ips: &[IpAddr]) -> Vec<String> {
        ips.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn annotated_external_ips_come_after_those_of_the_spec_and_each_once() {
        let (service, problems) =
            translated(" 203.0.113.8,2001:db8::7 ,203.0.113.7,, ::ffff:203.0.113.8", "Cluster");
        assert_eq!(texts(&service.external_ips.v4), ["203.0.113.7", "203.0.113.8"]);
        assert_eq!((texts(&service.external_ips.v6), problems), (vec!["2001:db8::7".to_owned()], vec![]));
    }

    #[test]
    fn what_is_no_address_is_reported_and_the_others_count() {
        let (service, problems) = translated("web.example,203.0.113.8,203.0.113.0/24", "Cluster");
        assert_eq!(texts(&service.external_ips.v4), ["203.0.113.7", "203.0.113.8"]);
        let field = "Service default/web: metadata.annotations[weir.dev/external-ips]";
        let said = |text: &str| format!("{field}: \"{text}\" is not an IP address; it is ignored");
        assert_eq!(problems, [said("web.example"), said("203.0.113.0/24")]);
        let (_, problems) = translated(&"x".repeat(100_000), "Cluster");
        assert!(problems.len() == 1 && problems[0].len() < 400, "{problems:?}");
    }

    #[test]
    fn a_list_without_end_is_cut() {
        let many: Vec<String> =
            (0..1000).map(|number| format!("198.51.{}.{}", number / 256, number % 256)).collect();
        let (service, problems) = translated(&many.join(","), "Cluster");
        assert_eq!(service.external_ips.v4.len(), 1 + MAX_ANNOTATED);
        assert!(problems.len() == 1 && problems[0].contains("more than 64 addresses"), "{problems:?}");
    }

    #[test]
    fn an_annotated_external_ip_makes_the_external_policy_count_as_one_of_the_spec_does() {
        assert!(translated("203.0.113.8", "Local").0.external_local);
        assert!(!translated("nonsense", "Local").0.external_local);
        assert!(!translated("", "Local").0.external_local);
    }
}
