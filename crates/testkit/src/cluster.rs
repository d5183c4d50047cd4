//! How does a test get a cluster? Hosts in network namespaces, with pods, an outside client and an API server.
//!
//! ```text
//!  pod ── cable ──┐                             ┌── outside 203.0.113.2, .130
//!  pod ── cable ─ node-a 192.168.0.2 ── router ─┤
//!                                        │      └── control plane 192.168.255.2 (API server)
//!  pod ── bridge ─ node-b 192.168.1.2 ───┘
//! ```
//!
//! Pods of the node with index N are in 10.244.N.0/24, Services in 172.30.0.0/16; both families. What comes from outside
//! for other networks goes where [`Cluster::attract`] says.
//!
//! Namespaces need root, but not the host's. Without it, in namespaces of one's own:
//!
//! ```text
//! cargo test --no-run -p weir --test node
//! unshare --user --map-root-user --net --mount sh -c 'ip link set lo up; mount -t tmpfs none /run; exec "$@"' \
//!     sh cargo test --offline -p weir --test node
//! ```

mod addresses;
mod client;
mod host;
mod wiring;

use std::io;

pub use addresses::{CLUSTER_CIDR, SERVICE_CIDR};
pub use client::{Client, Connection, Conversation, Failure, Reply};
pub use host::{Host, HostServers};
pub use wiring::PodNetwork;

use crate::{ApiServer, Namespace, OwnThread};
use addresses::{Addresses, Cable, FIRST_POD, pod};

/// Port of a pod's TCP and UDP servers.
pub const POD_PORT: u16 = 8080;

/// A node that a test asks for.
#[derive(Clone, Copy, Debug)]
pub struct NodePlan<'name> {
    /// The node's name, at most 15 bytes.
    pub name: &'name str,
    /// How pods are joined to the node.
    pub network: PodNetwork,
    /// Whether the node has IPv6.
    pub ipv6: bool,
}

impl<'name> NodePlan<'name> {
    /// A node with routed pods.
    pub fn routed(name: &'name str) -> Self {
        Self { name, network: PodNetwork::Routed, ipv6: true }
    }

    /// A node with pods on a bridge. `netfilter` says whether packets between ports of the bridge pass nftables.
    pub fn bridged(name: &'name str, netfilter: bool) -> Self {
        Self { name, network: PodNetwork::Bridged { netfilter }, ipv6: true }
    }
}

/// A cluster. Everything in the cluster is removed when this is dropped, also after a panic.
#[derive(Debug)]
pub struct Cluster {
    api: OwnThread<ApiServer>,
    pods: Vec<Pod>,
    nodes: Vec<Node>,
    outside: Host,
    control_plane: Host,
    router: Namespace,
}

#[derive(Debug)]
struct Node {
    host: Host,
    network: PodNetwork,
    next_pod: u8,
}

#[derive(Debug)]
struct Pod {
    servers: HostServers,
    host: Host,
    node: usize,
}

