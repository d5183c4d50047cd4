//! Which local sockets serve which Service addresses? (bind mode; pure)

pub(crate) mod loopback;

use crate::config::NodePortAddresses;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroU16,
    sync::Arc,
};
use weir_core::{
    Audience, Family, FrontendKind, Node, PortKey, Protocol, ServedService, ServiceKey, ServicePort,
};

/// A port below the lowest one that may be bound is served this much higher (with `--map loopback`).
const PORT_SHIFT: u16 = 20_000;

/// The address of a listening socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Socket {
    pub(crate) protocol: Protocol,
    pub(crate) address: SocketAddr,
}

/// What one listening socket serves.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Binding {
    /// Where it listens.
    pub(crate) socket: Socket,
    /// The Service address that it stands for: the same unless it is mapped.
    pub(crate) frontend: SocketAddr,
    /// What kind of address that is.
    pub(crate) kind: FrontendKind,
    /// The Service port behind it.
    pub(crate) port: Arc<ServicePort>,
}

impl Binding {
    /// Who can be served now; `None` means that the socket must not be open (semantics N1).
    pub(crate) fn audience(&self) -> Option<Audience> {
        self.port.audience(self.kind)
    }

    /// Who may claim an address first: its cluster IP's Service, then the Service that comes first by name.
    fn rank(&self) -> Rank {
        let kind = match self.kind {
            FrontendKind::ClusterIp => 0,
            // Both at once in one Service: the one that source ranges guard (semantics A8).
            FrontendKind::LoadBalancerIp => 1,
            FrontendKind::ExternalIp => 2,
            FrontendKind::NodePort => 3,
        };
        (kind.min(1), self.port.key.clone(), kind)
    }
}

type Rank = (u8, PortKey, u8);

/// What decides about addresses besides the Services themselves.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Surroundings {
    /// The addresses that node ports are served on.
    pub(crate) node_addresses: Vec<IpAddr>,
    /// With `--map loopback`: the lowest port that may be bound.
    pub(crate) map_loopback: Option<u16>,
}

/// The sockets that serve one Service. `mapped` is its loopback address when its cluster IPs are not local.
pub(crate) fn bindings(
    served: &ServedService,
    around: &Surroundings,
    mapped: Option<Ipv4Addr>,
) -> Vec<Binding> {
    let mut found = Vec::new();
    let both_families = served.ports.iter().any(|port| port.family == Family::V4);
    for port in served.ports.iter().filter(|port| port.key.protocol != Protocol::Sctp) {
        let mut add = |listen: SocketAddr, frontend, kind| {
            let socket = Socket { protocol: port.key.protocol, address: listen };
            found.push(Binding { socket, frontend, kind, port: Arc::clone(port) });
        };
        let own = |ip| SocketAddr::new(ip, port.port.get());
        match mapped {
            None => add(own(port.cluster_ip), own(port.cluster_ip), FrontendKind::ClusterIp),
            // A mapped Service has one address; a second family would claim the same.
            Some(_) if both_families && port.family == Family::V6 => {}
            Some(ip) => {
                let listen = SocketAddr::new(ip.into(), shifted(port.port, around.map_loopback.unwrap_or(1)));
                add(listen, own(port.cluster_ip), FrontendKind::ClusterIp);
            }
        }
        port.external_ips.iter().for_each(|&ip| add(own(ip), own(ip), FrontendKind::ExternalIp));
        port.load_balancer_ips.iter().for_each(|&ip| add(own(ip), own(ip), FrontendKind::LoadBalancerIp));
        let of_family = around.node_addresses.iter().filter(|&&ip| Family::of(ip) == port.family);
        for (&ip, node_port) in of_family.filter_map(|ip| Some((ip, port.node_port?))) {
            let address = SocketAddr::new(ip, node_port.get());
            add(address, address, FrontendKind::NodePort);
        }
    }
    found
}

/// A port that may be bound. One that is too high to shift stays as it is, and its failure to bind is reported.
fn shifted(port: NonZeroU16, lowest: u16) -> u16 {
    let allowed = port.get() >= lowest;
    let shifted = port.checked_add(PORT_SHIFT).filter(|_| !allowed);
    shifted.unwrap_or(port).get()
}

/// The addresses that node ports are served on (semantics A4).
///
/// `local` are the addresses of this host's interfaces, `is_local` asks the kernel about one.
pub(crate) fn node_addresses(
    wanted: &NodePortAddresses,
    node: &Node,
    local: &BTreeSet<IpAddr>,
    is_local: impl Fn(IpAddr) -> bool,
) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = match wanted {
        NodePortAddresses::Primary if !node.known => vec![Ipv4Addr::LOCALHOST.into()],
        NodePortAddresses::Primary => node.internal_ips.iter().copied().filter(|&ip| is_local(ip)).collect(),
        NodePortAddresses::Within(networks) => {
            let within = |ip: &IpAddr| {
                let mut of_family =
                    networks.iter().filter(|net| net.addr().is_ipv4() == ip.is_ipv4()).peekable();
                of_family.peek().is_none() || of_family.any(|net| net.contains(ip))
            };
            local.iter().copied().filter(within).filter(|&ip| is_local(ip)).collect()
        }
    };
    found.sort_unstable();
    found.dedup();
    found
}

/// All bindings wanted, with one winner where several Service ports claim the same address.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    claims: HashMap<Socket, BTreeMap<Rank, Binding>>,
    of_service: HashMap<ServiceKey, Vec<(Socket, Rank)>>,
}

impl Plan {
    /// Puts the bindings of one Service in place of its earlier ones; returns the sockets that may be affected.
    pub(crate) fn replace(&mut self, service: &ServiceKey, bindings: Vec<Binding>) -> Vec<Socket> {
        let mut touched = Vec::new();
        for (socket, rank) in self.of_service.remove(service).unwrap_or_default() {
            if let Some(claims) = self.claims.get_mut(&socket) {
                claims.remove(&rank);
                if claims.is_empty() {
                    self.claims.remove(&socket);
                }
            }
            touched.push(socket);
        }
        let mut owned = Vec::with_capacity(bindings.len());
        for binding in bindings {
            let (socket, rank) = (binding.socket, binding.rank());
            self.claims.entry(socket).or_default().insert(rank.clone(), binding);
            owned.push((socket, rank));
            touched.push(socket);
        }
        if !owned.is_empty() {
            self.of_service.insert(service.clone(), owned);
        }
        touched.sort_unstable();
        touched.dedup();
        touched
    }

    /// Who serves a socket.
    pub(crate) fn winner(&self, socket: Socket) -> Option<&Binding> {
        self.claims.get(&socket)?.values().next()
    }

    /// Who else claims it.
    pub(crate) fn losers(&self, socket: Socket) -> impl Iterator<Item = &Binding> {
        self.claims.get(&socket).into_iter().flat_map(|claims| claims.values().skip(1))
    }

    /// How many sockets are wanted.
    pub(crate) fn len(&self) -> usize {
        self.claims.len()
    }
}

#[cfg(test)]
mod tests;
