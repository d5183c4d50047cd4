//! What do the tests serve?

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU16,
    sync::Arc,
};
use weir_core::{
    Conditions, EndpointSlice, Family, Node, PortSpec, Protocol, Service, ServiceKey, SliceEndpoint,
    SlicePort, Snapshot, serve,
};

/// The node's name.
pub(crate) const NODE: &str = "node-a";

/// The node.
pub(crate) fn node() -> Node {
    let internal_ips = ["10.9.0.1", "fd00:9::1"].map(|text| text.parse().unwrap()).to_vec();
    Node { known: true, internal_ips, ..Node::named(NODE) }
}

/// A Service that a test can change before it is served.
#[derive(Clone)]
pub(crate) struct TestService {
    pub(crate) service: Service,
    /// With the nodes that they are on.
    pub(crate) endpoints: Vec<(SocketAddr, &'static str)>,
}

/// A Service with port 80 of TCP and UDP, and one endpoint of each family on another node.
pub(crate) fn service(name: &str, cluster_ips: [&str; 2]) -> TestService {
    let [v4, v6] = cluster_ips.map(|text| text.parse::<IpAddr>().unwrap());
    let ports = [Protocol::Tcp, Protocol::Udp].map(|protocol| port(protocol, 80)).to_vec();
    let mut service = Service::new(ServiceKey::new("default", name), v4, ports);
    service.cluster_ips.v6 = Some(v6);
    TestService { service, endpoints: Vec::new() }.with_endpoints_on("node-b")
}

fn port(protocol: Protocol, port: u16) -> PortSpec {
    let name = format!("{protocol}-{port}").to_lowercase().into();
    PortSpec { name, protocol, port: NonZeroU16::new(port).unwrap(), node_port: None }
}

impl TestService {
    pub(crate) fn with_endpoints_on(mut self, node: &'static str) -> Self {
        self.endpoints = ["10.244.0.2:8080", "[fd00:244::2]:8080"]
            .map(|address| (address.parse().unwrap(), node))
            .to_vec();
        self
    }

    pub(crate) fn without_endpoints(mut self) -> Self {
        self.endpoints.clear();
        self
    }

    pub(crate) fn with_port(mut self, protocol: Protocol, number: u16) -> Self {
        self.service.ports.push(port(protocol, number));
        self
    }

    pub(crate) fn with_node_port(mut self, number: u16) -> Self {
        for port in &mut self.service.ports {
            port.node_port = NonZeroU16::new(number);
        }
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Service)) -> Self {
        change(&mut self.service);
        self
    }

    fn slices(&self) -> Vec<EndpointSlice> {
        let ports = self.service.ports.iter();
        let of_port = |spec: &PortSpec| SlicePort {
            name: Arc::clone(&spec.name),
            protocol: spec.protocol,
            port: NonZeroU16::new(8080).unwrap(),
        };
        let ports: Vec<SlicePort> = ports.map(of_port).collect();
        let slice = |(index, (address, node)): (usize, &(SocketAddr, &str))| EndpointSlice {
            name: format!("slice-{index}").into(),
            service: self.service.key.clone(),
            family: Family::of(address.ip()),
            ports: ports.clone(),
            endpoints: vec![SliceEndpoint {
                ip: address.ip(),
                conditions: Conditions::default(),
                node: Some((*node).into()),
                zone: None,
                hints: Arc::default(),
            }],
        };
        self.endpoints.iter().enumerate().map(slice).collect()
    }
}

/// What the node serves for these Services.
pub(crate) fn snapshot(services: &[&TestService]) -> Snapshot {
    let node = node();
    let mut snapshot = Snapshot::of(node.clone());
    for service in services {
        snapshot.insert(Arc::new(serve(&service.service, &service.slices(), &node)));
    }
    snapshot
}
