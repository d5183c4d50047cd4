//! Which Services does a test give to the data plane or to the rules, without a control plane that makes Snapshots?

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::num::NonZeroU16;
use std::sync::Arc;

use weir_core::{
    Conditions, EndpointSlice, Family, Node, PortSpec, Protocol, Service, Settings, SliceEndpoint, SlicePort,
    Snapshot, Weight, resolve,
};

/// Name of the node that tests run on.
pub const NODE: &str = "node-a";

/// A Service that a test can change before it goes into a Snapshot.
#[derive(Clone, Debug)]
pub struct TestService {
    /// The Service.
    pub service: Service,
    /// Address, conditions and node name of each endpoint.
    pub endpoints: Vec<(SocketAddr, Conditions, &'static str)>,
    /// Weights of endpoints that have another one than the default.
    pub weights: HashMap<SocketAddr, Weight>,
}

impl TestService {
    /// A Service without endpoints.
    pub fn new(service: Service) -> Self {
        Self { service, endpoints: Vec::new(), weights: HashMap::new() }
    }

    /// Gives the Service ready endpoints on [`NODE`] instead of those that it has.
    #[must_use]
    pub fn with(mut self, endpoints: &[SocketAddr]) -> Self {
        self.endpoints = endpoints.iter().map(|&address| (address, Conditions::default(), NODE)).collect();
        self
    }

    /// Moves all endpoints to a node.
    #[must_use]
    pub fn on_node(mut self, node: &'static str) -> Self {
        self.endpoints.iter_mut().for_each(|(_, _, on)| *on = node);
        self
    }

    /// Gives an endpoint a weight.
    #[must_use]
    pub fn with_weight(mut self, endpoint: SocketAddr, weight: u16) -> Self {
        self.weights.insert(endpoint, Weight::new(weight));
        self
    }

    /// Takes all endpoints away.
    #[must_use]
    pub fn without_endpoints(mut self) -> Self {
        self.endpoints.clear();
        self
    }

    /// Adds a port to the Service.
    ///
    /// # Panics
    /// When `number` is 0.
    #[must_use]
    pub fn with_port(mut self, protocol: Protocol, number: u16) -> Self {
        self.service.ports.push(port(protocol, number));
        self
    }

    /// Gives every port of the Service this node port.
    #[must_use]
    pub fn with_node_port(mut self, number: u16) -> Self {
        self.service.ports.iter_mut().for_each(|port| port.node_port = NonZeroU16::new(number));
        self
    }

    /// Changes the Service.
    #[must_use]
    pub fn edited(mut self, edit: impl FnOnce(&mut Service)) -> Self {
        edit(&mut self.service);
        self
    }

    /// The Service's settings, to be changed.
    pub fn settings(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.service.settings)
    }

    /// Cluster IP and first port of the Service.
    ///
    /// # Panics
    /// When the Service has no cluster IP or no port.
    pub fn address(&self) -> SocketAddr {
        let ips = &self.service.cluster_ips;
        let ip = ips.v4.or(ips.v6).expect("a test's Service has a cluster IP");
        SocketAddr::new(ip, self.service.ports[0].port.get())
    }

    /// A slice for each endpoint, in which every port of the Service leads to the port of the endpoint's address.
    ///
    /// # Panics
    /// When an endpoint's address has port 0.
    pub fn slices(&self) -> Vec<EndpointSlice> {
        self.endpoints.iter().enumerate().map(|(index, endpoint)| self.slice(index, endpoint)).collect()
    }

    fn slice(
        &self,
        index: usize,
        &(address, conditions, node): &(SocketAddr, Conditions, &str),
    ) -> EndpointSlice {
        let port = NonZeroU16::new(address.port()).expect("a test's endpoint has a port");
        let ports = self.service.ports.iter();
        EndpointSlice {
            weight: self.weights.get(&address).copied().unwrap_or_default(),
            name: format!("slice-{index}").into(),
            service: self.service.key.clone(),
            family: Family::of(address.ip()),
            ports: ports
                .map(|spec| SlicePort { name: Arc::clone(&spec.name), protocol: spec.protocol, port })
                .collect(),
            endpoints: vec![SliceEndpoint {
                ip: address.ip(),
                conditions,
                is_pod: true,
                node: Some(node.into()),
                zone: None,
                hints: Arc::default(),
            }],
        }
    }
}

/// A port of a Service, named as in `tcp-80`, without a node port.
///
/// # Panics
/// When `number` is 0.
pub fn port(protocol: Protocol, number: u16) -> PortSpec {
    let name = format!("{protocol}-{number}").to_lowercase().into();
    let port = NonZeroU16::new(number).expect("no Service has port 0");
    PortSpec { name, protocol, port, node_port: None }
}

/// The first Snapshot of a node that serves these Services.
pub fn snapshot(node: &Node, services: &[&TestService]) -> Snapshot {
    let mut snapshot = Snapshot::of(node.clone());
    for service in services {
        snapshot.insert(Arc::new(resolve(&service.service, &service.slices(), node)));
    }
    snapshot.generation = 1;
    snapshot
}

/// A port of an address of this host that no socket of the protocol has at this moment.
///
/// # Panics
/// When the host does not have the address, or no port of it is free.
pub fn free_port(protocol: Protocol, ip: IpAddr) -> NonZeroU16 {
    let bound = match protocol {
        Protocol::Udp => UdpSocket::bind((ip, 0)).and_then(|socket| socket.local_addr()),
        _ => TcpListener::bind((ip, 0)).and_then(|listener| listener.local_addr()),
    };
    let address = bound.unwrap_or_else(|error| panic!("no free port at {ip}: {error}"));
    NonZeroU16::new(address.port()).expect("a bound socket has a port")
}
