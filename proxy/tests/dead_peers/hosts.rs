//! On which hosts do these tests run? A node with the proxy, and a far host that may vanish.

use crate::common::{HANG, TestService, proxy_with, service, snapshot};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{net::TcpListener, sync::oneshot};
use tokio_util::sync::CancellationToken;
use weir_core::{Protocol, Service};
use weir_proxy::Config;
use weir_testkit::{Behaviour, Namespace, TcpServer};

pub(crate) const NODE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 0, 1));
pub(crate) const FAR: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 0, 2));

/// The default at full size.
pub(crate) fn dead_peer_timeout() -> Duration {
    Duration::from_secs(weir_testkit::scaled(30) as u64)
}

/// Runs a step that takes a few time-outs at most.
pub(crate) async fn within<T>(step: impl Future<Output = T>) -> T {
    tokio::time::timeout(4 * dead_peer_timeout() + HANG, step).await.expect("the step hangs")
}

/// A node with the proxy, and a far host that will vanish.
pub(crate) struct Hosts {
    /// One test at a time: `ip` is another process, which for a moment holds the sockets of all tests.
    _alone: MutexGuard<'static, ()>,
    pub(crate) node: Namespace,
    pub(crate) far: Namespace,
}

pub(crate) fn hosts() -> Option<Hosts> {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let hosts = Hosts { _alone, node: Namespace::create("node")?, far: Namespace::create("far")? };
    hosts.node.join("10.9.0.1/24", &hosts.far, "10.9.0.2/24").unwrap();
    Some(hosts)
}

/// An endpoint, and the host that it runs on.
pub(crate) enum Endpoint {
    /// A server at an address. All of its connections must have ended at the end of the test if it is on the node.
    Server(IpAddr, Behaviour),
    /// On the far host: reads nothing until it is told to, and then all; reports the number of bytes.
    Pausing { read: oneshot::Receiver<()>, received: oneshot::Sender<usize> },
}

impl Endpoint {
    fn host<'a>(&self, hosts: &'a Hosts) -> &'a Namespace {
        match self {
            Self::Server(NODE, _) => &hosts.node,
            _ => &hosts.far,
        }
    }

    async fn serve(self, started: oneshot::Sender<SocketAddr>, stop: &CancellationToken) {
        match self {
            Self::Server(address, behaviour) => {
                let server = TcpServer::start((address, 0).into(), behaviour).await.unwrap();
                started.send(server.address()).unwrap();
                stop.cancelled().await;
                if address == NODE {
                    within(async { while server.wait_for_open(0).await.is_err() {} }).await;
                }
            }
            Self::Pausing { read, received } => {
                let listener = TcpListener::bind((FAR, 0)).await.unwrap();
                started.send(listener.local_addr().unwrap()).unwrap();
                let (mut connection, _) = listener.accept().await.unwrap();
                read.await.unwrap();
                let all = within(tokio::io::copy(&mut connection, &mut tokio::io::sink())).await;
                received.send(all.unwrap() as usize).unwrap();
            }
        }
    }
}

impl Hosts {
    /// From now on no packet of the far host arrives, and nobody says so.
    pub(crate) fn cut(&self) {
        self.far.ip(&["link", "set", "node", "down"]).unwrap();
    }

    /// Runs `test` on the client's host beside an endpoint and the proxy.
    pub(crate) fn run<Running: Future<Output = ()>>(
        &self,
        endpoint: Endpoint,
        client: &Namespace,
        change: impl FnOnce(&mut Config) + Send,
        test: impl FnOnce(SocketAddr) -> Running + Send,
    ) {
        let (stop, (started, endpoint_at), (ready, frontend)) =
            (CancellationToken::new(), oneshot::channel(), oneshot::channel());
        std::thread::scope(|scope| {
            let host = endpoint.host(self);
            let stopped = &stop;
            scope.spawn(move || host.run(|| endpoint.serve(started, stopped)).unwrap());
            let endpoint = endpoint_at.blocking_recv().unwrap();
            scope.spawn(move || self.node.run(|| serve(endpoint, change, ready, stopped)).unwrap());
            let frontend = frontend.blocking_recv().unwrap();
            let _stop = stop.clone().drop_guard();
            client.run(|| test(frontend)).unwrap();
        });
    }
}

/// Serves an endpoint until `stop`. The time-out is set when the address is already open.
async fn serve(
    endpoint: SocketAddr,
    change: impl FnOnce(&mut Config),
    ready: oneshot::Sender<SocketAddr>,
    stop: &CancellationToken,
) {
    let Service { key, ports, .. } = service("web", Protocol::Tcp, "127.0.0.9").service;
    let service = Service::new(key, NODE, ports);
    let mut web = TestService::new(service).with(&[endpoint]);
    let mut proxy = proxy_with(change);
    proxy.apply(&snapshot(&[&web])).await;
    web.settings().dead_peer_timeout = dead_peer_timeout();
    proxy.apply(&snapshot(&[&web])).await;
    ready.send(web.address()).unwrap();
    stop.cancelled().await;
    // Nobody ended its connections in order.
    let ended = async {
        while !proxy.connections().await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    within(ended).await;
}
