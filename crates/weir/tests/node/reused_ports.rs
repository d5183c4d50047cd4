//! How late does weir use a port again towards an endpoint, in one client's name? (semantics M4)

use crate::{
    bed::{Bed, eventually},
    objects::{Service, cluster_ips},
};
use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    thread,
};
use weir_testkit::{
    Namespace,
    cluster::{Failure, NodePlan, POD_PORT},
};

/// 64 ports, 32 for each of the two workers.
const PORTS: &str = "20000-20063";
/// As many connections as each of the workers can have from ports of its own, if it gets all of them.
const CONNECTIONS: usize = 32;
/// Port of an endpoint that ends its connections first.
const HALF_CLOSING: u16 = POD_PORT + 1;

fn started() -> Option<Bed> {
    let mut bed = Bed::laid_out(&[NodePlan::routed("node-a")])?;
    bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2"), ("node-a", "a-3")]);
    bed.start_weir("node-a", &["--source-ports", PORTS]);
    Some(bed)
}

#[test]
fn short_connections_of_a_client_all_have_different_ports_until_a_worker_has_used_its_own() {
    let Some(bed) = started() else { return };
    bed.serve(&Service::web("web", 10), &["a-1"]);
    bed.wait_until_served(10);
    let client = bed.cluster.pod("a-2");
    for to in cluster_ips(10).map(|ip| SocketAddr::new(ip, 80)) {
        let seen: Vec<u16> = (0..CONNECTIONS).map(|_| client.tcp(to).unwrap().source.port()).collect();
        let different: BTreeSet<u16> = seen.iter().copied().collect();
        assert_eq!(different.len(), CONNECTIONS, "{to}: {seen:?}");
        // Who knows some of them does not know the next.
        assert!(!seen.is_sorted() && !seen.iter().rev().is_sorted(), "{to}: {seen:?}");
    }
}

#[test]
fn without_timestamps_every_port_serves_once_until_weirs_own_host_has_forgotten_the_connection() {
    let Some(bed) = started() else { return };
    let pod = bed.cluster.pod("a-1").namespace();
    pod.set_parameter("net/ipv4/tcp_timestamps", "0").unwrap();
    bed.serve(&Service::web("web", 10), &["a-1"]);
    bed.wait_until_served(10);
    let client = bed.cluster.pod("a-2");
    for to in cluster_ips(10).map(|ip| SocketAddr::new(ip, 80)) {
        // The client ends first, and so does weir towards the endpoint.
        let seen: BTreeSet<u16> = (0..64).map(|_| client.tcp(to).unwrap().source.port()).collect();
        assert_eq!(seen.len(), 64, "{to}: {seen:?}");
        assert_eq!(client.tcp(to), Err(Failure::Reset), "{to}");
    }
}

/// SYNs that a host had to send again.
fn repeated_syns(host: &Namespace) -> u64 {
    let text = host.enter(|| std::fs::read_to_string("/proc/thread-self/net/netstat")).unwrap().unwrap();
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("TcpExt: "));
    let (names, values) = (lines.next().unwrap().split(' '), lines.next().unwrap().split(' '));
    let (_, value) = names.zip(values).find(|(name, _)| *name == "TCPSynRetrans").unwrap();
    value.parse().unwrap()
}

/// Serves clients one after the other: ends the sending side at once, and reads until the client's end.
fn end_first(listener: &TcpListener) {
    for client in listener.incoming() {
        let mut client = client.unwrap();
        let _ = client.shutdown(Shutdown::Write);
        let mut buffer = vec![0; 1 << 16];
        while client.read(&mut buffer).is_ok_and(|length| length > 0) {}
    }
}

/// Sends much once the endpoint has ended its side, and waits until the endpoint has all of it.
fn send_much(mut connection: TcpStream) {
    assert_eq!(connection.read(&mut [0]).unwrap(), 0, "the endpoint ends first");
    connection.write_all(&vec![0; 8 << 20]).unwrap();
    connection.shutdown(Shutdown::Write).unwrap();
}

#[test]
fn no_syn_meets_a_connection_that_the_endpoint_remembers_while_other_ports_are_left() {
    let Some(bed) = started() else { return };
    let (cluster, pod) = (&bed.cluster, bed.cluster.pod("a-1"));
    // Without timestamps a SYN must have a higher sequence number than all that was sent; else the endpoint, which ended
    // first and is in TIME_WAIT, answers it with an ACK, and the SYN is sent again after a while.
    pod.namespace().set_parameter("net/ipv4/tcp_timestamps", "0").unwrap();
    for ip in [pod.v4(), pod.v6()] {
        let address = SocketAddr::new(ip, HALF_CLOSING);
        let listener = pod.namespace().enter(|| TcpListener::bind(address)).unwrap().unwrap();
        thread::spawn(move || end_first(&listener));
    }
    let service = Service::new("web", 10).port("TCP", 80);
    service.slices(cluster.api(), "", HALF_CLOSING, &[bed.ready("a-1")]);
    service.apply(cluster.api());
    let (client, other, node) = (cluster.pod("a-2"), cluster.pod("a-3"), cluster.node("node-a").namespace());
    for to in cluster_ips(10).map(|ip| SocketAddr::new(ip, 80)) {
        let connect = |from: &Namespace| from.enter(|| TcpStream::connect(to)).unwrap();
        eventually("an endpoint", true, || connect(other.namespace()).is_ok());
        let before = repeated_syns(node);
        (0..CONNECTIONS).for_each(|_| send_much(connect(client.namespace()).unwrap()));
        assert_eq!(repeated_syns(node) - before, 0, "{to}");
    }
}
