//! What do those see who look at a running data plane?
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{
    addresses, connect, eventually, exchange, greeters, greeting, server, service, serving, snapshot, within,
};
use ipnet::IpNet;
use std::{collections::HashSet, net::SocketAddr, ops::ControlFlow, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
};
use weir_core::{Family, Policy, PortKey, Protocol, ServiceKey, Traffic};
use weir_proxy::{
    Closed, ConnectionFilter, ConnectionId, ConnectionInfo, EndpointState, EventKind, FlowInfo, Observer,
    Proxy,
};
use weir_testkit::{Behaviour, UdpServer};

fn key(protocol: Protocol) -> PortKey {
    PortKey { service: ServiceKey::new("default", "web"), name: "".into(), protocol }
}

/// Clients of a server that echoes; each has had an answer.
async fn clients(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = connect(address).await.unwrap();
        client.write_all(b"x").await.unwrap();
        within(client.read_u8()).await.unwrap();
        clients.push(client);
    }
    clients
}

async fn live(observer: &Observer, filter: ConnectionFilter) -> Vec<ConnectionInfo> {
    page(observer, filter, None, usize::MAX).await
}

async fn page(
    observer: &Observer,
    filter: ConnectionFilter,
    after: Option<ConnectionId>,
    max: usize,
) -> Vec<ConnectionInfo> {
    let mut found = Vec::new();
    let take = |slice: Vec<ConnectionInfo>| {
        found.extend(slice);
        if found.len() >= max { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    observer.connections(&Arc::new(filter), after, take).await;
    found.truncate(max);
    found
}

async fn closed(proxy: &Proxy, count: usize) -> Vec<ConnectionInfo> {
    let observer = proxy.observer();
    eventually("connections are remembered", async || {
        observer.closed(&ConnectionFilter::default()).await.0.len() >= count
    })
    .await;
    observer.closed(&ConnectionFilter::default()).await.0
}

#[tokio::test]
async fn live_connections_are_listed_page_by_page_and_each_once() {
    let echo = server(Behaviour::Echo).await;
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&[echo.address()]);
    let proxy = serving(&[&web]).await;
    let observer = proxy.observer();
    let clients = clients(web.address(), 9).await;
    let mut seen = Vec::new();
    loop {
        let found = page(&observer, ConnectionFilter::default(), seen.last().copied(), 2).await;
        assert!(found.len() <= 2);
        if found.is_empty() {
            break;
        }
        seen.extend(found.iter().map(|info| info.id));
    }
    assert_eq!((seen.len(), seen.iter().collect::<HashSet<_>>().len()), (clients.len(), clients.len()));
    let one =
        &live(&observer, ConnectionFilter { id: Some(seen[3]), ..ConnectionFilter::default() }).await[..];
    assert_eq!(one.iter().map(|info| info.id).collect::<Vec<_>>(), [seen[3]]);
    assert_eq!((one[0].to_endpoint, one[0].to_client, one[0].attempts), (1, 1, 1));
    assert!(one[0].connect_time.is_some() && one[0].end.is_none());
    assert_eq!(observer.connections_by_worker().iter().sum::<usize>(), clients.len());
}

#[tokio::test]
async fn filters_leave_those_that_match_all_of_them() {
    let servers = [server(Behaviour::Echo).await, server(Behaviour::Echo).await];
    let [first, second] = [servers[0].address(), servers[1].address()];
    let mut web = service("web", Protocol::Tcp, "127.0.0.9").with(&[first, second]);
    web.settings().balance = Policy::RoundRobin;
    let proxy = serving(&[&web]).await;
    let observer = proxy.observer();
    let _clients = clients(web.address(), 4).await;
    let none = ConnectionFilter::default;
    let count = async |filter| live(&observer, filter).await.len();
    assert_eq!(count(none()).await, 4);
    assert_eq!(
        count(ConnectionFilter { endpoint: Some((first.ip(), Some(first.port()))), ..none() }).await,
        2
    );
    assert_eq!(count(ConnectionFilter { service: Some("other".into()), ..none() }).await, 0);
    let port = web.address().port().to_string();
    assert_eq!(count(ConnectionFilter { port: Some(port), ..none() }).await, 4);
    let network = |text: &str| Some(text.parse::<IpNet>().unwrap());
    assert_eq!(count(ConnectionFilter { client: network("127.0.0.0/8"), ..none() }).await, 4);
    assert_eq!(count(ConnectionFilter { client: network("10.0.0.0/8"), ..none() }).await, 0);
}

#[tokio::test]
async fn connections_that_ended_are_remembered_with_the_reason_newest_first() {
    let echo = server(Behaviour::Echo).await;
    let refused =
        SocketAddr::from(([127, 0, 0, 3], common::free_port(Protocol::Tcp, [127, 0, 0, 3].into()).get()));
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&[echo.address()]);
    let dead = service("dead", Protocol::Tcp, "127.0.0.9").with(&[refused]);
    let proxy = serving(&[&web, &dead]).await;
    assert_eq!(exchange(web.address(), b"hello").await.unwrap(), b"hello");
    closed(&proxy, 1).await;
    let _ = exchange(dead.address(), b"hello").await;
    let ended = closed(&proxy, 2).await;
    let told: Vec<_> = ended
        .iter()
        .map(|info| (&*info.port.service.name, info.end.unwrap().reason, info.to_client))
        .collect();
    assert_eq!(told, [("dead", Closed::ConnectRefused, 0), ("web", Closed::Finished, 5)]);
    assert_eq!(ended[1].endpoint, Some(echo.address()));
    let reason = ConnectionFilter { reason: Some(Closed::Finished), ..ConnectionFilter::default() };
    let (of_reason, total) = proxy.observer().closed(&reason).await;
    assert_eq!((of_reason.len(), total), (1, 2));
}

