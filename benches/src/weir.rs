//! How does a benchmark put weir in front of an endpoint? (tcp.rs, udp.rs)

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    num::{NonZeroU16, NonZeroUsize},
    sync::Arc,
    time::Duration,
};
use tokio::runtime;
use weir_core::{Node, PortSpec, Protocol, Service, ServiceKey, Snapshot, serve_fixed};
use weir_proxy::{Config, FrontendState, Proxy};

/// Nothing on loopback takes this long; it keeps a broken benchmark from hanging.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// No other part of a benchmark listens here, so a port that is free stays free.
const CLUSTER_IP: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 96, 0, 10));

/// weir with one worker, as the proxies it is compared with have one thread.
#[derive(Debug)]
pub struct Weir {
    /// Where clients dial the Service.
    pub address: SocketAddr,
    _proxy: Proxy,
}

impl Weir {
    /// Serves one Service with this endpoint.
    ///
    /// # Panics
    /// When it cannot be served: there is nothing to measure then.
    pub fn serve(protocol: Protocol, endpoint: SocketAddr) -> Self {
        let port = free_port(protocol);
        let spec = PortSpec { name: "".into(), protocol, port, node_port: None };
        let service = Service::new(ServiceKey::new("default", "bench"), CLUSTER_IP, vec![spec]);
        let mut snapshot = Snapshot::of(Node::default());
        snapshot.insert(Arc::new(serve_fixed(&service, &[endpoint])));

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

fn free_port(protocol: Protocol) -> NonZeroU16 {
    let bound = match protocol {
        Protocol::Udp => UdpSocket::bind((CLUSTER_IP, 0)).and_then(|socket| socket.local_addr()),
        _ => TcpListener::bind((CLUSTER_IP, 0)).and_then(|socket| socket.local_addr()),
    };
    let port = bound.ok().and_then(|address| NonZeroU16::new(address.port()));
    port.expect("loopback has a free port")
}
