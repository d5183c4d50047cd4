//! What does one side of a connection hear when the other's host vanishes? In network namespaces: needs root.
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{HANG, TestService, connect, proxy, service, snapshot};
use std::{
    io::ErrorKind,
    net::{IpAddr, SocketAddr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
};
use tokio_util::sync::CancellationToken;
use weir_core::{Protocol, Service};
use weir_testkit::{Behaviour, Namespace, TcpServer};

/// The default at full size.
fn dead_peer_timeout() -> Duration {
    Duration::from_secs(weir_testkit::scaled(30) as u64)
}

/// Runs a step that takes a few time-outs at most.
async fn within<T>(step: impl Future<Output = T>) -> T {
    tokio::time::timeout(3 * dead_peer_timeout() + HANG, step).await.expect("the step hangs")
}

const NODE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 9, 0, 1));
const FAR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 9, 0, 2));

/// A node with the proxy, and a far host that will vanish.
struct Hosts {
    /// One test at a time: `ip` is another process, which for a moment holds the sockets of all tests.
    _alone: MutexGuard<'static, ()>,
    node: Namespace,
    far: Namespace,
}

fn hosts() -> Option<Hosts> {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let hosts = Hosts { _alone, node: Namespace::create("node")?, far: Namespace::create("far")? };
    hosts.node.join("10.9.0.1/24", &hosts.far, "10.9.0.2/24").unwrap();
    Some(hosts)
}

impl Hosts {
    /// From now on no packet of the far host arrives, and nobody says so.
    fn cut(&self) {
        self.far.ip(&["link", "set", "node", "down"]).unwrap();
    }

    /// Runs `test` on the client's host beside an endpoint that echoes at `endpoint`, and the proxy.
    fn run<Running: Future<Output = ()>>(
        &self,
        endpoint: IpAddr,
        client: &Namespace,
        test: impl FnOnce(SocketAddr) -> Running + Send,
    ) {
        let (stop, (started, endpoint_at), (ready, frontend)) =
            (CancellationToken::new(), oneshot::channel(), oneshot::channel());
        let echo = || async {
            let server = TcpServer::start((endpoint, 0).into(), Behaviour::Echo).await.unwrap();
            started.send(server.address()).unwrap();
            stop.cancelled().await;
            if endpoint == NODE {
                within(async { while server.wait_for_open(0).await.is_err() {} }).await;
            }
        };
        std::thread::scope(|scope| {
            let endpoint_host = if endpoint == FAR { &self.far } else { &self.node };
            scope.spawn(|| endpoint_host.run(echo).unwrap());
            let endpoint = endpoint_at.blocking_recv().unwrap();
            let stopped = &stop;
            scope.spawn(move || self.node.run(|| serve(endpoint, ready, stopped)).unwrap());
            let frontend = frontend.blocking_recv().unwrap();
            let _stop = stop.clone().drop_guard();
            client.run(|| test(frontend)).unwrap();
        });
    }
}

/// Serves an endpoint until `stop`. The time-out is set when the address is already open.
async fn serve(endpoint: SocketAddr, ready: oneshot::Sender<SocketAddr>, stop: &CancellationToken) {
    let Service { key, ports, .. } = service("web", Protocol::Tcp, "127.0.0.9").service;
    let service = Service::new(key, NODE, ports);
    let mut web = TestService { service, endpoints: Vec::new() }.with(&[endpoint]);
    let mut proxy = proxy();
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

async fn speaking(address: SocketAddr) -> TcpStream {
    let mut client = connect(address).await.unwrap();
    client.write_all(b"x").await.unwrap();
    assert_eq!(within(client.read_u8()).await.unwrap(), b'x');
    client
}

#[test]
fn a_vanished_endpoint_resets_its_clients_whether_they_wait_or_send() {
    let Some(hosts) = &hosts() else { return };
    hosts.run(FAR, &hosts.node, |frontend| async move {
        let (mut waiting, mut sending) = (speaking(frontend).await, speaking(frontend).await);
        hosts.cut();
        let start = Instant::now();
        sending.write_all(b"is anybody there?").await.unwrap();
        for client in [&mut waiting, &mut sending] {
            assert_eq!(within(client.read_u8()).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        }
        println!("time-out {:?}: the last client was reset after {:?}", dead_peer_timeout(), start.elapsed());
    });
}

#[test]
fn a_vanished_client_ends_its_connection_to_the_endpoint() {
    let Some(hosts) = &hosts() else { return };
    hosts.run(NODE, &hosts.far, |frontend| async move {
        let client = speaking(frontend).await;
        hosts.cut();
        // Its host is gone, so nothing of this arrives.
        drop(client);
    });
}