#[tokio::test]
async fn who_watches_hears_of_connections_that_come_and_go() {
    let echo = server(Behaviour::Echo).await;
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&[echo.address()]);
    let proxy = serving(&[&web]).await;
    let observer = proxy.observer();
    let _before = clients(web.address(), 2).await;
    let mut watch = observer.watch().await;
    let filter = Arc::<ConnectionFilter>::default();
    let changes = observer.look(&mut watch, &filter, 10).await;
    assert!(changes.opened.is_empty() && changes.closed.is_empty(), "{changes:?}");
    let later = clients(web.address(), 1).await;
    let changes = observer.look(&mut watch, &filter, 10).await;
    let opened = changes.opened[0].flow.client;
    assert_eq!((changes.opened.len(), opened), (1, later[0].local_addr().unwrap()));
    drop(later);
    eventually("the end is told", async || {
        let changes = observer.look(&mut watch, &filter, 10).await;
        changes.closed.iter().any(|closed| closed.flow.client == opened)
    })
    .await;
    for _ in 0..30 {
        exchange(web.address(), b"x").await.unwrap();
    }
    eventually("what is too much is counted", async || {
        observer.look(&mut watch, &filter, 1).await.skipped > 0
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_that_is_ejected_is_shown_as_such_and_the_other_gets_everything() {
    let servers = greeters(&["one"]).await;
    let good = servers[0].address();
    let refused =
        SocketAddr::from(([127, 0, 0, 3], common::free_port(Protocol::Tcp, [127, 0, 0, 3].into()).get()));
    let mut web = service("web", Protocol::Tcp, "127.0.0.9").with(&[good, refused]);
    web.settings().balance = Policy::RoundRobin;
    let proxy = serving(&[&web]).await;
    let observer = proxy.observer();
    let of = |address| {
        let endpoints = observer.endpoints(&key(Protocol::Tcp), Family::V4);
        endpoints.into_iter().find(|view| view.endpoint.address == address).unwrap()
    };
    let odds = [good, refused].map(|address| of(address).picks[0].odds);
    assert_eq!(odds, [Some(0.5), Some(0.5)]);
    while of(refused).state != EndpointState::Ejected {
        assert_eq!(greeting(web.address()).await.unwrap(), "one");
    }
    let ejected = of(refused);
    assert_eq!((ejected.reason, ejected.failures, ejected.ejections), (Some("refused"), 3, 1));
    assert!(ejected.until > ejected.since && ejected.last_failed.is_some(), "{ejected:?}");
    assert_eq!((ejected.picks[0].traffic, ejected.picks[0].reason), (Traffic::Cluster, Some("ejected")));
    assert_eq!(ejected.picks[0].odds, Some(0.0));
    let fine = of(good);
    assert_eq!((fine.state, fine.reason, fine.picks[0].odds), (EndpointState::Ready, None, Some(1.0)));
    assert!(fine.picked >= 3 && fine.connect_time.is_some());
    let port = observer.port(&key(Protocol::Tcp), Family::V4).unwrap();
    assert_eq!((port.count(EndpointState::Ready), port.count(EndpointState::Ejected)), (1, 1));
}

#[tokio::test]
async fn what_a_port_has_served_is_told_and_counts_in_the_totals_after_it_is_gone() {
    let echo = server(Behaviour::Echo).await;
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&[echo.address()]);
    let mut proxy = serving(&[&web]).await;
    let observer = proxy.observer();
    exchange(web.address(), b"hello").await.unwrap();
    let totals = || observer.port(&key(Protocol::Tcp), Family::V4).unwrap().totals;
    eventually("the second is over", async || totals().closed == 1).await;
    assert_eq!((totals().opened, totals().to_endpoint, totals().to_client), (1, 5, 5));
    proxy.apply(&snapshot(&[])).await;
    assert!(observer.port(&key(Protocol::Tcp), Family::V4).is_none());
    assert_eq!((observer.totals()[0].closed, observer.totals()[0].to_client), (1, 5));
    assert!(observer.applied().is_some());
}

#[tokio::test]
async fn endpoints_and_services_that_come_and_go_are_events() {
    let servers = greeters(&["one", "two"]).await;
    let all = addresses(&servers);
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&all[..1]);
    let generation = |generation, services: &[&common::TestService]| {
        let mut snapshot = snapshot(services);
        snapshot.generation = generation;
        snapshot
    };
    let mut proxy = common::proxy();
    proxy.apply(&generation(1, &[&web])).await;
    let observer = proxy.observer();
    assert_eq!(observer.events().after(0).0, [], "the first state is no event");
    let web = web.with(&all[1..]);
    proxy.apply(&generation(2, &[&web])).await;
    proxy.apply(&generation(3, &[])).await;
    let (events, forgotten) = observer.events().after(0);
    let told: Vec<_> = events.iter().map(|event| (event.id, event.occurrence.kind)).collect();
    assert_eq!(
        (told, forgotten),
        (vec![(1, EventKind::EndpointsChanged), (2, EventKind::ServiceRemoved)], 0)
    );
    let message = &events[0].occurrence.message;
    assert_eq!(*message, format!("1 came: {}; 1 went: {}", all[1], all[0]));
}

