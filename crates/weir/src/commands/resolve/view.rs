//! At which addresses would what be served, and who gets an address that several claim?

use crate::cli::ObjectOptions;
use ipnet::IpNet;
use serde::Serialize;
use std::{
    collections::BTreeSet,
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroU16,
    sync::Arc,
};
use weir_core::{
    Claim, Claimant, Claims, Family, Frontend, FrontendKind, Node, NodePortAddresses, Protocol, Rank,
    ServicePort, Snapshot, claims,
};
use weir_proxy::LoopbackMapping;

/// All frontends of a Snapshot.
pub(super) struct View {
    /// Frontends by Service, port and kind.
    pub(super) rows: Vec<Row>,
    claims: Claims<Place, Row>,
    /// Whether cluster IPs are mapped.
    pub(super) is_mapped: bool,
}

/// One frontend of a Service port.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) port: Arc<ServicePort>,
    pub(super) kind: FrontendKind,
    /// Address of the Service that clients dial.
    pub(super) address: Place,
    /// Address where the frontend would be served.
    pub(super) listen: Place,
}

/// Address, or node port on a whole network of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Place {
    One(Frontend),
    /// Network; `None` is every address of the family.
    Within(Option<IpNet>, Family, Protocol, NonZeroU16),
}

/// Cluster IP that is served elsewhere, as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MappedReport<'a> {
    ns: &'a str,
    svc: &'a str,
    port_name: &'a str,
    proto: Protocol,
    address: String,
    listen: String,
}

impl Claimant for Row {
    fn rank(&self) -> Rank<'_> {
        Rank::of(self.kind, self.port.created, &self.port.key)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self {
            Self::One(Frontend { protocol, .. }) | Self::Within(_, _, protocol, _) => protocol,
        };
        write!(f, "{}/{protocol}", self.address())
    }
}

impl Place {
    /// Address and port without the protocol.
    pub(super) fn address(&self) -> String {
        match self {
            Self::One(Frontend { address, .. }) => address.to_string(),
            Self::Within(None, _, _, port) => format!("*:{port}"),
            Self::Within(Some(network), _, _, port) => format!("{network}:{port}"),
        }
    }
}

impl View {
    /// The frontends that the node of a Snapshot would serve.
    pub(super) fn of(snapshot: &Snapshot, options: &ObjectOptions) -> Self {
        let mapping = options.map_loopback.then(|| LoopbackMapping::of(snapshot));
        let local = match options.map_loopback {
            true => options.bind_mode_node_ports(&snapshot.node),
            false => Vec::new(),
        };
        let mut services: Vec<_> = snapshot.services().collect();
        services.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        let (mut rows, mut all) = (Vec::new(), Claims::default());
        for service in services {
            let first = rows.len();
            let mut virtual_ips = claims(service, &[]).peekable();
            for port in &service.ports {
                while let Some(claim) = virtual_ips.next_if(|claim| Arc::ptr_eq(&claim.port, port)) {
                    let listen = mapping.as_ref().map_or(claim.frontend, |mapping| mapping.listen(&claim));
                    let Claim { frontend, kind, port } = claim;
                    rows.push(Row { port, kind, address: Place::One(frontend), listen: Place::One(listen) });
                }
                let places = match &mapping {
                    None => node_ports(port, &snapshot.node, &options.node_port_addresses),
                    Some(_) => on_this_host(port, &local),
                };
                rows.extend(places.into_iter().map(|place| Row {
                    port: Arc::clone(port),
                    kind: FrontendKind::NodePort,
                    address: place,
                    listen: place,
                }));
            }
            all.replace(&service.key, rows[first..].iter().map(|row| (row.listen, row.clone())));
        }
        Self { rows, claims: all, is_mapped: mapping.is_some() }
    }

    /// The row that gets the address of this one; `None` if that is this one.
    pub(super) fn winner_over(&self, row: &Row) -> Option<&Row> {
        self.claims.winner(row.listen).filter(|winner| winner.port.key != row.port.key)
    }

    /// Addresses that several Service ports claim, each as a sentence.
    pub(super) fn contests(&self) -> impl Iterator<Item = String> + '_ {
        let lost = self.rows.iter().filter(|row| self.winner_over(row).is_some());
        let places: BTreeSet<Place> = lost.map(|row| row.listen).collect();
        places.into_iter().filter_map(|place| self.claims.contest(place))
    }

    /// Cluster IPs that are served elsewhere.
    pub(super) fn mapped(&self) -> Vec<MappedReport<'_>> {
        let is_mapped = |row: &&Row| row.listen != row.address && row.port.key.protocol != Protocol::Sctp;
        let served = self.rows.iter().filter(is_mapped).filter(|row| self.winner_over(row).is_none());
        served.map(MappedReport::of).collect()
    }
}

impl<'a> MappedReport<'a> {
    fn of(row: &'a Row) -> Self {
        let key = &row.port.key;
        Self {
            ns: &key.service.namespace,
            svc: &key.service.name,
            port_name: &key.name,
            proto: key.protocol,
            address: row.address.address(),
            listen: row.listen.address(),
        }
    }
}

/// Places of a node port on a host that serves node ports at `local`.
fn on_this_host(port: &ServicePort, local: &[IpAddr]) -> Vec<Place> {
    let Some(number) = port.node_port else { return Vec::new() };
    let own = local.iter().filter(|ip| Family::of(**ip) == port.family);
    let at = |ip| Frontend { protocol: port.key.protocol, address: SocketAddr::new(ip, number.get()) };
    own.map(|ip| Place::One(at(*ip))).collect()
}

/// Places of a node port; empty for a port without one.
fn node_ports(port: &ServicePort, node: &Node, wanted: &NodePortAddresses) -> Vec<Place> {
    let (Some(number), family, protocol) = (port.node_port, port.family, port.key.protocol) else {
        return Vec::new();
    };
    let one = |ip| Place::One(Frontend { protocol, address: SocketAddr::new(ip, number.get()) });
    let mut places = Vec::new();
    if wanted.primary && node.known {
        let own = node.internal_ips.iter().filter(|ip| Family::of(**ip) == family);
        places.extend(own.map(|ip| one(*ip)));
    } else if wanted.primary && family == Family::V4 {
        places.push(one(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    }
    let within = |network| Place::Within(network, family, protocol, number);
    // A /0 is every address.
    places.extend(
        wanted.of_family(family).map(|network| within((network.prefix_len() > 0).then_some(network))),
    );
    if places.is_empty() && wanted.is_unrestricted(family) {
        places.push(within(None));
    }
    places
}
