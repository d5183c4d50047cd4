//! Are pods on a Linux bridge served, whether or not iptables sees what passes it?

use crate::{
    bed::{Bed, ENDPOINTS, POD, VIP, bed_with, greeting_from, serve_tcp, serve_udp, service_at},
    common::{TestService, connect, states},
    rules::{self, ip, sysctl},
    udp::{ask, from},
};
use ipnet::IpNet;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use weir_core::{Audience, BridgeNetwork, Bridges, Frontend, PerFamily, Pods, Protocol, Snapshot};
use weir_proxy::{Applied, FrontendState};
use weir_testkit::{Behaviour, Namespace, UdpBehaviour};

const BRIDGE: [&str; 2] = ["10.244.0.1", "fd00:244::1"];
const NEIGHBOUR: [&str; 2] = ["10.244.0.3", "fd00:244::3"];
const NETWORKS: [&str; 2] = ["10.244.0.0/24", "fd00:244::/64"];

/// The client and another pod on a bridge of the node.
fn bridged(iptables_sees: bool) -> Option<(Bed, Namespace)> {
    let bed = bed_with(Pods::OnBridge("cni0".into()), |_| {})?;
    let neighbour = Namespace::create("pod")?;
    bed.node.join("169.254.0.1/32", &neighbour, "169.254.0.2/32").unwrap();
    bed.node.ip(&["link", "add", "cni0", "type", "bridge"]).unwrap();
    for interface in ["client", "pod"] {
        bed.node.ip(&["address", "flush", "dev", interface]).unwrap();
        bed.node.ip(&["link", "set", interface, "master", "cni0"]).unwrap();
    }
    bed.node.ip(&["link", "set", "cni0", "up"]).unwrap();
    for (index, family) in ["-4", "-6"].iter().enumerate() {
        let length = ["24", "64"][index];
        let _ = bed.node.ip(&[family, "route", "del", POD[index]]);
        bed.client.ip(&["address", "del", POD[index], "dev", "lo"]).unwrap();
        let hosts =
            [(&bed.node, "cni0", BRIDGE), (&bed.client, "node", POD), (&neighbour, "node", NEIGHBOUR)];
        for (host, interface, address) in hosts {
            let address = format!("{}/{length}", address[index]);
            host.ip(&["address", "add", &address, "dev", interface, "nodad"]).unwrap();
        }
        for host in [&bed.client, &neighbour] {
            host.ip(&[family, "route", "replace", "default", "via", BRIDGE[index]]).unwrap();
        }
    }
    let see = || async move {
        for name in ["bridge-nf-call-iptables", "bridge-nf-call-ip6tables"] {
            sysctl(&format!("net/bridge/{name}"), if iptables_sees { "1" } else { "0" });
        }
    };
    bed.node.run(see).unwrap();
    Some((bed, neighbour))
}

/// Sets the bridge: first in the data plane, then in the rules.
fn bridges(bed: &mut Bed, bound: bool) -> Vec<FrontendState> {
    states(&set_bridges(bed, bound))
}

fn set_bridges(bed: &mut Bed, bound: bool) -> Applied {
    let networks = NETWORKS.map(|network| network.parse::<IpNet>().unwrap()).to_vec();
    let on = |network| BridgeNetwork {
        bridge: "bridge".into(),
        hardware_address: [2; 6],
        network,
        elsewhere: Vec::new(),
        hands_over: false,
    };
    let networks = networks.into_iter().map(on).collect();
    let bridges = Bridges { bound: PerFamily { v4: bound, v6: bound }, networks };
    let proxy = &mut bed.proxy;
    let applied = bed.node.run(|| proxy.set_bridges(bridges.clone())).unwrap();
    let capture_sockets = proxy.capture_sockets();
    bed.node.run(|| async { rules::install(capture_sockets, &bridges) }).unwrap();
    applied
}

fn is_served(bed: &mut Bed, neighbour: &Namespace) {
    for index in 0..2 {
        let far = serve_tcp(&bed.backend, (ENDPOINTS[index], 8080), Behaviour::Greet("far".into()));
        let near = serve_tcp(neighbour, (NEIGHBOUR[index], 8080), Behaviour::Greet("near".into()));
        let datagrams = serve_udp(&bed.backend, (ENDPOINTS[index], 5300), UdpBehaviour::Greet("far".into()));
        let mut services = [
            service_at(VIP[index], 80, Protocol::Tcp).with(&[far.address()]),
            service_at(VIP[index], 81, Protocol::Tcp).with(&[near.address()]),
            service_at(VIP[index], 53, Protocol::Udp).with(&[datagrams.address()]),
        ];
        services.iter_mut().for_each(|service| service.service.external_local = true);
        bed.apply(&services.iter().collect::<Vec<_>>());
        let [of_far, of_near, of_datagrams] = services.each_ref().map(TestService::address);
        for (frontend, name) in [(of_far, "far"), (of_near, "near")] {
            assert_eq!(greeting_from(&bed.client, (POD[index], 0), frontend).unwrap(), name);
        }
        let pod = ip(POD[index]);
        assert_eq!(far.peers()[0].ip(), pod);
        assert_eq!(near.peers()[0].ip(), ip(BRIDGE[index]), "its replies would not come back here");
        assert_eq!(ask(&bed.client, from(POD[index]), of_datagrams), "far:ask");
        assert_eq!(datagrams.sources()[0].ip(), pod);
        assert_eq!(greeting_from(&bed.node, (["0.0.0.0", "::"][index], 0), of_far).unwrap(), "far");
    }
}

