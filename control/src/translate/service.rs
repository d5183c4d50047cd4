//! What does a core/v1 Service ask for? (semantics S1-S4, A1-A6, P1, P5, F1, H1)

mod addresses;

use super::{
    metadata::{check_name, labels, text},
    nearest::did_you_mean,
    problems::Problems,
    settings,
    translation::Translate,
};
use crate::{Kind, LeftOut, Object, Problem, SERVICE_PROXY_NAME, Scope, model::quoted};
use addresses::{
    annotated_external_ips, cluster_ip, cluster_ips, external_ips, load_balancer_ips, source_ranges,
};
use k8s_openapi::{
    api::core::v1::{Service as ApiService, ServiceSpec},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use std::{fmt::Display, sync::Arc, time::Duration};
use weir_core::{CreationTime, NoLocalEndpoints, PortSpec, Protocol, Service, ServiceKey, Settings};

/// Default of `sessionAffinityConfig.clientIP.timeoutSeconds` in the API, in seconds.
const AFFINITY_TIMEOUT: i32 = 10_800;

/// Ports of a Service whose names are compared with each other.
const MAX_COMPARED: usize = 100;

impl Translate for ApiService {
    const KIND: Kind = Kind::Service;

    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn object(&self, scope: &Scope, problems: &mut Problems) -> Result<Object, Problem> {
        service(self, scope, problems).map(|service| Object::Service(Box::new(service)))
    }
}

fn service(object: &ApiService, scope: &Scope, problems: &mut Problems) -> Result<Service, Problem> {
    let labelled = labels(&object.metadata).get(SERVICE_PROXY_NAME);
    if labelled != scope.selection.service_proxy_name.as_ref() {
        return Err(of_another_proxy(labelled, problems));
    }
    let Some(spec) = &object.spec else {
        return Err(problems.left_out(LeftOut::NoPorts, "spec", "is missing; the Service is left out"));
    };
    check_has_address(spec, problems)?;
    check_words(spec, problems);
    let (settings, external_ips_text) = settings::settings(&object.metadata, &scope.defaults, problems);
    let annotated = annotated_external_ips(&external_ips_text, problems);
    let external_local = is_external_local(spec, !annotated.is_empty());
    let ports = ports(spec, problems)?;
    report_unchecked(&settings, &ports, problems);
    report_never_passing(&settings, external_local, problems);
    let key = object.key();
    Ok(Service {
        key: ServiceKey { namespace: key.namespace, name: key.name },
        created: created(&object.metadata),
        cluster_ips: cluster_ips(spec, problems)?,
        external_ips: external_ips(spec, annotated, problems),
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
        labels: labels(&object.metadata)
            .iter()
            .map(|(key, value)| (text(Some(key)), text(Some(value))))
            .collect(),
    })
}

fn of_another_proxy(labelled: Option<&String>, problems: &Problems) -> Problem {
    let field = format_args!("metadata.labels[{SERVICE_PROXY_NAME}]");
    let message = match labelled {
        Some(name) => format!("hands the Service to the proxy {}; it is left out", quoted(name)),
        None => "is missing, and this weir serves only Services with --service-proxy-name; it is left out"
            .to_owned(),
    };
    problems.left_out(LeftOut::OtherProxy, field, message)
}

/// Leaves out a Service without an address of its own (semantics S2, S3).
fn check_has_address(spec: &ServiceSpec, problems: &Problems) -> Result<(), Problem> {
    if spec.type_.as_deref() == Some("ExternalName") {
        let message =
            "ExternalName is a matter of DNS: there is nothing to serve, and the Service is left out";
        return Err(problems.left_out(LeftOut::ExternalName, "spec.type", message));
    }
    match cluster_ip(spec) {
        Some("None") => {
            let message = "None: a headless Service has no address to serve; clients dial its endpoints. It is left out";
            Err(problems.left_out(LeftOut::Headless, "spec.clusterIP", message))
        }
        None => {
            let message = "is missing, where an API server would allocate an address; the Service is left out. Write one, \
                           or take the object from a cluster (kubectl get service -o yaml)";
            Err(problems.left_out(LeftOut::NoClusterIp, "spec.clusterIP", message))
        }
        Some(_) => Ok(()),
    }
}

/// Reports words that an API server would refuse, and values that it would write.
fn check_words(spec: &ServiceSpec, problems: &mut Problems) {
    let types = ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"];
    problems.check_word("spec.type", spec.type_.as_deref(), &types, "the Service counts as ClusterIP");
    let affinity = spec.session_affinity.as_deref();
    problems.check_word("spec.sessionAffinity", affinity, &["ClientIP", "None"], "there is no affinity");
    for (field, policy) in [
        ("spec.internalTrafficPolicy", &spec.internal_traffic_policy),
        ("spec.externalTrafficPolicy", &spec.external_traffic_policy),
    ] {
        problems.check_word(field, policy.as_deref(), &["Cluster", "Local"], "it counts as Cluster");
    }
    let policies = ["SingleStack", "PreferDualStack", "RequireDualStack"];
    problems.check_word("spec.ipFamilyPolicy", spec.ip_family_policy.as_deref(), &policies, "it is ignored");
    let ports = spec.ports.as_deref().unwrap_or_default();
    if ports.is_empty() {
        problems.add("spec.ports", "is empty; nothing is served");
    }
    for (index, port) in ports.iter().enumerate().skip(1) {
        let name = port.name.as_deref().unwrap_or_default();
        // A list of thousands of ports is not compared with itself.
        if ports
            .iter()
            .take(index.min(MAX_COMPARED))
            .any(|other| other.name.as_deref().unwrap_or_default() == name)
        {
            let message =
                || format!("{} is the name of another port, too, which an API server refuses", quoted(name));
            problems.add_with(format_args!("spec.ports[{index}].name"), message);
        }
    }
    if spec.type_.as_deref() == Some("LoadBalancer")
        && is_external_local(spec, false)
        && spec.health_check_node_port.is_none()
    {
        let message = "is missing, where an API server would allocate a port; load balancers cannot ask for the health of \
                       this node";
        problems.add("spec.healthCheckNodePort", message);
    }
    let is_node_port = spec.type_.as_deref() == Some("NodePort");
    for (index, _) in ports.iter().enumerate().filter(|(_, port)| is_node_port && port.node_port.is_none()) {
        let message = "is missing, where an API server would allocate a port; no node port is served";
        problems.add(format_args!("spec.ports[{index}].nodePort"), message);
    }
}

/// Reports a setting that means nothing without local external traffic.
fn report_never_passing(settings: &Settings, external_local: bool, problems: &mut Problems) {
    if settings.no_local_endpoints == NoLocalEndpoints::Pass && !external_local {
        problems.add(
            "metadata.annotations[weir.dev/no-local-endpoints]",
            "means nothing unless externalTrafficPolicy is Local: all nodes use all endpoints",
        );
    }
}

/// Time of creation; unknown in files that no API server has written.
fn created(metadata: &ObjectMeta) -> CreationTime {
    metadata
        .creation_timestamp
        .as_ref()
        .map_or(CreationTime::UNKNOWN, |time| CreationTime::at(time.0.as_second()))
}

/// Whether externalTrafficPolicy is Local and counts. `is_annotated` says whether an annotation gives external IPs.
fn is_external_local(spec: &ServiceSpec, is_annotated: bool) -> bool {
    let externally_accessible = match spec.type_.as_deref() {
        Some("NodePort" | "LoadBalancer") => true,
        None | Some("ClusterIP") => {
            is_annotated || spec.external_ips.as_ref().is_some_and(|ips| !ips.is_empty())
        }
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

fn ports(spec: &ServiceSpec, problems: &mut Problems) -> Result<Vec<PortSpec>, Problem> {
    let listed = spec.ports.as_deref().unwrap_or_default();
    let mut ports: Vec<PortSpec> = Vec::with_capacity(listed.len());
    for (index, port) in listed.iter().enumerate() {
        let field = |name| format!("spec.ports[{index}].{name}");
        check_name(problems, field("name"), port.name.as_deref().unwrap_or_default())?;
        let spec = PortSpec {
            name: text(port.name.as_deref()),
            protocol: protocol(problems, field("protocol"), port.protocol.as_deref())?,
            port: problems.port(field("port"), port.port)?,
            node_port: problems.optional_port(field("nodePort"), port.node_port)?,
        };
        ports.push(spec);
    }
    Ok(ports)
}

/// Reads a protocol, which is TCP where it is not written.
pub(super) fn protocol(
    problems: &Problems,
    field: impl Display,
    word: Option<&str>,
) -> Result<Protocol, Problem> {
    let word = word.filter(|word| !word.is_empty()).unwrap_or("TCP");
    let meant = || did_you_mean(word, &["TCP", "UDP", "SCTP"]);
    word.parse::<Protocol>().map_err(|error| problems.refusal(field, format!("{error}{}", meant())))
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
