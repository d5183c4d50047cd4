//! Does a flow get what kube-proxy gives it? Every golden flow to a Service address, from each kind of source.

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod golden;

use golden::{cases, event, events};
use k8s_openapi::api::{
    core::v1::{Node as ApiNode, Service},
    discovery::v1::EndpointSlice,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};
use weir_control::Store;
use weir_core::{Family, FrontendKind, Node, Origin, ServicePort, Traffic, Verdict};

/// The network of the vectors (conformance/FORMAT.md, "Flow").
struct Network {
    node: IpAddr,
    other_node: IpAddr,
    pod: IpAddr,
    outside: IpAddr,
    blocked: IpAddr,
}

impl Network {
    fn of(family: Family) -> Self {
        let [node, other_node, pod, outside, blocked] = match family {
            Family::V4 => ["192.168.0.2", "192.168.1.2", "10.244.9.9", "203.0.113.2", "203.0.113.130"],
            Family::V6 => {
                ["2001:db8::1", "2001:db8:1::2", "fd00:10:244::9:9", "2001:db8:f::2", "2001:db8:f::8002"]
            }
        }
        .map(|ip| ip.parse().unwrap());
        Self { node, other_node, pod, outside, blocked }
    }

    fn origin(&self, source: IpAddr, pods_are_known: bool) -> Origin {
        let pods: ipnet::IpNet =
            if source.is_ipv4() { "10.244.0.0/16" } else { "fd00:10:244::/48" }.parse().unwrap();
        match source {
            _ if source == self.node || source == self.other_node || source.is_loopback() => Origin::Node,
            _ if pods_are_known && pods.contains(&source) => Origin::Pod,
            _ => Origin::Outside,
        }
    }
}

/// The ports of a case, and the node that serves them.
fn served(case: &Value) -> (Vec<Arc<ServicePort>>, Arc<Node>) {
    let mut store = Store::new(case["node"]["name"].as_str().unwrap());
    let addresses: Vec<Value> = Family::ALL
        .map(|family| json!({ "type": "InternalIP", "address": Network::of(family).node }))
        .to_vec();
    let metadata = json!({ "name": case["node"]["name"], "labels": case["node"]["labels"] });
    store.apply(event::<ApiNode>(&json!({ "metadata": metadata, "status": { "addresses": addresses } })));
    let (services, slices) = (&case["services"], &case["endpointSlices"]);
    let objects = [events::<Service>(services), events::<EndpointSlice>(slices)];
    objects.into_iter().flatten().for_each(|event| store.apply(event));
    let snapshot = store.commit().snapshot;
    let ports = snapshot.services().flat_map(|service| service.ports.iter().cloned()).collect();
    (ports, snapshot.node)
}

/// Which port, and which kind of its addresses, a destination belongs to. A VIP that is an external IP too is guarded as
/// a VIP (semantics A8); node addresses come last.
fn find<'a>(
    ports: &'a [Arc<ServicePort>],
    destination: SocketAddr,
    protocol: &str,
) -> Option<(&'a ServicePort, FrontendKind)> {
    let network = Network::of(Family::of(destination.ip()));
    let of_protocol = || {
        let family = Family::of(destination.ip());
        ports.iter().filter(move |port| port.family == family && port.key.protocol.as_str() == protocol)
    };
    let by_address = of_protocol().filter(|port| port.port.get() == destination.port()).find_map(|port| {
        let ip = destination.ip();
        let kinds = [
            (FrontendKind::ClusterIp, port.cluster_ip == ip),
            (FrontendKind::LoadBalancerIp, port.load_balancer_ips.contains(&ip)),
            (FrontendKind::ExternalIp, port.external_ips.contains(&ip)),
        ];
        kinds.into_iter().find(|(_, is)| *is).map(|(kind, _)| (&**port, kind))
    });
    by_address.or_else(|| {
        let is_node = [network.node, network.other_node].contains(&destination.ip());
        let node_port = |port: &&Arc<ServicePort>| {
            port.node_port.is_some_and(|number| number.get() == destination.port())
        };
        of_protocol().filter(|_| is_node).find(node_port).map(|port| (&**port, FrontendKind::NodePort))
    })
}

/// What a flow gets, as the vectors write it when the client's address is not looked at.
fn answer(port: &ServicePort, kind: FrontendKind, source: IpAddr, origin: Origin, node: &Node) -> Value {
    let admitted = port.sources(kind, node).is_none_or(|nets| nets.iter().any(|net| net.contains(&source)));
    match port.verdict(kind, origin) {
        _ if !admitted => "DROP".into(),
        Verdict::Drop => "DROP".into(),
        Verdict::Reject => "REJECT".into(),
        Verdict::Endpoint(traffic) => endpoints(port, traffic),
    }
}

fn endpoints(port: &ServicePort, traffic: Traffic) -> Value {
    let set = port.endpoints(traffic).into_iter().flat_map(weir_core::EndpointSet::iter);
    json!(set.map(|endpoint| endpoint.address.to_string()).collect::<BTreeSet<_>>())
}

/// The vectors' answer in the same form; `None` where no Service address was dialled (NONE).
fn expected(port: &ServicePort, result: &Value) -> Option<Value> {
    match result.as_str() {
        Some("NONE") => None,
        Some("DROP" | "REJECT") => Some(result.clone()),
        Some(list) => {
            let traffic = if list.starts_with("cluster") { Traffic::Cluster } else { Traffic::Local };
            Some(endpoints(port, traffic))
        }
        None => {
            let of = |key: &str| result[key].as_array().unwrap().iter().map(|text| text.as_str().unwrap());
            Some(json!(of("masq").chain(of("plain")).collect::<BTreeSet<_>>()))
        }
    }
}

#[test]
fn every_golden_flow_to_a_service_address_gets_kube_proxys_answer() {
    let (mut compared, mut failures) = (0, Vec::new());
    for case in ["curated.json", "random.json"].into_iter().flat_map(cases) {
        let (ports, node) = served(&case);
        let pods_are_known = case["config"]["noDetectLocal"] != true;
        let flows = ["IPv4", "IPv6"].map(|family| case["expect"][family]["flows"].as_array().cloned());
        for flow in flows.into_iter().flatten().flatten() {
            let (destination, protocol) = flow["dst"].as_str().unwrap().split_once('/').unwrap();
            let destination: SocketAddr = destination.parse().unwrap();
            let network = Network::of(Family::of(destination.ip()));
            let Some((port, kind)) = find(&ports, destination, protocol) else { continue };
            let sources = match flow["src"].as_str() {
                Some(source) => vec![(source.parse().unwrap(), &flow["result"])],
                None => vec![
                    (network.pod, &flow["pod"]),
                    (network.node, &flow["node"]),
                    (network.outside, &flow["ext"]),
                    (network.blocked, &flow["blocked"]),
                ],
            };
            for (source, result) in sources {
                let Some(want) = expected(port, result) else { continue };
                let got = answer(port, kind, source, network.origin(source, pods_are_known), &node);
                compared += 1;
                if got != want {
                    failures
                        .push(format!("{}: {source} to {}: want {want}, got {got}", case["id"], flow["dst"]));
                }
            }
        }
    }
    assert!(compared > 4500, "only {compared} flows were compared");
    assert!(failures.is_empty(), "{} of {compared} flows differ:\n{}", failures.len(), failures.join("\n"));
}
