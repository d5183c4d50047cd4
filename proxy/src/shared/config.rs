//! How is a data plane set up?

use crate::sys::marks::Marks;
use std::num::NonZeroUsize;
use weir_core::{NodePortAddresses, Pods};

/// The set-up of a data plane.
#[derive(Clone, Debug)]
pub struct Config {
    /// Threads that relay. Each accepts, relays and closes connections of its own.
    pub workers: NonZeroUsize,
    /// Where node ports are served.
    pub node_port_addresses: NodePortAddresses,
    /// Serve cluster IPs that are not local on stable 127/8 addresses.
    pub map_loopback: bool,
    /// How many descriptors connections, flows, listening sockets and pipes may take, all workers together. What it
    /// leaves of RLIMIT_NOFILE is for the rest of the process.
    pub descriptors: usize,
    /// How many TCP connections there may be, all workers together. Each takes two descriptors. When they are nearly
    /// used up, the Service that has most of them is refused first.
    pub max_connections: usize,
    /// How many bytes that were read and cannot be written yet relays may hold in memory, all workers together. Beyond it
    /// they read only what they can write at once. What waits in sockets and pipes is the kernel's.
    pub relay_memory: usize,
    /// How many listening sockets there may be, all workers together.
    pub listener_budget: usize,
    /// How many UDP flows there may be, all workers together. Each takes one descriptor.
    pub udp_flows: usize,
    /// Serve packets that rules of this host bring to the receiving sockets, instead of a socket for each Service address.
    pub node_mode: Option<NodeMode>,
}

/// What the data plane has to know of the rules that bring it the packets of clients (`--mode node`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeMode {
    /// How its own packets are marked.
    pub marks: Marks,
    /// How pods are recognised.
    pub pods: Pods,
    /// Whether endpoints see the node's address in all traffic to cluster IPs (`--masquerade-all`).
    pub masquerade_all: bool,
}

impl Default for Config {
    /// One worker a core.
    fn default() -> Self {
        Self::with_workers(std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }
}

impl Config {
    /// So many workers, and limits by the descriptors that this process may have. UDP flows may take a quarter: whoever
    /// sends from many addresses must not take the places of TCP connections.
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
        }
    }
}