#[tokio::test]
async fn udp_flows_are_listed_with_their_datagrams() {
    let echo =
        UdpServer::start("127.0.0.2:0".parse().unwrap(), weir_testkit::UdpBehaviour::Echo).await.unwrap();
    let web = service("web", Protocol::Udp, "127.0.0.9").with(&[echo.address()]);
    let proxy = serving(&[&web]).await;
    let observer = proxy.observer();
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.connect(web.address()).await.unwrap();
    for _ in 0..2 {
        client.send(b"x").await.unwrap();
        within(client.recv(&mut [0; 8])).await.unwrap();
    }
    let mut flows = Vec::<FlowInfo>::new();
    let take = |slice| {
        flows.extend::<Vec<FlowInfo>>(slice);
        ControlFlow::Continue(())
    };
    observer.flows(&Arc::default(), None, take).await;
    let [flow] = &flows[..] else { panic!("{flows:?}") };
    assert_eq!((flow.flow.client, flow.endpoint), (client.local_addr().unwrap(), echo.address()));
    assert_eq!((flow.to_endpoint, flow.to_client, flow.assured), (2, 2, true));
    assert_eq!(observer.flows_by_worker().await.iter().sum::<usize>(), 1);
}

#[tokio::test]
async fn a_data_plane_that_has_ended_has_no_connections_and_holds_nobody_up() {
    let echo = server(Behaviour::Echo).await;
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&[echo.address()]);
    let proxy = serving(&[&web]).await;
    let observer = proxy.observer();
    drop(proxy);
    assert!(within(live(&observer, ConnectionFilter::default())).await.is_empty());
    assert_eq!(within(observer.closed(&ConnectionFilter::default())).await.1, 0);
}
