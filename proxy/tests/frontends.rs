//! Are Service addresses served as Services come, change and go, and when weir stops?
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{
    addresses, connect, greeters, greeting, proxy, server, service, serving, snapshot, states, within,
};
use std::{collections::HashMap, io::ErrorKind, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UdpSocket,
};
use weir_core::{Audience, EventReason, Protocol};
use weir_proxy::FrontendState;
use weir_testkit::{Behaviour, TcpServer, UdpBehaviour, UdpServer};

#[tokio::test]
async fn a_frontend_without_endpoints_refuses_and_opens_when_one_appears() {
    let mut web = service("web", Protocol::Tcp, "127.0.0.9");
    let mut proxy = proxy();
    assert_eq!(states(&proxy.apply(&snapshot(&[&web])).await), [FrontendState::NoEndpoints]);
    assert_eq!(connect(web.address()).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    web.settings().balance = weir_core::Policy::Random;
    assert_eq!(states(&proxy.apply(&snapshot(&[&web])).await), [], "its state is the same");

    let servers = greeters(&["a"]).await;
    web = web.with(&addresses(&servers));
    assert_eq!(
        states(&proxy.apply(&snapshot(&[&web])).await),
        [FrontendState::Listening(Audience::Everyone)]
    );
    assert_eq!(greeting(web.address()).await.unwrap(), "a");

    web = web.with(&[]);
    assert_eq!(states(&proxy.apply(&snapshot(&[&web])).await), [FrontendState::NoEndpoints]);
    assert_eq!(connect(web.address()).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn established_connections_outlive_every_change() {
    let server = server(Behaviour::Echo).await;
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&[server.address()]);
    let mut proxy = serving(&[&web]).await;
    let mut client = connect(web.address()).await.unwrap();
    client.write_all(b"1").await.unwrap();
    assert_eq!(client.read_u8().await.unwrap(), b'1');
    proxy.apply(&snapshot(&[])).await;
    assert_eq!(connect(web.address()).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    client.write_all(b"2").await.unwrap();
    assert_eq!(within(client.read_u8()).await.unwrap(), b'2');
}

#[tokio::test]
async fn a_change_of_one_service_leaves_the_others_alone() {
    let servers = greeters(&["a", "b"]).await;
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&[servers[0].address()]);
    let api = service("api", Protocol::Tcp, "127.0.0.10").with(&[servers[1].address()]);
    let mut proxy = serving(&[&web, &api]).await;
    let applied = proxy.apply(&snapshot(&[&web])).await;
    let changed: Vec<_> = applied.rows.iter().map(|row| (&*row.port.service.name, &row.state)).collect();
    assert_eq!(changed, [("api", &FrontendState::Removed)]);
    assert_eq!(greeting(web.address()).await.unwrap(), "a");
}

#[tokio::test]
async fn a_change_of_one_service_of_a_thousand_looks_at_no_other() {
    let numbered = |number: u16| {
        let ip = format!("127.9.{}.{}", number / 250, number % 250);
        service(&format!("web-{number}"), Protocol::Tcp, &ip)
    };
    let mut services: Vec<_> = (0..1000).map(numbered).collect();
    let mut proxy = proxy();
    let mut served = snapshot(&services.iter().collect::<Vec<_>>());
    assert_eq!(proxy.apply(&served).await.visited, 1000);
    let server = server(Behaviour::Greet("a".into())).await;
    let changed = services.swap_remove(500).with(&[server.address()]);
    served.insert(Arc::clone(snapshot(&[&changed]).get(&changed.service.key).unwrap()));
    let applied = proxy.apply(&served).await;
    assert_eq!((applied.visited, states(&applied)), (1, vec![FrontendState::Listening(Audience::Everyone)]));
    assert_eq!(greeting(changed.address()).await.unwrap(), "a");
    served.remove(&changed.service.key);
    assert_eq!(proxy.apply(&served).await.visited, 1);
    assert_eq!(proxy.apply(&served).await.visited, 0);
}

#[tokio::test]
async fn an_address_that_moves_to_another_service_is_served_by_it_at_once() {
    let servers = greeters(&["a", "b"]).await;
    let old = service("old", Protocol::Tcp, "127.0.0.9").with(&[servers[0].address()]);
    let mut new = service("new", Protocol::Tcp, "127.0.0.9").with(&[servers[1].address()]);
    new.service.ports = old.service.ports.clone();
    let mut proxy = serving(&[&old]).await;
    assert_eq!(greeting(old.address()).await.unwrap(), "a");
    proxy.apply(&snapshot(&[&new])).await;
    assert_eq!(greeting(new.address()).await.unwrap(), "b");
}

#[tokio::test]
async fn nobody_is_refused_while_an_address_passes_from_service_to_service() {
    let servers = greeters(&["a", "b"]).await;
    let old = service("old", Protocol::Tcp, "127.0.0.9").with(&[servers[0].address()]);
    let mut new = service("new", Protocol::Tcp, "127.0.0.9").with(&[servers[1].address()]);
    new.service.ports = old.service.ports.clone();
    let mut proxy = serving(&[&old]).await;
    let address = old.address();
    let visitor = tokio::spawn(async move {
        let mut visits = HashMap::<String, usize>::new();
        while visits.values().filter(|&&count| count > 50).count() < 2 {
            *visits.entry(greeting(address).await.unwrap()).or_default() += 1;
        }
    });
    for turn in [&new, &old].into_iter().cycle() {
        if visitor.is_finished() {
            break;
        }
        proxy.apply(&snapshot(&[turn])).await;
        tokio::task::yield_now().await;
    }
    within(visitor).await.unwrap();
}

#[tokio::test]
async fn a_udp_client_follows_an_address_that_passes_to_another_service() {
    let greeter = async |name: &str| {
        UdpServer::start("127.0.0.2:0".parse().unwrap(), UdpBehaviour::Greet(name.into())).await.unwrap()
    };
    let servers = [greeter("a").await, greeter("b").await];
    let old = service("old", Protocol::Udp, "127.0.0.9").with(&[servers[0].address()]);
    let mut new = service("new", Protocol::Udp, "127.0.0.9").with(&[servers[1].address()]);
    new.service.ports = old.service.ports.clone();
    let mut proxy = serving(&[&old]).await;
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.connect(old.address()).await.unwrap();
    for (service, name) in [(&old, b'a'), (&new, b'b'), (&old, b'a')] {
        proxy.apply(&snapshot(&[service])).await;
        client.send(b"x").await.unwrap();
        let mut reply = [0; 8];
        within(client.recv(&mut reply)).await.unwrap();
        assert_eq!(reply[0], name);
    }
}

#[tokio::test]
async fn an_answer_that_is_on_its_way_when_the_address_passes_on_still_arrives() {
    let bind = async |ip: &str| UdpSocket::bind((ip, 0)).await.unwrap();
    let (first, second, client) = (bind("127.0.0.2").await, bind("127.0.0.2").await, bind("127.0.0.1").await);
    let old = service("old", Protocol::Udp, "127.0.0.9").with(&[first.local_addr().unwrap()]);
    let mut new = service("new", Protocol::Udp, "127.0.0.9").with(&[second.local_addr().unwrap()]);
    new.service.ports = old.service.ports.clone();
    let mut proxy = serving(&[&old]).await;
    client.connect(old.address()).await.unwrap();
    let mut buffer = [0; 8];

    client.send(b"1").await.unwrap();
    let (_, upstream) = within(first.recv_from(&mut buffer)).await.unwrap();
    proxy.apply(&snapshot(&[&new])).await;
    first.send_to(b"late", upstream).await.unwrap();
    assert_eq!(within(client.recv(&mut buffer)).await.unwrap(), 4);

    client.send(b"23").await.unwrap();
    assert_eq!(within(second.recv(&mut buffer)).await.unwrap(), 2);
}

#[tokio::test]
async fn affinity_brings_a_client_back_until_its_endpoint_leaves() {
    let servers = greeters(&["a", "b", "c"]).await;
    let mut web = service("web", Protocol::Tcp, "127.0.0.9").with(&addresses(&servers));
    web.service.affinity = Some(Duration::from_secs(60));
    let mut proxy = serving(&[&web]).await;
    let first = greeting(web.address()).await.unwrap();
    for _ in 0..30 {
        assert_eq!(greeting(web.address()).await.unwrap(), first);
    }
    let gone = servers["abc".find(&first).unwrap()].address();
    web.endpoints.retain(|(address, ..)| *address != gone);
    proxy.apply(&snapshot(&[&web])).await;
    let second = greeting(web.address()).await.unwrap();
    assert_ne!(first, second);
    web = web.with(&addresses(&servers));
    proxy.apply(&snapshot(&[&web])).await;
    for _ in 0..30 {
        assert_eq!(
            greeting(web.address()).await.unwrap(),
            second,
            "an endpoint that left and came back is forgotten"
        );
    }
}

#[tokio::test]
async fn affinity_is_shared_by_all_addresses_of_a_port_and_not_by_its_ports() {
    let servers = greeters(&["a", "b", "c", "d", "e", "f", "g", "h"]).await;
    let mut web = service("web", Protocol::Tcp, "127.0.0.9").with(&addresses(&servers));
    let node_port = common::free_port(Protocol::Tcp, "127.0.0.1".parse().unwrap());
    web.service.affinity = Some(Duration::from_secs(60));
    web.service.ports[0].node_port = Some(node_port);
    let api = service("api", Protocol::Tcp, "127.0.0.10").with(&addresses(&servers));
    let api = common::TestService {
        service: weir_core::Service { affinity: web.service.affinity, ..api.service },
        ..api
    };
    let _proxy = serving(&[&web, &api]).await;
    let first = greeting(web.address()).await.unwrap();
    let node = SocketAddr::from(([127, 0, 0, 1], node_port.get()));
    for _ in 0..20 {
        assert_eq!(greeting(node).await.unwrap(), first);
    }
    let other = greeting(api.address()).await.unwrap();
    assert_eq!(greeting(api.address()).await.unwrap(), other, "another port has a memory of its own");
    assert_eq!(greeting(web.address()).await.unwrap(), first);
}

#[tokio::test]
async fn ipv6_services_reach_ipv6_endpoints() {
    let server = TcpServer::start("[::1]:0".parse().unwrap(), Behaviour::Greet("six".into())).await.unwrap();
    let web = service("web", Protocol::Tcp, "::1").with(&[server.address()]);
    let _proxy = serving(&[&web]).await;
    assert_eq!(greeting(web.address()).await.unwrap(), "six");
}

#[tokio::test]
async fn an_address_in_use_is_reported_and_served_once_it_is_free_while_others_serve() {
    let servers = greeters(&["a"]).await;
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&addresses(&servers));
    let api = service("api", Protocol::Tcp, "127.0.0.10").with(&addresses(&servers));
    let holder = std::net::TcpListener::bind(web.address()).unwrap();
    let mut proxy = proxy();
    let applied = proxy.apply(&snapshot(&[&web, &api])).await;
    let failed = applied.rows.iter().find(|row| *row.port.service.name == *"web").unwrap();
    assert!(
        matches!(&failed.state, FrontendState::Failed(why) if why.to_string().contains("in use") && why.to_string().contains("ss -")),
        "{failed:?}"
    );
    assert_eq!(greeting(api.address()).await.unwrap(), "a");

    drop(holder);
    let (_publish, mut snapshots) = tokio::sync::watch::channel(snapshot(&[&web, &api]));
    let opened = within(async {
        let (seen, mut opened) = tokio::sync::mpsc::unbounded_channel();
        let run = proxy.run(&mut snapshots, |_, applied| {
            applied.rows.into_iter().for_each(|row| seen.send(row).unwrap())
        });
        tokio::select! {
            row = opened.recv() => row.unwrap(),
            () = run => unreachable!("the sender lives"),
        }
    })
    .await;
    assert_eq!(
        (&*opened.port.service.name, opened.state),
        ("web", FrontendState::Listening(Audience::Everyone))
    );
    assert_eq!(greeting(web.address()).await.unwrap(), "a");
}

#[tokio::test]
async fn an_address_in_use_is_found_wrong_in_the_words_of_the_log_until_it_is_served() {
    let servers = greeters(&["a"]).await;
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&addresses(&servers));
    let holder = std::net::TcpListener::bind(web.address()).unwrap();
    let mut proxy = proxy();
    let mut found = proxy.findings();
    let (_publish, mut snapshots) = tokio::sync::watch::channel(snapshot(&[&web]));
    let looking = async {
        let failing = found.wait_for(|found| !found.is_empty()).await.unwrap().clone();
        let (key, sentence) = failing.first_key_value().unwrap();
        assert_eq!((failing.len(), &*key.service.name), (1, "web"));
        assert_eq!(key.reason, EventReason::FrontendNotBound);
        let begins = format!("cannot serve cluster-ip {} of default/web/TCP:", web.address());
        assert!(sentence.starts_with(&begins) && sentence.contains("in use"), "{sentence}");
        assert!(!sentence.contains("held by"), "whoever reads Events need not know this node's processes");
        drop(holder);
        found.wait_for(|found| found.is_empty()).await.unwrap();
    };
    let run = Box::pin(proxy.run(&mut snapshots, |_, _| {}));
    within(async {
        tokio::select! {
            () = looking => {}
            () = run => unreachable!("the sender lives"),
        }
    })
    .await;
}

