//! How is a data plane set up?

use crate::{sys::marks::Marks, telemetry::connection_log::ConnectionLog};
use std::num::NonZeroUsize;
use weir_core::{NodePortAddresses, Pods, PortRange};

/// The set-up of a data plane.
#[derive(Clone, Debug)]
pub struct Config {
    /// Worker threads. Each accepts, relays and closes connections of its own.
    pub workers: NonZeroUsize,
    /// Addresses at which node ports are served.
    pub node_port_addresses: NodePortAddresses,
    /// Whether cluster IPs that are not local are served at stable addresses in 127/8.
    pub map_loopback: bool,
    /// Descriptors that connections, flows, listening sockets and pipes of all workers may take. The rest of
    /// RLIMIT_NOFILE is for other parts of the process.
    pub descriptors: usize,
    /// TCP connections of all workers at most, each with two descriptors. When few are left, the Service that has most
    /// connections is refused first.
    pub max_connections: usize,
    /// Bytes that relays of all workers may hold between reading and writing. At the limit relays read only what can be
    /// written at once. Bytes in sockets and pipes belong to the kernel and do not count.
    pub relay_memory: usize,
    /// Listening sockets of all workers at most.
    pub listener_budget: usize,
    /// UDP flows of all workers at most, each with one descriptor.
    pub udp_flows: usize,
    /// Node mode, in which rules of this host bring packets to capture sockets; `None` binds a socket for each Service
    /// address.
    pub node_mode: Option<NodeMode>,
    /// Log of connections and flows that have ended; `None` for none, which costs nothing.
    pub connection_log: Option<ConnectionLog>,
}

/// Properties of the rules that bring packets of clients to the data plane (`--mode node`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeMode {
    /// Marks of packets that the data plane sends.
    pub marks: Marks,
    /// How clients are recognised as pods.
    pub pods: Pods,
    /// Whether endpoints see the node's address in all traffic to cluster IPs (`--masquerade-all`).
    pub masquerade_all: bool,
    /// Ports of sockets that have a client's address, none of them privileged (`--source-ports`). Those that this host
    /// reserves (`net.ipv4.ip_local_reserved_ports`) are not used, nor those of tunnels.
    pub source_ports: Vec<PortRange>,
}

impl Default for Config {
    /// One worker for each core that is available.
    fn default() -> Self {
        Self::with_workers(std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }
}

impl Config {
    /// Creates a configuration whose limits follow from the descriptors that this process may open. UDP flows may take
    /// a quarter of them: senders with many addresses must not displace TCP connections.
    pub fn with_workers(workers: NonZeroUsize) -> Self {
        let descriptors =
            crate::limits::descriptor_budget::share(crate::sys::host::descriptor_limit(), workers.get());
        Self {
            workers,
            node_port_addresses: NodePortAddresses::default(),
            map_loopback: false,
            descriptors,
            max_connections: (descriptors / 2).max(1),
            relay_memory: 256 << 20,
            listener_budget: (descriptors / 2).max(1),
            udp_flows: (descriptors / 4).clamp(1, 65_536),
            node_mode: None,
            connection_log: None,
        }
    }
}
