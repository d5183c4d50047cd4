//! Does it count where a client comes from? (semantics P6, N3, M1, M3)

use crate::{
    bed::{
        Bed, ENDPOINTS, NODE_TO_CLIENTS, NODE_TO_ENDPOINTS, OUTSIDE, POD, VIP, bed, bed_with, greeting_from,
        ips, serve_tcp, service_at,
    },
    common::{NODE, snapshot},
    rules::ip,
};
use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU16,
};
use weir_core::{Family, Pods, Protocol};
use weir_testkit::{Behaviour, OwnThread, TcpServer};

fn backend(bed: &Bed, family: usize) -> OwnThread<TcpServer> {
    serve_tcp(&bed.backend, (ENDPOINTS[family], 8080), Behaviour::Greet("web".into()))
}

/// Clients that the endpoint sees when somebody outside, a pod and a process of the node have connected; `None` for a
/// client that is not served.
fn seen(bed: &Bed, server: &TcpServer, frontend: SocketAddr) -> [Option<IpAddr>; 3] {
    let family = usize::from(frontend.is_ipv6());
    let anywhere = ["0.0.0.0", "::"][family];
    [(&bed.client, OUTSIDE[family]), (&bed.client, POD[family]), (&bed.node, anywhere)].map(
        |(host, source)| {
            let before = server.peers().len();
            let got = greeting_from(host, (source, 0), frontend);
            got.ok().map(|_| ips(&server.peers()[before..])[0])
        },
    )
}

#[test]
fn with_the_local_policy_pods_and_the_node_reach_endpoints_elsewhere_and_others_only_those_here() {
    let Some(mut bed) = bed() else { return };
    for family in 0..2 {
        let server = backend(&bed, family);
        let mut web = service_at(VIP[family], 80, Protocol::Tcp).with(&[server.address()]);
        let external = ip(["10.96.0.20", "fd00:96::20"][family]);
        *web.service.external_ips.get_mut(Family::ALL[family]) = [external].into();
        web.service.external_local = true;
        web.endpoints[0].2 = "node-b";
        bed.apply(&[&web]);
        let frontend = SocketAddr::new(external, 80);
        let (outside, pod, node) = (ip(OUTSIDE[family]), ip(POD[family]), ip(NODE_TO_ENDPOINTS[family]));
        assert_eq!(seen(&bed, &server, frontend), [None, Some(pod), Some(node)]);
        web.endpoints[0].2 = NODE;
        bed.apply(&[&web]);
        assert_eq!(seen(&bed, &server, frontend), [Some(outside), Some(pod), Some(node)]);
        web.service.external_local = false;
        bed.apply(&[&web]);
        assert_eq!(seen(&bed, &server, frontend), [Some(node), Some(node), Some(node)]);
    }
}

#[test]
fn traffic_to_a_cluster_ip_keeps_its_source_where_pods_are_not_recognised_unless_all_is_masqueraded() {
    for masquerade_all in [false, true] {
        let change = |config: &mut weir_proxy::Config| {
            config.node_mode.as_mut().unwrap().masquerade_all = masquerade_all;
        };
        let Some(mut bed) = bed_with(Pods::Unknown, change) else { return };
        let server = backend(&bed, 0);
        let web = service_at(VIP[0], 80, Protocol::Tcp).with(&[server.address()]);
        bed.apply(&[&web]);
        let node = Some(ip(NODE_TO_ENDPOINTS[0]));
        let expected = match masquerade_all {
            // A process of the node has the address that it would have without a proxy.
            false => [Some(ip(OUTSIDE[0])), Some(ip(POD[0])), node],
            true => [node, node, node],
        };
        assert_eq!(seen(&bed, &server, web.address()), expected);
    }
}

#[test]
fn node_ports_are_never_on_localhost_and_their_frontends_are_not_dialled_as_endpoints() {
    let Some(mut bed) = bed() else { return };
    let server = backend(&bed, 0);
    let mut web = service_at(VIP[0], 80, Protocol::Tcp).with(&[server.address()]);
    web.service.ports[0].node_port = NonZeroU16::new(30080);
    // An endpoint that is a frontend of this very proxy: nothing brings the connection back to it.
    let circle = service_at("10.96.0.11", 80, Protocol::Tcp).with(&[web.address()]);
    let mut snapshot = snapshot(&[&web, &circle]);
    let addresses = bed.apply_snapshot(&snapshot);
    assert!(addresses.rows.iter().all(|row| !row.frontend.ip().is_loopback()), "{addresses:?}");
    assert_eq!(addresses.rows.len(), 2, "no Node object was seen: {addresses:?}");
    let mut node = (*snapshot.node).clone();
    (node.known, node.internal_ips) = (true, vec![ip(NODE_TO_CLIENTS[0]), ip("127.0.0.1")]);
    snapshot.node = std::sync::Arc::new(node);
    let _other = serve_tcp(&bed.node, ("0.0.0.0", 30080), Behaviour::Silent);
    let addresses = bed.apply_snapshot(&snapshot);
    let frontends: Vec<_> = addresses.rows.iter().map(|row| row.frontend).collect();
    assert_eq!(frontends, [SocketAddr::new(ip(NODE_TO_CLIENTS[0]), 30080)]);
    assert!(greeting_from(&bed.client, (OUTSIDE[0], 0), circle.address()).is_err());
    assert_eq!(server.accepted(), 0);
    assert_eq!(greeting_from(&bed.client, (OUTSIDE[0], 0), web.address()).unwrap(), "web");
}
