//! Which hosts are there, and how are they joined?
//!
//! ```text
//! client .2 ── 10.77.1.0/24 ── .1 proxy .1 ── 10.77.2.0/24 ── .2, .3 backend
//!        .2 ─────────────── 10.77.3.0/24 ──────────────── .3
//! ```

use anyhow::{Context, Result};
use std::{fs, net::Ipv4Addr};
use weir_testkit::Namespace;

/// Where proxies listen.
pub(crate) const FRONTEND: Ipv4Addr = Ipv4Addr::new(10, 77, 1, 1);
/// Where the endpoints are, seen from the proxy.
pub(crate) const ENDPOINTS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 77, 2, 2), Ipv4Addr::new(10, 77, 2, 3)];
/// Where an endpoint is, seen from the client.
pub(crate) const DIRECT_ENDPOINT: Ipv4Addr = Ipv4Addr::new(10, 77, 3, 3);
/// Sends back what it gets, over TCP and UDP.
pub(crate) const ECHO: u16 = 9000;
/// Takes what it gets.
pub(crate) const SINK: u16 = 9001;
/// Sends without end.
pub(crate) const SOURCE: u16 = 9002;
/// All ports that a proxy listens on.
pub(crate) const PORTS: [u16; 3] = [ECHO, SINK, SOURCE];

/// The same for every host. Ephemeral ports begin above the ports in use; the number of sockets in TIME-WAIT is bounded
/// so that the ports that one way used do not slow down the next one.
const SYSCTLS: [(&str, &str); 8] = [
    ("net/ipv4/ip_local_port_range", "10240 65535"),
    ("net/ipv4/tcp_tw_reuse", "1"),
    ("net/ipv4/tcp_max_tw_buckets", "8192"),
    ("net/ipv4/ip_forward", "1"),
    ("net/ipv4/conf/all/rp_filter", "0"),
    ("net/ipv4/conf/default/rp_filter", "0"),
    ("net/ipv4/tcp_max_syn_backlog", "8192"),
    ("net/core/somaxconn", "8192"),
];

/// Three hosts.
#[derive(Debug)]
pub(crate) struct Network {
    /// Where clients run.
    pub(crate) client: Namespace,
    /// Where proxies run.
    pub(crate) proxy: Namespace,
    /// Where both endpoints run.
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
    host.run(|| async { set_sysctls() }).context("cannot enter a network namespace")??;
    Ok(host)
}

fn set_sysctls() -> Result<()> {
    for (name, value) in SYSCTLS {
        fs::write(format!("/proc/sys/{name}"), value).with_context(|| format!("cannot set {name}"))?;
    }
    Ok(())
}
