//! Do UDP clients reach endpoints, and hear replies from the address that they dialled?

use crate::{
    bed::{Bed, ENDPOINTS, NODE_TO_ENDPOINTS, OUTSIDE, POD, VIP, bed, ips, serve_udp, service_at},
    common::within,
    rules::ip,
};
use std::{collections::HashSet, net::SocketAddr};
use tokio::net::UdpSocket;
use weir_core::{Conditions, Protocol};
use weir_testkit::{Namespace, UdpBehaviour};

/// Sends from an address and returns the first answer; the socket hears its peer only.
pub(crate) fn ask(host: &Namespace, source: SocketAddr, frontend: SocketAddr) -> String {
    let ask = || async move {
        let client = UdpSocket::bind(source).await.unwrap();
        client.connect(frontend).await.unwrap();
        client.send(b"ask").await.unwrap();
        let mut buffer = [0; 64];
        let length = within(client.recv(&mut buffer)).await.unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    host.run(ask).unwrap()
}

/// Any port of an address.
pub(crate) fn from(address: &str) -> SocketAddr {
    SocketAddr::new(ip(address), 0)
}

#[test]
fn replies_come_from_the_dialled_address_and_pods_keep_theirs_towards_endpoints() {
    let Some(mut bed) = bed() else { return };
    for family in 0..2 {
        let servers = ["a", "b"].map(|name| {
            let port = 5300 + u16::from(name.as_bytes()[0]);
            serve_udp(&bed.backend, (ENDPOINTS[family], port), UdpBehaviour::Greet(name.into()))
        });
        let services = [53, 54].map(|port| service_at(VIP[family], port, Protocol::Udp));
        let services: Vec<_> =
            services.into_iter().zip(&servers).map(|(s, server)| s.with(&[server.address()])).collect();
        bed.apply(&services.iter().collect::<Vec<_>>());
        for (service, name) in services.iter().zip(["a:ask", "b:ask"]) {
            let anywhere = ["0.0.0.0", "::"][family];
            for (host, source) in
                [(&bed.client, OUTSIDE[family]), (&bed.client, POD[family]), (&bed.node, anywhere)]
            {
                assert_eq!(ask(host, from(source), service.address()), name, "{source}");
            }
        }
        for server in &servers {
            let expected = HashSet::from([ip(POD[family]), ip(NODE_TO_ENDPOINTS[family])]);
            assert_eq!(ips(&server.sources()).into_iter().collect::<HashSet<_>>(), expected);
        }
    }
}

#[test]
fn one_port_of_a_pod_towards_two_services_with_one_endpoint_becomes_two_ports() {
    let Some(mut bed) = bed() else { return };
    for family in 0..2 {
        let server = serve_udp(&bed.backend, (ENDPOINTS[family], 5300), UdpBehaviour::Echo);
        let services =
            [53, 54].map(|port| service_at(VIP[family], port, Protocol::Udp).with(&[server.address()]));
        bed.apply(&[&services[0], &services[1]]);
        let source = SocketAddr::new(ip(POD[family]), 4713);
        for service in &services {
            assert_eq!(ask(&bed.client, source, service.address()), "ask");
        }
        let sources = server.sources();
        assert!(!sources.contains(&source) && sources.len() == 2, "{sources:?}");
        assert!(sources.iter().all(|seen| seen.ip() == source.ip()), "{sources:?}");
    }
}

#[test]
fn the_same_port_may_be_served_over_tcp_and_udp() {
    let Some(mut bed) = bed() else { return };
    let udp = serve_udp(&bed.backend, (ENDPOINTS[0], 5300), UdpBehaviour::Greet("udp".into()));
    let tcp = crate::bed::serve_tcp(
        &bed.backend,
        (ENDPOINTS[0], 5300),
        weir_testkit::Behaviour::Greet("tcp".into()),
    );
    let services = [
        service_at(VIP[0], 53, Protocol::Udp).with(&[udp.address()]),
        service_at(VIP[0], 53, Protocol::Tcp).with(&[tcp.address()]),
    ];
    bed.apply(&[&services[0], &services[1]]);
    assert_eq!(ask(&bed.client, from(OUTSIDE[0]), services[0].address()), "udp:ask");
    let got = crate::bed::greeting_from(&bed.client, (OUTSIDE[0], 0), services[1].address());
    assert_eq!(got.unwrap(), "tcp");
}

/// Waits until all that came to the node was read from its sockets (`rx_queue` of /proc/net/udp, proc_pid_net(5)).
fn wait_until_all_is_read(bed: &Bed) {
    let all_is_read = || {
        let table = std::fs::read_to_string("/proc/thread-self/net/udp").unwrap();
        let queues = table.lines().skip(1).filter_map(|line| line.split_whitespace().nth(4));
        queues.map(|queues| queues.split_once(':').unwrap().1).all(|received| received == "00000000")
    };
    let wait = || async move {
        within(async {
            while !all_is_read() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    };
    bed.node.run(wait).unwrap();
}

/// Number of UDP sockets of the node that have the address of a Service.
fn reply_sockets(bed: &Bed) -> usize {
    let list = || async { std::fs::read_to_string("/proc/thread-self/net/udp").unwrap() };
    let [a, b, c, d] = [10, 96, 0, 10].map(|octet: u32| octet);
    let address = format!("{d:02X}{c:02X}{b:02X}{a:02X}:");
    bed.node.run(list).unwrap().lines().filter(|line| line.contains(&address)).count()
}

#[test]
fn the_socket_for_replies_is_closed_with_the_last_flow() {
    let Some(mut bed) = bed() else { return };
    let server = serve_udp(&bed.backend, (ENDPOINTS[0], 5300), UdpBehaviour::Echo);
    let dns = service_at(VIP[0], 53, Protocol::Udp).with(&[server.address()]);
    bed.apply(&[&dns]);
    assert_eq!(reply_sockets(&bed), 0);
    ask(&bed.client, from(OUTSIDE[0]), dns.address());
    ask(&bed.client, from(OUTSIDE[0]), dns.address());
    assert!(reply_sockets(&bed) > 0);
    bed.apply(&[]);
    // The flows of the Service were signalled to end; their tasks do so when they are polled.
    let gone = || async {
        within(async {
            while reply_sockets(&bed) > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    };
    bed.node.run(gone).unwrap();
}

#[test]
fn a_flow_stays_with_an_endpoint_that_serves_and_ends_with_it_and_with_its_service() {
    let Some(mut bed) = bed() else { return };
    let server = serve_udp(&bed.backend, (ENDPOINTS[0], 5300), UdpBehaviour::Echo);
    let other = serve_udp(&bed.backend, (ENDPOINTS[0], 5301), UdpBehaviour::Echo);
    let mut dns = service_at(VIP[0], 53, Protocol::Udp).with(&[server.address()]);
    let address = dns.address();
    bed.apply(&[&dns]);
    let client =
        bed.client.run(|| async { std::net::UdpSocket::bind((ip(OUTSIDE[0]), 0)).unwrap() }).unwrap();
    client.set_read_timeout(Some(crate::common::HANG)).unwrap();
    client.connect(address).unwrap();
    let exchange = |text: &[u8]| {
        client.send(text).unwrap();
        let mut buffer = [0; 64];
        let length = weir_testkit::uninterrupted(|| client.recv(&mut buffer)).unwrap();
        assert_eq!(&buffer[..length], text);
    };
    exchange(b"one");
    // Local policy leaves new flows without an endpoint; this one has one that serves.
    dns.endpoints[0].2 = "node-b";
    dns.service.internal_local = true;
    bed.apply(&[&dns]);
    exchange(b"two");
    let serving = Conditions { ready: false, serving: true, terminating: true };
    (dns.endpoints[0].1, dns.service.internal_local) = (serving, false);
    dns.endpoints.push((other.address(), Conditions::default(), "node-b"));
    bed.apply(&[&dns]);
    exchange(b"three");
    assert_eq!((server.received(), other.received()), (3, 0));
    // The endpoint does not serve any more: nothing reaches it, whatever else there is.
    dns.endpoints[0].1.serving = false;
    bed.apply(&[&dns]);
    exchange(b"four");
    assert_eq!((server.received(), other.received()), (3, 1));
    // Without an endpoint, and without the Service, a datagram goes nowhere.
    dns.endpoints.pop();
    bed.apply(&[&dns]);
    client.send(b"five").unwrap();
    bed.apply(&[]);
    client.send(b"six").unwrap();
    wait_until_all_is_read(&bed);
    dns.endpoints = vec![(other.address(), Conditions::default(), "node-b")];
    bed.apply(&[&dns]);
    exchange(b"seven");
    assert_eq!((server.received(), other.received()), (3, 2));
}

#[test]
fn ten_thousand_pairs_of_queries_from_one_socket_lose_nothing() {
    const PAIRS: usize = 10_000;
    const AT_ONCE: usize = 100;
    let Some(mut bed) = bed() else { return };
    for family in 0..2 {
        let server = serve_udp(&bed.backend, (ENDPOINTS[family], 5300), UdpBehaviour::Echo);
        let dns = service_at(VIP[family], 53, Protocol::Udp).with(&[server.address()]);
        bed.apply(&[&dns]);
        let frontend = dns.address();
        let pairs = || async move {
            let client = UdpSocket::bind(from(POD[family])).await.unwrap();
            let mut unanswered = HashSet::new();
            let mut buffer = [0; 64];
            for start in (0..2 * PAIRS).step_by(2 * AT_ONCE) {
                for query in start..start + 2 * AT_ONCE {
                    unanswered.insert(query);
                    client.send_to(&query.to_be_bytes(), frontend).await.unwrap();
                }
                while !unanswered.is_empty() {
                    let (length, sender) = within(client.recv_from(&mut buffer)).await.unwrap();
                    assert_eq!(sender, frontend);
                    let query = usize::from_be_bytes(buffer[..length].try_into().unwrap());
                    assert!(unanswered.remove(&query));
                }
            }
        };
        bed.client.run(pairs).unwrap();
        assert_eq!(server.received(), 2 * PAIRS as u64);
    }
}

#[test]
fn an_endpoint_that_refuses_a_pod_is_left_although_it_sees_the_pods_address() {
    let Some(mut bed) = bed() else { return };
    for family in 0..2 {
        let servers =
            [5300, 5301].map(|port| serve_udp(&bed.backend, (ENDPOINTS[family], port), UdpBehaviour::Echo));
        let endpoints = servers.each_ref().map(|server| server.address());
        let [first, _second] = servers;
        bed.apply(&[&service_at(VIP[family], 53, Protocol::Udp).with(&endpoints[..1])]);
        let both = service_at(VIP[family], 53, Protocol::Udp).with(&endpoints);
        let frontend = both.address();
        let client =
            bed.client.run(|| async { std::net::UdpSocket::bind(from(POD[family])).unwrap() }).unwrap();
        client.connect(frontend).unwrap();
        client.set_read_timeout(Some(crate::common::HANG)).unwrap();
        client.send(b"ask").unwrap();
        assert_eq!(weir_testkit::uninterrupted(|| client.recv(&mut [0; 64])).unwrap(), 3);
        bed.apply(&[&both]);
        drop(first);
        client.set_read_timeout(Some(std::time::Duration::from_millis(50))).unwrap();
        // Without the refusal the flow would stay where it is for as long as the client goes on.
        let answered = (0..200).any(|_| {
            client.send(b"ask").unwrap();
            weir_testkit::uninterrupted(|| client.recv(&mut [0; 64])).is_ok()
        });
        assert!(answered, "{frontend}");
    }
}