impl Cluster {
    /// Builds a cluster with these nodes, and no pods yet. `None`, said loudly, where this process may not have network
    /// namespaces.
    ///
    /// # Panics
    /// When the process may, but the network cannot be built; where it may not although `WEIR_REQUIRE_NETNS` is set.
    pub fn create(plans: &[NodePlan<'_>]) -> Option<Self> {
        let router = Namespace::with_nft("router")?;
        match Self::build(router, plans) {
            Ok(cluster) => Some(cluster),
            Err(error) => panic!("the cluster of network namespaces cannot be built: {error}"),
        }
    }

    fn build(router: Namespace, plans: &[NodePlan<'_>]) -> io::Result<Self> {
        wiring::prepare(&router, true)?;
        wiring::forward(&router)?;
        let outside = join(&router, "outside", &Cable::to_outside(), true)?;
        wiring::set_outside_apart(&router, outside.namespace())?;
        let control_plane = join(&router, "control-plane", &Cable::to_control_plane(), true)?;
        let ip = control_plane.v4();
        let api = control_plane.namespace().enter(|| OwnThread::start(move || ApiServer::start_at(ip)))??;
        let mut nodes = Vec::new();
        for (index, plan) in (0..).zip(plans) {
            let host = join(&router, plan.name, &Cable::to_node(index), plan.ipv6)?;
            wiring::make_node(&router, &host, index, plan.network, plan.ipv6)?;
            nodes.push(Node { host, network: plan.network, next_pod: FIRST_POD });
        }
        Ok(Self { api, pods: Vec::new(), nodes, outside, control_plane, router })
    }

    /// Starts a pod on a node, with addresses of its own, and TCP and UDP servers on [`POD_PORT`] of both.
    ///
    /// # Panics
    /// When there is no such node, or the pod cannot be joined to the node.
    pub fn start_pod(&mut self, node: &str, name: &str) -> &Host {
        let index = self.node_index(node);
        let pod = self.build_pod(index, name);
        let pod = pod.unwrap_or_else(|error| panic!("the pod {name} cannot be started: {error}"));
        self.pods.push(pod);
        self.pod(name)
    }

    fn build_pod(&mut self, index: usize, name: &str) -> io::Result<Pod> {
        let node = &mut self.nodes[index];
        let number = node.next_pod;
        node.next_pod += 1;
        let addresses = pod(u8::try_from(index).map_err(io::Error::other)?, number);
        let ipv6 = node.host.namespace().parameter("net/ipv6/conf/all/disable_ipv6")? == "0";
        let host = host(name, &addresses, ipv6)?;
        wiring::join_pod(node.host.namespace(), node.network, &host, &addresses)?;
        Ok(Pod { servers: host.start_servers(POD_PORT)?, host, node: index })
    }

    /// Ends a pod, with its servers, cable and addresses.
    ///
    /// # Panics
    /// When there is no such pod.
    pub fn stop_pod(&mut self, name: &str) {
        let position = self.pods.iter().position(|pod| pod.host.name() == name);
        let pod = self.pods.remove(position.unwrap_or_else(|| panic!("there is no pod {name}")));
        let node = self.nodes[pod.node].host.namespace();
        // The kernel removes it with the pod, but when it finds the time.
        let _ = node.ip(&["link", "delete", &wiring::pod_interface(name)]);
    }

    /// The test API server, which all nodes reach.
    pub fn api(&self) -> &ApiServer {
        &self.api
    }

    /// Takes the API server away: its connections are cut, and connects are refused from now on.
    ///
    /// # Panics
    /// When no runtime can be had to wait for the end of its connections.
    pub fn stop_api(&self) {
        let stopped = self.control_plane.namespace().run(|| self.api.shut_down());
        stopped.unwrap_or_else(|error| panic!("the API server cannot be stopped: {error}"));
    }

    /// Brings the API server back on the port that it had.
    ///
    /// # Panics
    /// When the port cannot be bound again.
    pub fn restart_api(&self) {
        let restarted = self.control_plane.namespace().enter(|| self.api.restart());
        restarted.flatten().unwrap_or_else(|error| panic!("the API server cannot come back: {error}"));
    }

    /// The host of the API server, on which another API server may run, too.
    pub fn control_plane(&self) -> &Host {
        &self.control_plane
    }

    /// The client outside the cluster, with the addresses 203.0.113.2 and 203.0.113.130.
    pub fn outside(&self) -> &Host {
        &self.outside
    }

    /// The node of this name.
    ///
    /// # Panics
    /// When there is none.
    pub fn node(&self, name: &str) -> &Host {
        &self.nodes[self.node_index(name)].host
    }

    /// All nodes.
    pub fn nodes(&self) -> impl Iterator<Item = &Host> {
        self.nodes.iter().map(|node| &node.host)
    }

    /// The pod of this name.
    ///
    /// # Panics
    /// When there is none.
    pub fn pod(&self, name: &str) -> &Host {
        &self.running(name).host
    }

    /// The servers of a pod.
    ///
    /// # Panics
    /// When there is none of this name.
    pub fn servers_of(&self, name: &str) -> &HostServers {
        &self.running(name).servers
    }

    /// The name of the node that a pod runs on.
    ///
    /// # Panics
    /// When there is no such pod.
    pub fn node_of(&self, pod: &str) -> &str {
        self.nodes[self.running(pod).node].host.name()
    }

    /// Sends what comes from outside for this network, as in `172.30.0.0/16`, to a node.
    ///
    /// # Panics
    /// When there is no such node, or the network is none.
    pub fn attract(&self, network: &str, node: &str) {
        let routed = wiring::attract(&self.router, network, self.node(node));
        routed.unwrap_or_else(|error| panic!("{network} cannot be routed to {node}: {error}"));
    }

    /// Sends what comes from anywhere but outside for this network to a host.
    ///
    /// # Panics
    /// When the network is none.
    pub fn route(&self, network: &str, host: &Host) {
        let routed = wiring::route(&self.router, network, host);
        routed.unwrap_or_else(|error| panic!("{network} cannot be routed to {}: {error}", host.name()));
    }

    fn running(&self, name: &str) -> &Pod {
        let pod = self.pods.iter().find(|pod| pod.host.name() == name);
        pod.unwrap_or_else(|| panic!("there is no pod {name}"))
    }

    fn node_index(&self, name: &str) -> usize {
        let index = self.nodes.iter().position(|node| node.host.name() == name);
        index.unwrap_or_else(|| panic!("there is no node {name}"))
    }
}

fn join(router: &Namespace, name: &str, cable: &Cable, ipv6: bool) -> io::Result<Host> {
    let host = host(name, &cable.host, ipv6)?;
    wiring::join(router, name, host.namespace(), cable)?;
    Ok(host)
}

fn host(name: &str, addresses: &Addresses, ipv6: bool) -> io::Result<Host> {
    let namespace = Namespace::create(name);
    let namespace = namespace.ok_or_else(|| io::Error::other("only some namespaces can be created"))?;
    wiring::prepare(&namespace, ipv6)?;
    Ok(Host::new(name, namespace, addresses.v4.0, addresses.v6.0))
}
