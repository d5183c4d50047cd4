//! What does a core/v1 Service ask for? (semantics S1-S4, A1-A6, P1, P5, F1, H1)

use super::{
    metadata::{labels, text},
    problems::Problems,
    settings,
    translation::Translate,
};
use crate::{Kind, Object, Problem, SERVICE_PROXY_NAME, Scope};
use ipnet::IpNet;
use k8s_openapi::{
    api::core::v1::{Service as ApiService, ServiceSpec},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use std::{net::IpAddr, sync::Arc, time::Duration};
use weir_core::{
    Family, PerFamily, PortSpec, Protocol, Service, ServiceKey, Settings,
    address::{parse_cidr, parse_ip},
};

/// Default of `sessionAffinityConfig.clientIP.timeoutSeconds` in the API, in seconds.
const AFFINITY_TIMEOUT: i32 = 10_800;

impl Translate for ApiService {
    const KIND: Kind = Kind::Service;

    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn object(&self, scope: &Scope, problems: &mut Problems) -> Result<Option<Object>, Problem> {
        Ok(service(self, scope, problems)?.map(|service| Object::Service(Box::new(service))))
    }
}

fn service(object: &ApiService, scope: &Scope, problems: &mut Problems) -> Result<Option<Service>, Problem> {
    let Some(spec) = &object.spec else { return Ok(None) };
    if labels(&object.metadata).get(SERVICE_PROXY_NAME) != scope.selection.service_proxy_name.as_ref() {
        return Ok(None);
    }
    let external_name = spec.type_.as_deref() == Some("ExternalName");
    if external_name || matches!(spec.cluster_ip.as_deref(), None | Some("" | "None")) {
        return Ok(None);
    }
    let external_local = is_external_local(spec);
    let settings = settings::settings(&object.metadata, &scope.defaults, problems);
    let ports = ports(spec, problems)?;
    report_unchecked(&settings, &ports, problems);
    let key = object.key();
    Ok(Some(Service {
        key: ServiceKey { namespace: key.namespace, name: key.name },
        cluster_ips: cluster_ips(spec, problems)?,
        external_ips: external_ips(spec, problems),
        load_balancer_ips: load_balancer_ips(object, problems),
        source_ranges: source_ranges(spec, problems),
        internal_local: spec.internal_traffic_policy.as_deref() == Some("Local"),
        external_local,
        affinity: affinity(spec, problems)?,
        health_check_node_port: if external_local && spec.type_.as_deref() == Some("LoadBalancer") {
            problems.optional_port("spec.healthCheckNodePort", spec.health_check_node_port)?
        } else {
            None
        },
        ports,
        settings: Arc::new(settings),
    }))
}

fn cluster_ips(spec: &ServiceSpec, problems: &Problems) -> Result<PerFamily<Option<IpAddr>>, Problem> {
    let mut found = PerFamily::default();
    let families = spec.ip_families.as_deref().unwrap_or_default();
    let cluster_ips = spec.cluster_ips.as_deref().unwrap_or_default();
    let read = |field: String, text: &str| {
        parse_ip(text).ok_or_else(|| problems.refusal(field, format_args!("{text:?} is not an IP address")))
    };
    if families.is_empty() {
        let ip = read("spec.clusterIP".into(), spec.cluster_ip.as_deref().unwrap_or_default())?;
        *found.get_mut(Family::of(ip)) = Some(ip);
        return Ok(found);
    }
    for (index, (family, cluster_ip)) in families.iter().zip(cluster_ips).enumerate() {
        let Some(family) = Family::ALL.into_iter().find(|known| known.as_str() == family) else {
            let message = format_args!("{family:?} is not IPv4 or IPv6");
            return Err(problems.refusal(format_args!("spec.ipFamilies[{index}]"), message));
        };
        let field = format!("spec.clusterIPs[{index}]");
        let ip = read(field.clone(), cluster_ip)?;
        if Family::of(ip) != family {
            return Err(problems.refusal(field, format_args!("{ip} is not an {family} address")));
        }
        found.get_mut(family).get_or_insert(ip);
    }
    Ok(found)
}

fn external_ips(spec: &ServiceSpec, problems: &mut Problems) -> PerFamily<Box<[IpAddr]>> {
    let mut found = PerFamily::<Vec<IpAddr>>::default();
    for (index, text) in spec.external_ips.iter().flatten().enumerate() {
        match parse_ip(text.trim()) {
            Some(ip) => found.get_mut(Family::of(ip)).push(ip),
            None if text.trim().is_empty() => {}
            None => {
                let message = format_args!("{text:?} is not an IP address; it is ignored");
                problems.add(format_args!("spec.externalIPs[{index}]"), message);
            }
        }
    }
    found.map(Vec::into_boxed_slice)
}

fn load_balancer_ips(object: &ApiService, problems: &mut Problems) -> PerFamily<Box<[IpAddr]>> {
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
                let message = format_args!("{text:?} is not an IP address; it is ignored");
                problems.add(format_args!("status.loadBalancer.ingress[{index}].ip"), message);
            }
        }
    }
    found.map(Vec::into_boxed_slice)
}

