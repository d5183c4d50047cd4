//! Are a client's flows that are not weir's left alone, whatever port they use? (semantics M4)

use crate::{
    bed::{BOTH, Bed, Protocol, eventually},
    objects::{Service, cluster_ips},
};
use socket2::{Domain, Socket, Type};
use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    thread,
    time::Duration,
};
use weir_testkit::cluster::{Connection, Failure, Host, NodePlan, POD_PORT};

/// Ports that weir uses in a client's name by default.
const DEFAULT_PORTS: std::ops::RangeInclusive<u16> = 1024..=32_767;
/// Ports for clients whose own port is privileged.
const PRIVILEGED_PORTS: std::ops::RangeInclusive<u16> = 600..=1023;

/// A cluster in which a-1 and b-1 have a Service each; clients are a-2 and b-2.
fn served() -> Option<Bed> {
    let bed = Bed::standard()?;
    for (number, endpoint) in [(10, "a-1"), (11, "b-1")] {
        bed.serve(&Service::web(endpoint, number), &[endpoint]);
        bed.wait_until_served(number);
    }
    Some(bed)
}

/// The cluster IP of a Service of these tests, and its only endpoint, in one family.
#[derive(Clone, Copy, Debug)]
struct Both {
    service: SocketAddr,
    direct: SocketAddr,
}

fn both(bed: &Bed, number: u8, endpoint: &str) -> [Both; 2] {
    cluster_ips(number).map(|ip| Both {
        service: SocketAddr::new(ip, 80),
        direct: SocketAddr::new(bed.cluster.pod(endpoint).address_towards(ip), POD_PORT),
    })
}

fn connect(client: &Host, port: u16, to: SocketAddr) -> Result<Connection, Failure> {
    client.client().from_port(SocketAddr::new(client.address_towards(to.ip()), port)).connect(to)
}

#[test]
fn one_port_serves_for_a_service_and_directly_for_its_endpoint_in_both_orders() {
    let Some(bed) = served() else { return };
    let mut port = 45_000;
    for (client, number, endpoint) in [("a-2", 10, "a-1"), ("a-2", 11, "b-1"), ("b-2", 11, "b-1")] {
        let client = bed.cluster.pod(client);
        for Both { service, direct } in both(&bed, number, endpoint) {
            for order in [[service, direct], [direct, service]] {
                port += 1;
                let what = format!("{} from port {port} to {order:?}", client.name());
                let mut open = order.map(|to| {
                    connect(client, port, to).unwrap_or_else(|failure| panic!("{what}: {to}: {failure}"))
                });
                for _ in 0..3 {
                    open.iter_mut().for_each(|connection| connection.echo().expect(&what));
                }
            }
        }
    }
}

/// Asks through a socket that is not connected, as SIP phones do; returns who has answered.
fn ask(socket: &UdpSocket, to: SocketAddr) -> SocketAddr {
    socket.send_to(b"question", to).unwrap();
    let mut answer = [0; 200];
    weir_testkit::uninterrupted(|| socket.recv_from(&mut answer))
        .unwrap_or_else(|error| panic!("no answer from {to}: {error}"))
        .1
}

#[test]
fn datagrams_from_one_port_are_answered_by_whom_they_were_sent_to() {
    let Some(bed) = served() else { return };
    // Ephemeral ports, and that of SIP, which is among the ports that weir uses itself.
    let mut ports = [45_003, 45_004, 5060, 5061].into_iter().cycle();
    for (client, number, endpoint) in [("a-2", 10, "a-1"), ("a-2", 11, "b-1"), ("b-2", 11, "b-1")] {
        let client = bed.cluster.pod(client);
        for Both { service, direct } in both(&bed, number, endpoint) {
            for order in [[service, direct], [direct, service]] {
                for port in ports.by_ref().take(2) {
                    let from = SocketAddr::new(client.address_towards(service.ip()), port);
                    let socket = client.namespace().enter(|| UdpSocket::bind(from)).unwrap().unwrap();
                    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
                    for to in [order[0], order[1], order[0], order[1]] {
                        assert_eq!(ask(&socket, to), to, "{} from port {port}", client.name());
                    }
                }
            }
        }
    }
}