#[test]
fn pods_on_a_bridge_that_iptables_does_not_see_are_served() {
    let Some((mut bed, neighbour)) = bridged(false) else { return };
    bridges(&mut bed, false);
    is_served(&mut bed, &neighbour);
}

#[test]
fn pods_on_a_bridge_that_iptables_sees_are_served_through_bound_frontends() {
    let Some((mut bed, neighbour)) = bridged(true) else { return };
    bridges(&mut bed, true);
    is_served(&mut bed, &neighbour);
}

#[test]
fn frontends_are_bound_and_released_at_run_time_and_connections_go_on() {
    let Some((mut bed, _neighbour)) = bridged(false) else { return };
    let server = serve_tcp(&bed.backend, (ENDPOINTS[0], 8080), Behaviour::Echo);
    let web = service_at(VIP[0], 80, Protocol::Tcp).with(&[server.address()]);
    bed.apply(&[&web]);
    let address: SocketAddr = web.address();
    let bed = std::cell::RefCell::new(bed);
    let client =
        bed.borrow().client.run(|| async move { connect(address).await?.into_std() }).unwrap().unwrap();
    let echo = |text: &[u8; 3]| {
        let client = client.try_clone().unwrap();
        let exchange = || async move {
            let mut client = tokio::net::TcpStream::from_std(client).unwrap();
            client.write_all(text).await.unwrap();
            let mut buffer = [0; 3];
            crate::common::within(client.read_exact(&mut buffer)).await.unwrap();
            assert_eq!(&buffer, text);
        };
        bed.borrow().client.run(exchange).unwrap();
    };
    echo(b"one");
    let listening = [FrontendState::Listening(Audience::Everyone)];
    assert_eq!(bridges(&mut bed.borrow_mut(), true), listening);
    echo(b"two");
    assert_eq!(bridges(&mut bed.borrow_mut(), false), []);
    echo(b"six");
}

#[test]
fn datagrams_are_served_before_and_after_their_frontend_is_bound() {
    let Some((mut bed, _neighbour)) = bridged(false) else { return };
    for index in 0..2 {
        let server = serve_udp(&bed.backend, (ENDPOINTS[index], 5300), UdpBehaviour::Echo);
        let dns = service_at(VIP[index], 53, Protocol::Udp).with(&[server.address()]);
        bed.apply(&[&dns]);
        for bound in [false, true, false] {
            let states = bridges(&mut bed, bound);
            assert!(!states.iter().any(|state| matches!(state, FrontendState::Failed(_))), "{states:?}");
            for source in [from(POD[index]), SocketAddr::new(ip(POD[index]), 4714)] {
                assert_eq!(ask(&bed.client, source, dns.address()), "ask");
            }
        }
    }
}

#[test]
fn a_bound_frontend_whose_port_a_process_of_the_host_holds_is_listened_for_at_another_one() {
    let Some((mut bed, _neighbour)) = bridged(true) else { return };
    let _holder = serve_udp(&bed.node, ("0.0.0.0", 53), UdpBehaviour::Echo);
    let server = serve_udp(&bed.backend, (ENDPOINTS[0], 5300), UdpBehaviour::Echo);
    let dns = service_at(VIP[0], 53, Protocol::Udp).with(&[server.address()]);
    bed.apply(&[&dns]);
    let applied = set_bridges(&mut bed, true);
    let held: Vec<_> =
        applied.stand_in_ports.iter().map(|(frontend, port)| (*frontend, *port != 53)).collect();
    assert_eq!(held, [(Frontend { protocol: Protocol::Udp, address: dns.address() }, true)]);
    assert!(!matches!(states(&applied)[..], [FrontendState::Failed(_)]), "{:?}", states(&applied));
    assert!(set_bridges(&mut bed, false).stand_in_ports.is_empty());
}

#[test]
fn a_running_proxy_hears_of_bridges_and_answers_once_frontends_are_bound() {
    let Some((mut bed, _neighbour)) = bridged(true) else { return };
    let server = serve_tcp(&bed.backend, (ENDPOINTS[0], 8080), Behaviour::Greet("far".into()));
    let web = service_at(VIP[0], 80, Protocol::Tcp).with(&[server.address()]);
    bed.apply(&[&web]);
    let bridges = Bridges { bound: PerFamily { v4: true, v6: true }, networks: Vec::new() };
    let (capture_sockets, handle, proxy) = (bed.proxy.capture_sockets(), bed.proxy.bridges(), &mut bed.proxy);
    let told = || async move {
        let (_snapshots, mut snapshots) = tokio::sync::watch::channel(Snapshot::default());
        tokio::select! {
            () = proxy.run(&mut snapshots, |_, _| {}) => unreachable!("the sender is there"),
            () = handle.set(bridges.clone()) => rules::install(capture_sockets, &bridges),
        }
    };
    bed.node.run(told).unwrap();
    assert_eq!(greeting_from(&bed.client, (POD[0], 0), web.address()).unwrap(), "far");
}
