//! Which frontends does a Service have, and which Service gets one that several claim? (semantics A1-A4, A7, A8)

use super::{
    rank::{Claimant, Rank},
    service::ResolvedService,
    service_port::ServicePort,
};
use crate::model::{Family, Frontend, FrontendKind, ServiceKey};
use std::{
    collections::HashMap,
    fmt,
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
        Rank::of(self.kind, self.port.created, &self.port.key)
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

    /// Who claims an address, who gets it and why, as a sentence; `None` if only one Service port claims it. Of many losers
    /// the first are named.
    pub fn contest(&self, address: Address) -> Option<String>
    where
        Address: fmt::Display,
    {
        let winner = self.winner(address)?.rank();
        let losers = self.losers(address).map(Claimant::rank);
        let mut others = losers.filter(|loser| !loser.is_of_same_port(&winner)).peekable();
        let why = winner.precedence(*others.peek()?);
        let named: Vec<String> =
            others.by_ref().take(MAX_NAMED_LOSERS).map(|loser| loser.to_string()).collect();
        let more = match others.count() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Some(format!(
            "{address} is claimed by {winner} and {}{more}; the first is served: {why}",
            named.join(", ")
        ))
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

/// Losers of an address that are named; more are counted.
const MAX_NAMED_LOSERS: usize = 3;

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
    use crate::model::{CreationTime, PortKey, Protocol};

    /// A claim of a Service in `default`, made for a port of that name.
    struct Asked(FrontendKind, PortKey);

    impl Claimant for Asked {
        fn rank(&self) -> Rank<'_> {
            Rank::of(self.0, CreationTime::UNKNOWN, &self.1)
        }
    }

    fn contest(claims: &[(FrontendKind, &str, &str)]) -> Option<String> {
        let at = Frontend { protocol: Protocol::Tcp, address: "10.96.0.10:80".parse().unwrap() };
        let mut all = Claims::default();
        let services: std::collections::BTreeSet<&str> = claims.iter().map(|claim| claim.1).collect();
        for name in services {
            let service = ServiceKey::new("default", name);
            let key =
                |port: &str| PortKey { service: service.clone(), name: port.into(), protocol: Protocol::Tcp };
            let of_service = claims.iter().filter(|claim| claim.1 == name);
            let asked = of_service.map(|&(kind, _, port)| (at, Asked(kind, key(port))));
            all.replace(&service, asked.collect::<Vec<_>>());
        }
        all.contest(at)
    }

    #[test]
    fn who_gets_an_address_and_why_is_said_in_one_line() {
        let (cluster, external, node) =
            (FrontendKind::ClusterIp, FrontendKind::ExternalIp, FrontendKind::NodePort);
        for (claims, expected) in [
            (vec![(cluster, "a", "http")], None),
            (vec![(external, "a", "http"), (FrontendKind::LoadBalancerIp, "a", "http")], None),
            (
                vec![(cluster, "b", "http"), (cluster, "a", "")],
                Some("default/a/TCP and default/b:http/TCP; the first is served: it comes first by name"),
            ),
            (
                vec![(node, "a", "x"), (cluster, "b", "x")],
                Some(
                    "default/b:x/TCP and default/a:x/TCP; the first is served: a cluster IP goes before a node port",
                ),
            ),
            (
                vec![(cluster, "a", "y"), (cluster, "a", "x")],
                Some(
                    "default/a:x/TCP and default/a:y/TCP; the first is served: it is the first by name of the \
                     Service's ports",
                ),
            ),
            (
                vec![
                    (cluster, "a", "x"),
                    (cluster, "b", "x"),
                    (cluster, "c", "x"),
                    (cluster, "d", "x"),
                    (cluster, "e", "x\n"),
                    (cluster, "f", "x"),
                ],
                Some(
                    "default/a:x/TCP and default/b:x/TCP, default/c:x/TCP, default/d:x/TCP and 2 more; the first is \
                     served: it comes first by name",
                ),
            ),
        ] {
            let expected = expected.map(|text| format!("10.96.0.10:80/TCP is claimed by {text}"));
            assert_eq!(contest(&claims), expected);
        }
    }
}
