//! Which address do endpoints see, and which port? (semantics M1-M4)

use crate::{
    bed::{
        ENDPOINTS, NODE_TO_CLIENTS, NODE_TO_ENDPOINTS, OUTSIDE, POD, VIP, bed, client_at, greeting_from,
        serve_tcp, service_at,
    },
    common::within,
    rules::ip,
};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use weir_core::Protocol;
use weir_testkit::Behaviour;

#[test]
fn pods_keep_their_address_and_others_get_the_nodes() {
    let Some(mut bed) = bed() else { return };
    for family in 0..2 {
        let server = serve_tcp(&bed.backend, (ENDPOINTS[family], 8080), Behaviour::Greet("web".into()));
        let web = service_at(VIP[family], 80, Protocol::Tcp).with(&[server.address()]);
        bed.apply(&[&web]);
        assert_eq!(greeting_from(&bed.client, (POD[family], 4711), web.address()).unwrap(), "web");
        let seen = server.peers()[0];
        assert!(seen.ip() == ip(POD[family]) && seen.port() != 4711, "{seen}");
        assert_eq!(greeting_from(&bed.client, (OUTSIDE[family], 4711), web.address()).unwrap(), "web");
        assert_eq!(server.peers()[1].ip(), ip(NODE_TO_ENDPOINTS[family]));
        assert_eq!(greeting_from(&bed.node, (["0.0.0.0", "::"][family], 0), web.address()).unwrap(), "web");
        assert_eq!(server.peers()[2].ip(), ip(NODE_TO_ENDPOINTS[family]));
    }
}

#[test]
fn one_port_of_a_client_towards_two_services_with_one_endpoint_becomes_two_ports() {
    let Some(mut bed) = bed() else { return };
    for family in 0..2 {
        let server = serve_tcp(&bed.backend, (ENDPOINTS[family], 8080), Behaviour::Greet("web".into()));
        let services =
            [80, 81].map(|port| service_at(VIP[family], port, Protocol::Tcp).with(&[server.address()]));
        bed.apply(&[&services[0], &services[1]]);
        // The client may have the same port towards each of the two, which have the same endpoint.
        let [first, second] = services.map(|service| service.address());
        let source = SocketAddr::new(ip(POD[family]), 4712);
        let both = || async move {
            let mut first = client_at(source).unwrap().connect(first).await.unwrap();
            assert_eq!(first.read_u8().await.unwrap(), b'w');
            let mut second = client_at(source).unwrap().connect(second).await.unwrap();
            assert_eq!(second.read_u8().await.unwrap(), b'w');
        };
        bed.client.run(both).unwrap();
        let peers = server.peers();
        assert!(
            peers.iter().all(|peer| peer.ip() == source.ip() && peer.port() != source.port()),
            "{peers:?}"
        );
        assert_ne!(peers[0].port(), peers[1].port());
    }
}

#[test]
fn a_pod_that_reaches_itself_sees_the_nodes_address() {
    let Some(mut bed) = bed() else { return };
    for family in 0..2 {
        let server = serve_tcp(&bed.client, (POD[family], 8080), Behaviour::Greet("self".into()));
        let web = service_at(VIP[family], 80, Protocol::Tcp).with(&[server.address()]);
        bed.apply(&[&web]);
        assert_eq!(greeting_from(&bed.client, (POD[family], 0), web.address()).unwrap(), "self");
        assert_eq!(server.peers()[0].ip(), ip(NODE_TO_CLIENTS[family]));
    }
}

#[test]
fn a_client_for_which_a_proxy_speaks_is_not_the_source_of_packets_but_its_proxy_is() {
    let Some(mut bed) = bed() else { return };
    let server = serve_tcp(&bed.backend, (ENDPOINTS[0], 8080), Behaviour::Greet("web".into()));
    let mut web = service_at(VIP[0], 80, Protocol::Tcp).with(&[server.address()]);
    web.settings().accept_proxy_protocol = [format!("{}/32", POD[0]).parse().unwrap()].into();
    bed.apply(&[&web]);
    let frontend = web.address();
    let visit = || async move {
        let mut client =
            client_at(SocketAddr::new(ip(POD[0]), 4715)).unwrap().connect(frontend).await.unwrap();
        client.write_all(b"PROXY TCP4 192.0.2.7 10.96.0.10 4711 80\r\n").await.unwrap();
        within(client.read_u8()).await.unwrap()
    };
    assert_eq!(bed.client.run(visit).unwrap(), b'w');
    assert_eq!(server.peers()[0].ip(), ip(POD[0]));
}