/// What the endpoint sees of a client that uses this port; 0 means any.
fn seen(client: &Host, protocol: Protocol, port: u16, to: SocketAddr) -> (u16, SocketAddr) {
    let source = SocketAddr::new(client.address_towards(to.ip()), port);
    let asking = client.client().from_port(source);
    match protocol {
        Protocol::Tcp => {
            let connection = asking.connect(to).unwrap();
            (connection.local_address().unwrap().port(), connection.reply().source)
        }
        Protocol::Udp => {
            let flow = asking.converse(to).unwrap();
            (flow.socket().local_addr().unwrap().port(), flow.ask().unwrap().source)
        }
    }
}

#[test]
fn a_clients_address_is_kept_and_its_port_is_not() {
    let Some(bed) = served() else { return };
    let client = bed.cluster.pod("a-2");
    for (protocol, ip) in BOTH.into_iter().flat_map(|protocol| cluster_ips(11).map(|ip| (protocol, ip))) {
        for (port, ports) in
            [(0, DEFAULT_PORTS), (5060, DEFAULT_PORTS), (40_000, DEFAULT_PORTS), (700, PRIVILEGED_PORTS)]
        {
            let (own, seen) = seen(client, protocol, port, SocketAddr::new(ip, 80));
            assert_eq!(seen.ip(), client.address_towards(ip));
            assert!(ports.contains(&seen.port()) && seen.port() != own, "{own} became {seen}");
        }
    }
}

fn single(flags: &[&str]) -> Option<Bed> {
    let mut bed = Bed::laid_out(&[NodePlan::routed("node-a")])?;
    bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2"), ("node-a", "a-3")]);
    bed.start_weir("node-a", flags);
    bed.serve(&Service::web("web", 10), &["a-1"]);
    Some(bed)
}

#[test]
fn a_few_ports_are_enough_for_any_number_of_connections_that_end() {
    let Some(bed) = single(&["--source-ports", "20000-20007,20010"]) else { return };
    bed.wait_until_served(10);
    let client = bed.cluster.pod("a-2");
    for to in cluster_ips(10).map(|ip| SocketAddr::new(ip, 80)) {
        for _ in 0..100 {
            let seen = client.tcp(to).unwrap().source;
            assert!((20_000..=20_007).contains(&seen.port()) || seen.port() == 20_010, "{seen}");
        }
    }
}

#[test]
fn ports_that_the_host_reserves_for_its_programs_are_not_used() {
    let Some(mut bed) = Bed::laid_out(&[NodePlan::routed("node-a")]) else { return };
    bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2")]);
    let node = bed.cluster.node("node-a").namespace();
    node.set_parameter("net/ipv4/ip_local_reserved_ports", "20000-20006,20020").unwrap();
    bed.start_weir("node-a", &["--source-ports", "20000-20020"]);
    bed.serve(&Service::web("web", 10), &["a-1"]);
    bed.wait_until_served(10);
    for to in cluster_ips(10).map(|ip| SocketAddr::new(ip, 80)) {
        for _ in 0..5 {
            let port = bed.cluster.pod("a-2").tcp(to).unwrap().source.port();
            assert!((20_007..=20_019).contains(&port), "{port}");
        }
    }
}

#[test]
fn who_has_all_ports_towards_an_endpoint_in_use_is_told_so_and_others_are_served() {
    let Some(mut bed) = single(&["--source-ports", "20000-20001"]) else { return };
    bed.wait_until_served(10);
    let (client, other) = (bed.cluster.pod("a-2"), bed.cluster.pod("a-3"));
    let to = SocketAddr::new(cluster_ips(10)[0], 80);
    let _open = [client.connect(to).unwrap(), client.connect(to).unwrap()];
    assert_eq!(client.connect(to).map(drop), Err(Failure::Reset));
    let flows = [client.converse(to).unwrap(), client.converse(to).unwrap()];
    flows.iter().for_each(|flow| drop(flow.ask().unwrap()));
    let third = client.client().within(Duration::from_millis(700)).udp(to);
    assert_eq!(third, Err(Failure::TimedOut));
    for protocol in BOTH {
        assert_eq!(crate::bed::ask(other, protocol, to), Ok(("a-1".to_owned(), other.v4())));
    }
    let said = "reason=no_source_port";
    eventually(said, true, || bed.weir_mut("node-a").log().unwrap().contains(said));
}

