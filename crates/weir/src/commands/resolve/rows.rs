//! How is a Snapshot shown to people? One row for each address that a client may dial.

use crate::output::table::Table;
use ipnet::IpNet;
use std::{net::IpAddr, net::Ipv4Addr, num::NonZeroU16};
use weir_core::NodePortAddresses;
use weir_core::{Audience, Family, FrontendKind, Node, Origin, Protocol, ServicePort, Snapshot};

/// Endpoints that are listed; more are counted.
const MAX_LISTED_ENDPOINTS: usize = 3;

/// Table of all frontends, by Service.
pub(super) fn table(snapshot: &Snapshot, node_ports: &NodePortAddresses) -> Table<9> {
    let mut table = Table::new([
        "namespace",
        "service",
        "port",
        "protocol",
        "kind",
        "address",
        "balance",
        "cluster/local",
        "endpoints",
    ]);
    let mut services: Vec<_> = snapshot.services().collect();
    services.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    for port in services.iter().flat_map(|service| &service.ports) {
        for (kind, address) in frontends(port, &snapshot.node, node_ports) {
            table.push(row(port, kind, address));
        }
    }
    table
}

fn row(port: &ServicePort, kind: FrontendKind, address: String) -> [String; 9] {
    let name = if port.key.name.is_empty() { "-".to_owned() } else { port.key.name.to_string() };
    let affinity = port.affinity.map(|timeout| format!(", ClientIP {}s", timeout.as_secs()));
    let count = |set: &Option<weir_core::EndpointSet>| {
        set.as_ref().map_or_else(|| "-".to_owned(), |endpoints| endpoints.len().to_string())
    };
    [
        port.key.service.namespace.to_string(),
        port.key.service.name.to_string(),
        name,
        port.key.protocol.to_string(),
        kind.as_str().to_owned(),
        address,
        format!("{}{}", port.settings.balance, affinity.unwrap_or_default()),
        format!("{}/{}", count(&port.cluster), count(&port.local)),
        endpoints(port, kind),
    ]
}

/// Addresses that clients dial, as `address:port`; node ports may be of whole networks.
fn frontends(port: &ServicePort, node: &Node, node_ports: &NodePortAddresses) -> Vec<(FrontendKind, String)> {
    let own = |ip: &IpAddr| joined(*ip, port.port);
    let mut found = vec![(FrontendKind::ClusterIp, own(&port.cluster_ip))];
    found.extend(port.external_ips.iter().map(|ip| (FrontendKind::ExternalIp, own(ip))));
    found.extend(port.load_balancer_ips.iter().map(|ip| (FrontendKind::LoadBalancerIp, own(ip))));
    if let Some(node_port) = port.node_port {
        let addresses = node_port_addresses(port.family, node_port, node, node_ports);
        found.extend(addresses.into_iter().map(|address| (FrontendKind::NodePort, address)));
    }
    found
}

fn node_port_addresses(
    family: Family,
    port: NonZeroU16,
    node: &Node,
    node_ports: &NodePortAddresses,
) -> Vec<String> {
    match node_ports {
        NodePortAddresses::Primary if !node.known && family == Family::V4 => {
            vec![joined(Ipv4Addr::LOCALHOST.into(), port)]
        }
        NodePortAddresses::Primary => {
            let own = node.internal_ips.iter().filter(|ip| Family::of(**ip) == family);
            own.map(|ip| joined(*ip, port)).collect()
        }
        NodePortAddresses::Within(networks) => {
            let own: Vec<&IpNet> =
                networks.iter().filter(|network| Family::of(network.addr()) == family).collect();
            match own.is_empty() {
                true => vec![format!("*:{port}")],
                false => own.into_iter().map(|network| format!("{network}:{port}")).collect(),
            }
        }
    }
}

fn joined(ip: IpAddr, port: NonZeroU16) -> String {
    std::net::SocketAddr::new(ip, port.get()).to_string()
}

/// Endpoints that a client from outside this node gets, as text.
fn endpoints(port: &ServicePort, kind: FrontendKind) -> String {
    if port.key.protocol == Protocol::Sctp {
        return "none: weir does not relay SCTP".to_owned();
    }
    let origin = match port.audience(kind) {
        None => return "none: refused".to_owned(),
        Some(Audience::Everyone) => Origin::Outside,
        Some(Audience::NodeOnly) => Origin::Node,
    };
    let Some(set) = port.endpoints(port.traffic(kind, origin)) else { return String::new() };
    let listed: Vec<String> = set.iter().take(MAX_LISTED_ENDPOINTS).map(|e| e.address.to_string()).collect();
    let more = match set.len().saturating_sub(MAX_LISTED_ENDPOINTS) {
        0 => String::new(),
        more => format!(" + {more} more"),
    };
    let scope = if origin == Origin::Node { " (this node only)" } else { "" };
    format!("{}{more}{scope}", listed.join(","))
}
