//! Which hosts are there, and how are they joined?
//!
//! ```text
//! client .2 ── 10.77.1.0/24 ── .1 proxy .1 ── 10.77.2.0/24 ── .2, .3 backend
//!        .2 ─────────────── 10.77.3.0/24 ──────────────── .3
//! ```

use anyhow::{Context, Result};
use std::net::Ipv4Addr;
use weir_bench::allow_many_connections;
use weir_testkit::Namespace;

/// Address that proxies listen on.
pub(crate) const FRONTEND: Ipv4Addr = Ipv4Addr::new(10, 77, 1, 1);
/// Addresses of the endpoints, seen from the proxy.
pub(crate) const ENDPOINTS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 77, 2, 2), Ipv4Addr::new(10, 77, 2, 3)];
/// Address of an endpoint, seen from the client.
pub(crate) const DIRECT_ENDPOINT: Ipv4Addr = Ipv4Addr::new(10, 77, 3, 3);
/// Port of the endpoint that sends back what it gets, over TCP and UDP.
pub(crate) const ECHO: u16 = 9000;
/// Port of the endpoint that takes what it gets.
pub(crate) const SINK: u16 = 9001;
/// Port of the endpoint that sends without end.
pub(crate) const SOURCE: u16 = 9002;
/// All ports that a proxy listens on.
pub(crate) const PORTS: [u16; 3] = [ECHO, SINK, SOURCE];

/// Kernel parameters of every host. The number of sockets in TIME-WAIT is bounded so that the ports that one way has used
/// do not slow down the next one.
const PARAMETERS: [(&str, &str); 6] = [
    ("net/ipv4/tcp_max_tw_buckets", "8192"),
    ("net/ipv4/ip_forward", "1"),
    ("net/ipv4/conf/all/rp_filter", "0"),
    ("net/ipv4/conf/default/rp_filter", "0"),
    ("net/ipv4/tcp_max_syn_backlog", "8192"),
    ("net/core/somaxconn", "8192"),
];

/// The hosts of the comparison.
#[derive(Debug)]
pub(crate) struct Network {
    /// The host of the clients.
    pub(crate) client: Namespace,
    /// The host of the proxies.
    pub(crate) proxy: Namespace,
    /// The host of both endpoints.
    pub(crate) backend: Namespace,
}

impl Network {
    /// Builds the hosts and joins them.
    pub(crate) fn build() -> Result<Self> {
        let network = Self { client: host("client")?, proxy: host("proxy")?, backend: host("backend")? };
        let Self { client, proxy, backend } = &network;
        client.join("10.77.1.2/24", proxy, "10.77.1.1/24")?;
        proxy.join("10.77.2.1/24", backend, "10.77.2.2/24")?;
        client.join("10.77.3.2/24", backend, "10.77.3.3/24")?;
        backend.ip(&["address", "add", "10.77.2.3/24", "dev", "proxy"])?;
        // For kernel NAT, which keeps the client's address.
        backend.ip(&["route", "add", "10.77.1.0/24", "via", "10.77.2.1"])?;
        Ok(network)
    }
}

fn host(role: &str) -> Result<Namespace> {
    let host = Namespace::create(role).context("no network namespace: install iproute2")?;
    allow_many_connections(&host)?;
    for (name, value) in PARAMETERS {
        host.set_parameter(name, value)?;
    }
    Ok(host)
}
