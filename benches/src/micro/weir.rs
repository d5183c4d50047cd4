//! How does a benchmark put weir in front of an endpoint? (tcp.rs, udp.rs)

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    sync::Arc,
    time::Duration,
};
use tokio::runtime;
use weir_core::{Node, PortSpec, Protocol, Service, ServiceKey, Snapshot, resolve_static};
use weir_proxy::{Config, FrontendState, Proxy};
use weir_testkit::services::free_port;

/// The longest wait for anything on loopback, which keeps a broken benchmark from hanging.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Loopback address that no other part of a benchmark binds, so that a port that is free stays free.
const CLUSTER_IP: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 96, 0, 10));

/// weir with one worker, as the proxies of the comparison have one thread.
#[derive(Debug)]
pub struct Weir {
    /// The Service's address.
    pub address: SocketAddr,
    _proxy: Proxy,
}

impl Weir {
    /// Serves one Service with this endpoint.
    ///
    /// # Panics
    /// When the Service cannot be served: there is nothing to measure then.
    pub fn serve(protocol: Protocol, endpoint: SocketAddr) -> Self {
        let port = free_port(protocol, CLUSTER_IP);
        let spec = PortSpec { name: "".into(), protocol, port, node_port: None };
        let service = Service::new(ServiceKey::new("default", "bench"), CLUSTER_IP, vec![spec]);
        let mut snapshot = Snapshot::of(Node::default());
        snapshot.insert(Arc::new(resolve_static(&service, &[endpoint])));

        let config = Config { workers: NonZeroUsize::MIN, ..Config::default() };
        let mut proxy = Proxy::start(config).expect("a worker can be started");
        let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        let applied = runtime.block_on(proxy.apply(&snapshot));
        assert!(
            matches!(&applied.rows[..], [row] if matches!(row.state, FrontendState::Listening(_))),
            "{applied:?}"
        );
        Self { address: SocketAddr::new(CLUSTER_IP, port.get()), _proxy: proxy }
    }
}