#[test]
fn two_weirs_speak_in_one_clients_name_without_disturbing_each_other() {
    let Some(mut bed) = single(&["--source-ports", "20000-20003"]) else { return };
    bed.wait_until_served(10);
    let to = SocketAddr::new(cluster_ips(10)[0], 80);
    let client = bed.cluster.pod("a-2");
    let mut first = [client.connect(to).unwrap(), client.connect(to).unwrap()];
    let first_flows = [client.converse(to).unwrap(), client.converse(to).unwrap()];
    first_flows.iter().for_each(|flow| drop(flow.ask().unwrap()));
    let flags = ["--takeover", "--source-ports", "20000-20003", "--health-address", "127.0.0.1:10356"];
    let _second = bed.spawn_weir("node-a", &flags);
    eventually("the second weir", Some(true), || {
        let answer = bed.cluster.node("node-a").http("127.0.0.1:10356".parse().unwrap(), "/readyz").ok()?;
        Some(answer.contains(" 200 "))
    });
    let client = bed.cluster.pod("a-2");
    let mut second = [client.connect(to).unwrap(), client.connect(to).unwrap()];
    let mut seen: Vec<_> = first.iter().chain(&second).map(|open| open.reply().source.port()).collect();
    seen.sort_unstable();
    assert_eq!(seen, [20_000, 20_001, 20_002, 20_003]);
    first.iter_mut().chain(&mut second).for_each(|open| open.echo().unwrap());
    bed.stop_weir("node-a", |first| first.kill().unwrap());
}

#[test]
fn a_transparent_socket_of_another_program_takes_no_packets_of_pods() {
    let Some(bed) = served() else { return };
    let (node, client) = (bed.cluster.node("node-a"), bed.cluster.pod("a-2"));
    for Both { direct, .. } in both(&bed, 10, "a-1") {
        let address = SocketAddr::new(client.address_towards(direct.ip()), 5070);
        // As a proxy of somebody else's has them, which waits for clients of its own.
        let listening = node.namespace().enter(|| transparent_listener(address)).unwrap().unwrap();
        connect(client, 5070, direct).expect("the answer is the pod's").echo().unwrap();
        drop(listening);
    }
}

fn transparent_listener(address: SocketAddr) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    match address {
        SocketAddr::V4(_) => socket.set_ip_transparent_v4(true)?,
        SocketAddr::V6(_) => socket.set_ip_transparent_v6(true)?,
    }
    socket.bind(&address.into())?;
    socket.listen(1)?;
    Ok(socket)
}

/// Of 250 connections directly to a pod, the number that do not live through 2,500 short ones to `to`, which leads there.
fn killed(client: &Host, direct: SocketAddr, to: SocketAddr) -> (usize, usize) {
    const DIRECT: usize = 250;
    const SHORT: usize = 2_500;
    const THREADS: usize = 4;
    let mut open: Vec<Connection> = (0..DIRECT).map(|_| client.connect(direct).unwrap()).collect();
    let failed: usize = thread::scope(|scope| {
        let visits = |_| (0..SHORT / THREADS).filter(|_| client.tcp(to).is_err()).count();
        let threads: Vec<_> = (0..THREADS).map(|number| scope.spawn(move || visits(number))).collect();
        threads.into_iter().map(|visiting| visiting.join().unwrap()).sum()
    });
    (open.iter_mut().filter_map(|connection| connection.echo().err()).count(), failed)
}

#[test]
fn no_direct_connection_is_killed_by_short_ones_through_the_service_as_with_kernel_nat() {
    let Some(bed) = single(&[]) else { return };
    bed.wait_until_served(10);
    let (client, node) = (bed.cluster.pod("a-2"), bed.cluster.node("node-a"));
    let translated: [IpAddr; 2] = ["198.51.100.7".parse().unwrap(), "2001:db8:7::7".parse().unwrap()];
    let rules: String = both(&bed, 10, "a-1")
        .iter()
        .zip(translated)
        .map(|(both, ip)| {
            let (family, to) = if ip.is_ipv4() { ("ip", "ip to") } else { ("ip6", "ip6 to") };
            format!("{family} daddr {ip} tcp dport 80 dnat {to} {}\n", both.direct)
        })
        .collect();
    let chain = "type nat hook prerouting priority dstnat;";
    node.namespace()
        .nft(&format!("table inet nat {{ chain prerouting {{ {chain}\n{rules} }}\n}}\n"))
        .unwrap();
    for (Both { service, direct }, ip) in both(&bed, 10, "a-1").into_iter().zip(translated) {
        let by_weir = killed(client, direct, service);
        let by_kernel = killed(client, direct, SocketAddr::new(ip, 80));
        println!(
            "of 250 direct connections beside 2,500 short ones to {service}: (killed, short ones that failed): \
                  weir {by_weir:?}, kernel NAT {by_kernel:?}"
        );
        assert_eq!((by_weir, by_kernel), ((0, 0), (0, 0)));
    }
}
