//! Which frontends does a Service have, and which Service gets one that several claim? (semantics A1-A4, A7, A8)

use super::{service::ResolvedService, service_port::ServicePort};
use crate::model::{Family, Frontend, FrontendKind, PortKey, Protocol, ServiceKey};
use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// The claim of a Service port to answer at a frontend.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// The address, port and protocol.
    pub frontend: Frontend,
    /// The kind of the address.
    pub kind: FrontendKind,
    /// The Service port that claims the frontend.
    pub port: Arc<ServicePort>,
}

impl Claimant for Claim {
    fn rank(&self) -> Rank<'_> {
        Rank::of(self.kind, &self.port.key)
    }
}

/// All frontends of a Service. `node_port_addresses` are the addresses of this host on which node ports are served.
pub fn claims<'a>(
    service: &'a ResolvedService,
    node_port_addresses: &'a [IpAddr],
) -> impl Iterator<Item = Claim> + use<'a> {
    service.ports.iter().flat_map(|port| {
        let own = |kind| move |&ip: &IpAddr| (SocketAddr::new(ip, port.port.get()), kind);
        let external = port.external_ips.iter().map(own(FrontendKind::ExternalIp));
        let load_balancer = port.load_balancer_ips.iter().map(own(FrontendKind::LoadBalancerIp));
        let of_node = node_port_addresses.iter().filter(|&&ip| Family::of(ip) == port.family);
        let node_ports = port.node_port.into_iter().flat_map(move |number| {
            of_node.clone().map(move |&ip| (SocketAddr::new(ip, number.get()), FrontendKind::NodePort))
        });
        std::iter::once(own(FrontendKind::ClusterIp)(&port.cluster_ip))
            .chain(external)
            .chain(load_balancer)
            .chain(node_ports)
            .map(|(address, kind)| Claim {
                frontend: Frontend { protocol: port.key.protocol, address },
                kind,
                port: Arc::clone(port),
            })
    })
}

/// The order of claims on one address; the least wins: that of a cluster IP, then of an external or load-balancer IP, then of
/// a node port (semantics A8); among equals that of the Service that comes first by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank<'a> {
    class: u8,
    service: &'a ServiceKey,
    port: Option<(&'a str, Protocol)>,
    kind: u8,
}

impl<'a> Rank<'a> {
    /// The rank of a Service port at an address of a kind.
    pub fn of(kind: FrontendKind, port: &'a PortKey) -> Self {
        Self { port: Some((&port.name, port.protocol)), ..Self::of_service(kind, &port.service) }
    }

    /// The rank of a Service that claims an address for itself instead of one of its ports.
    pub fn of_service(kind: FrontendKind, service: &'a ServiceKey) -> Self {
        let (class, kind) = match kind {
            FrontendKind::ClusterIp => (0, 0),
            // An address that is both in one Service is the kind that source ranges guard (semantics A8).
            FrontendKind::LoadBalancerIp => (1, 0),
            FrontendKind::ExternalIp => (1, 1),
            FrontendKind::NodePort => (2, 0),
        };
        Self { class, service, port: None, kind }
    }
}

/// A claim on an address, made for a Service.
pub trait Claimant {
    /// The rank of the claim; of all claims on an address the least wins.
    fn rank(&self) -> Rank<'_>;
}

/// All claims of all Services, with one winner for each address. Replacing the claims of a Service takes time in proportion
/// to their number.
#[derive(Debug)]
pub struct Claims<Address, Claim> {
    /// The claims on each address, sorted by rank. Nearly all addresses are claimed once, for which a list is by far smaller
    /// than a map.
    by_address: HashMap<Address, Vec<Claim>>,
    /// The addresses that each Service claims.
    of_service: HashMap<ServiceKey, Box<[Address]>>,
}

impl<Address, Claim> Default for Claims<Address, Claim> {
    fn default() -> Self {
        Self { by_address: HashMap::new(), of_service: HashMap::new() }
    }
}

impl<Address: Copy + Ord + Hash, Claim: Claimant> Claims<Address, Claim> {
    /// Replaces the claims of one Service; returns the addresses whose winner may have changed, sorted.
    pub fn replace(
        &mut self,
        service: &ServiceKey,
        claims: impl IntoIterator<Item = (Address, Claim)>,
    ) -> Vec<Address> {
        let mut touched = Vec::new();
        for address in self.of_service.remove(service).unwrap_or_default() {
            if let Some(claims) = self.by_address.get_mut(&address) {
                claims.retain(|claim| claim.rank().service != service);
                if claims.is_empty() {
                    self.by_address.remove(&address);
                }
            }
            touched.push(address);
        }
        let mut owned = Vec::new();
        for (address, claim) in claims {
            insert(self.by_address.entry(address).or_default(), claim);
            owned.push(address);
            touched.push(address);
        }
        if !owned.is_empty() {
            self.of_service.insert(service.clone(), owned.into());
        }
        touched.sort_unstable();
        touched.dedup();
        touched
    }

    /// The claim that gets an address; `None` if no Service claims it.
    pub fn winner(&self, address: Address) -> Option<&Claim> {
        self.by_address.get(&address)?.first()
    }

    /// The claims that do not get an address, by rank.
    pub fn losers(&self, address: Address) -> impl Iterator<Item = &Claim> {
        self.by_address.get(&address).into_iter().flat_map(|claims| claims.iter().skip(1))
    }

    /// All claimed addresses with the claims that get them, in no order.
    pub fn winners(&self) -> impl Iterator<Item = (Address, &Claim)> {
        self.by_address.iter().filter_map(|(address, claims)| Some((*address, claims.first()?)))
    }

    /// Number of claimed addresses.
    pub fn len(&self) -> usize {
        self.by_address.len()
    }

    /// Whether no address is claimed.
    pub fn is_empty(&self) -> bool {
        self.by_address.is_empty()
    }
}

/// Inserts a claim into a list that is sorted by rank, in place of one of equal rank.
fn insert<Claim: Claimant>(claims: &mut Vec<Claim>, claim: Claim) {
    match claims.binary_search_by(|other| other.rank().cmp(&claim.rank())) {
        Ok(position) => claims[position] = claim,
        Err(position) => {
            claims.reserve_exact(1);
            claims.insert(position, claim);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_address_beats_a_node_port_whatever_the_services_are_called() {
        let [a, x, y, z] = ["a", "x", "y", "z"].map(|name| {
            let service = ServiceKey::new("default", name);
            PortKey { service, name: "".into(), protocol: Protocol::Tcp }
        });
        let ranks = [
            Rank::of(FrontendKind::ClusterIp, &z),
            Rank::of(FrontendKind::ExternalIp, &x),
            Rank::of(FrontendKind::LoadBalancerIp, &y),
            Rank::of(FrontendKind::ExternalIp, &y),
            Rank::of(FrontendKind::NodePort, &a),
        ];
        assert!(ranks.is_sorted(), "{ranks:?}");
    }
}