#[tokio::test]
async fn a_second_proxy_of_the_same_user_does_not_silently_share_an_address() {
    let servers = greeters(&["a"]).await;
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        let web = service("web", protocol, "127.0.0.9").with(&addresses(&servers));
        let _first = serving(&[&web]).await;
        let applied = proxy().apply(&snapshot(&[&web])).await;
        assert!(
            matches!(&states(&applied)[..], [FrontendState::Failed(why)] if why.to_string().contains("in use")),
            "{applied:?}"
        );
    }
}

#[tokio::test]
async fn a_drain_lets_connections_finish_and_resets_those_that_do_not() {
    let server = server(Behaviour::Echo).await;
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&[server.address()]);
    let proxy = serving(&[&web]).await;
    let mut finishing = connect(web.address()).await.unwrap();
    let mut staying = connect(web.address()).await.unwrap();
    for client in [&mut finishing, &mut staying] {
        client.write_all(b"x").await.unwrap();
        client.read_u8().await.unwrap();
    }
    let draining = tokio::spawn(proxy.drain(Duration::from_millis(500)));
    finishing.write_all(b"y").await.unwrap();
    assert_eq!(finishing.read_u8().await.unwrap(), b'y');
    drop(finishing);
    assert_eq!(draining.await.unwrap().reset, 1);
    assert_eq!(within(staying.read_u8()).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_draining_proxy_refuses_newcomers_while_connections_go_on() {
    let server = server(Behaviour::Echo).await;
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&[server.address()]);
    let proxy = serving(&[&web]).await;
    let mut staying = connect(web.address()).await.unwrap();
    staying.write_all(b"x").await.unwrap();
    staying.read_u8().await.unwrap();
    proxy.stop_accepting().await;
    for _ in 0..10 {
        assert_eq!(connect(web.address()).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
    let draining = tokio::spawn(proxy.drain(common::HANG));
    staying.write_all(b"y").await.unwrap();
    assert_eq!(staying.read_u8().await.unwrap(), b'y');
    drop(staying);
    assert_eq!(within(draining).await.unwrap().reset, 0);
}

#[tokio::test]
async fn udp_flows_go_on_for_as_long_as_a_drain_waits_for_connections() {
    let tcp = server(Behaviour::Echo).await;
    let udp = UdpServer::start("127.0.0.2:0".parse().unwrap(), UdpBehaviour::Echo).await.unwrap();
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&[tcp.address()]);
    let dns = service("dns", Protocol::Udp, "127.0.0.9").with(&[udp.address()]);
    let proxy = serving(&[&web, &dns]).await;
    let mut staying = connect(web.address()).await.unwrap();
    staying.write_all(b"x").await.unwrap();
    staying.read_u8().await.unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.connect(dns.address()).await.unwrap();
    let ask = async || {
        client.send(b"x").await.unwrap();
        within(client.recv(&mut [0; 8])).await
    };
    assert_eq!(ask().await.unwrap(), 1);
    proxy.stop_accepting().await;
    for _ in 0..3 {
        assert_eq!(ask().await.unwrap(), 1);
    }
    assert_eq!(udp.sources().len(), 1, "it is the same flow");
    drop(staying);
    assert_eq!(within(proxy.drain(common::HANG)).await.reset, 0);
}

#[tokio::test]
async fn a_drain_without_connections_ends_at_once() {
    let server = server(Behaviour::Echo).await;
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&[server.address()]);
    let proxy = serving(&[&web]).await;
    assert_eq!(within(proxy.drain(Duration::from_secs(3600))).await.reset, 0);
}
