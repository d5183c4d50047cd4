//! Are clients served while listening sockets pass from one data plane to another?
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{exchange, greeters, greeting, proxy_with, service, serving, snapshot, within};
use std::{net::SocketAddr, num::NonZeroUsize};
use tokio::{net::UdpSocket, sync::watch};
use weir_core::{Protocol, Snapshot};
use weir_proxy::Proxy;
use weir_testkit::{UdpBehaviour, UdpServer};

/// Runs two data planes, the second of which gets its Snapshots from `snapshots`, until the test has ended.
async fn beside(
    older: &mut Proxy,
    newer: &mut Proxy,
    mut snapshots: watch::Receiver<Snapshot>,
    test: impl Future<Output = ()>,
) {
    // The older one has its Snapshot.
    let (_sender, mut none) = watch::channel(Snapshot::default());
    tokio::select! {
        () = older.run(&mut none, |_, _| {}) => panic!("the older one ends"),
        () = newer.run(&mut snapshots, |_, _| {}) => panic!("the newer one ends"),
        () = within(test) => {}
    }
}

async fn ask(client: &UdpSocket) -> String {
    client.send(b"hello").await.unwrap();
    let mut answer = [0; 64];
    let length = within(client.recv(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

#[tokio::test]
async fn clients_in_the_queues_of_passed_sockets_are_served_by_the_newcomer() {
    let old_servers = greeters(&["old"]).await;
    let new_servers = greeters(&["new"]).await;
    let answers = |name: &str| UdpBehaviour::Greet(name.into());
    let at: SocketAddr = "127.0.0.2:0".parse().unwrap();
    let old_udp = UdpServer::start(at, answers("old")).await.unwrap();
    let new_udp = UdpServer::start(at, answers("new")).await.unwrap();
    let (web, dns) = (service("web", Protocol::Tcp, "127.0.0.9"), service("dns", Protocol::Udp, "127.0.0.9"));
    let (web_at, dns_at) = (web.address(), dns.address());
    let desired = |web_server, dns_server| {
        let (web, dns) = (web.clone().with(&[web_server]), dns.clone().with(&[dns_server]));
        (web, dns)
    };
    let (old_web, old_dns) = desired(old_servers[0].address(), old_udp.address());
    let (new_web, new_dns) = desired(new_servers[0].address(), new_udp.address());
    // Each number of workers, so that some get no socket, or several.
    for workers in [1, 2, 3] {
        let mut older = serving(&[&old_web, &old_dns]).await;
        let mut newer = proxy_with(|config| config.workers = NonZeroUsize::new(workers).unwrap());
        newer.set_accompanied(true);
        let (from, to) = (older.hand_over(), newer.hand_over());
        let (sender, snapshots) = watch::channel(Snapshot::default());
        let flow = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        flow.connect(dns_at).await.unwrap();
        let test = async {
            assert_eq!(
                (greeting(web_at).await.unwrap(), ask(&flow).await),
                ("old".into(), "old:hello".into())
            );
            let passed = from.pass().await;
            assert_eq!(passed.len(), 4, "two workers, two frontends");
            // They are in the queues before anybody serves them.
            let clients: Vec<_> = (0..20).map(|_| tokio::spawn(greeting(web_at))).collect();
            flow.send(b"waits").await.unwrap();
            to.inherit(passed).await;
            sender.send_replace(snapshot(&[&new_web, &new_dns]));
            for client in clients {
                assert_eq!(client.await.unwrap().unwrap(), "new");
            }
            let mut answer = [0; 64];
            let length = within(flow.recv(&mut answer)).await.unwrap();
            assert_eq!(&answer[..length], b"new:waits", "nothing that waited is lost");
            assert_eq!(ask(&flow).await, "new:hello");
            to.set_accompanied(false).await;
        };
        Box::pin(beside(&mut older, &mut newer, snapshots, test)).await;
        older.release_frontends().await;
        drop(older);
        assert_eq!(greeting(web_at).await.unwrap(), "new", "{workers} workers, alone");
        assert_eq!(exchange(web_at, b"").await.unwrap(), b"new");
        assert_eq!(ask(&flow).await, "new:hello");
    }
}

#[tokio::test]
async fn if_nobody_takes_passed_sockets_their_clients_are_served_as_before() {
    let servers = greeters(&["old"]).await;
    let udp =
        UdpServer::start("127.0.0.2:0".parse().unwrap(), UdpBehaviour::Greet("old".into())).await.unwrap();
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&[servers[0].address()]);
    let dns = service("dns", Protocol::Udp, "127.0.0.9").with(&[udp.address()]);
    let (mut older, mut newer) = (serving(&[&web, &dns]).await, common::proxy());
    let from = older.hand_over();
    let flow = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    flow.connect(dns.address()).await.unwrap();
    let (_sender, snapshots) = watch::channel(Snapshot::default());
    let test = async {
        for _ in 0..3 {
            assert_eq!(ask(&flow).await, "old:hello");
            let passed = from.pass().await;
            let client = tokio::spawn(greeting(web.address()));
            flow.send(b"waits").await.unwrap();
            drop(passed);
            from.resume().await;
            assert_eq!(client.await.unwrap().unwrap(), "old");
            let mut answer = [0; 64];
            let length = within(flow.recv(&mut answer)).await.unwrap();
            assert_eq!(&answer[..length], b"old:waits");
        }
    };
    Box::pin(beside(&mut older, &mut newer, snapshots, test)).await;
    assert_eq!(greeting(web.address()).await.unwrap(), "old");
}