fn source_ranges(spec: &ServiceSpec, problems: &mut Problems) -> PerFamily<Box<[IpNet]>> {
    let mut found = PerFamily::<Vec<IpNet>>::default();
    for (index, text) in spec.load_balancer_source_ranges.iter().flatten().enumerate() {
        match parse_cidr(text.trim()) {
            Some(net) => found.get_mut(Family::of(net.addr())).push(net),
            None if text.trim().is_empty() => {}
            None => {
                let message = format_args!("{text:?} is not a CIDR; it is ignored");
                problems.add(format_args!("spec.loadBalancerSourceRanges[{index}]"), message);
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

fn is_external_local(spec: &ServiceSpec) -> bool {
    let externally_accessible = match spec.type_.as_deref() {
        Some("NodePort" | "LoadBalancer") => true,
        None | Some("ClusterIP") => spec.external_ips.as_ref().is_some_and(|ips| !ips.is_empty()),
        _ => false,
    };
    externally_accessible && spec.external_traffic_policy.as_deref() == Some("Local")
}

fn affinity(spec: &ServiceSpec, problems: &Problems) -> Result<Option<Duration>, Problem> {
    if spec.session_affinity.as_deref() != Some("ClientIP") {
        return Ok(None);
    }
    let config = spec.session_affinity_config.as_ref().and_then(|config| config.client_ip.as_ref());
    let seconds = config.and_then(|client_ip| client_ip.timeout_seconds).unwrap_or(AFFINITY_TIMEOUT);
    let seconds = u64::try_from(seconds).ok().filter(|&seconds| seconds > 0).ok_or_else(|| {
        let field = "spec.sessionAffinityConfig.clientIP.timeoutSeconds";
        problems.refusal(field, format_args!("{seconds} is not a time-out; it is 1 to 86400 seconds"))
    })?;
    Ok(Some(Duration::from_secs(seconds)))
}

fn ports(spec: &ServiceSpec, problems: &Problems) -> Result<Vec<PortSpec>, Problem> {
    let mut ports = Vec::with_capacity(spec.ports.as_ref().map_or(0, Vec::len));
    for (index, port) in spec.ports.iter().flatten().enumerate() {
        let field = |name| format!("spec.ports[{index}].{name}");
        let protocol = port.protocol.as_deref().unwrap_or("TCP").parse::<Protocol>();
        ports.push(PortSpec {
            name: text(port.name.as_deref()),
            protocol: protocol.map_err(|error| problems.refusal(field("protocol"), error))?,
            port: problems.port(field("port"), port.port)?,
            node_port: problems.optional_port(field("nodePort"), port.node_port)?,
        });
    }
    Ok(ports)
}

/// Reports ports that a health check leaves out: it connects, which only TCP can.
fn report_unchecked(settings: &Settings, ports: &[PortSpec], problems: &mut Problems) {
    if settings.health_check.is_some()
        && let Some(port) = ports.iter().find(|port| port.protocol != Protocol::Tcp)
    {
        let message = format_args!("is for TCP only; port {}/{} is not checked", port.port, port.protocol);
        problems.add("metadata.annotations[weir.dev/health-check]", message);
    }
}
