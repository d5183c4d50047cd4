//! What do the tests serve?

use std::net::IpAddr;
use weir_core::{Node, Protocol, Service, ServiceKey, Snapshot};
use weir_testkit::services::{self, port};
pub(crate) use weir_testkit::services::{NODE, TestService};

/// The node.
pub(crate) fn node() -> Node {
    let internal_ips = ["10.9.0.1", "fd00:9::1"].map(|text| text.parse().unwrap()).to_vec();
    Node { known: true, internal_ips, ..Node::named(NODE) }
}

/// A Service with port 80 of TCP and UDP, and one endpoint of each family on another node.
pub(crate) fn service(name: &str, cluster_ips: [&str; 2]) -> TestService {
    let [v4, v6] = cluster_ips.map(|text| text.parse::<IpAddr>().unwrap());
    let ports = [Protocol::Tcp, Protocol::Udp].map(|protocol| port(protocol, 80)).to_vec();
    let mut service = Service::new(ServiceKey::new("default", name), v4, ports);
    service.cluster_ips.v6 = Some(v6);
    let endpoints = ["10.244.0.2:8080", "[fd00:244::2]:8080"].map(|address| address.parse().unwrap());
    TestService::new(service).with(&endpoints).on_node("node-b")
}

/// What the node serves for these Services.
pub(crate) fn snapshot(services: &[&TestService]) -> Snapshot {
    services::snapshot(&node(), services)
}
