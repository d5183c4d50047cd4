//! Are clients answered where a process of the host holds the port that was dialled?

use crate::{
    bed::{Bed, Protocol, ask, eventually},
    objects::{Service, cluster_ips},
};
use std::net::SocketAddr;
use weir_testkit::cluster::SERVICE_CIDR;

/// Nearly as large as a datagram can be.
const LARGE: usize = 60_000;

#[test]
fn clients_are_answered_from_a_port_that_a_process_of_the_host_holds() {
    let Some(bed) = Bed::single() else { return };
    let (cluster, node) = (&bed.cluster, bed.cluster.node("node-a"));
    SERVICE_CIDR.split(',').for_each(|network| cluster.attract(network, "node-a"));
    // One holds the port at all addresses of both families, the others a node port where it is served.
    let held =
        ["[::]:80".parse().unwrap(), SocketAddr::new(node.v4(), 30080), SocketAddr::new(node.v6(), 30080)];
    let holders = held.map(|address| node.start_servers_at("host-process", address).unwrap());
    let service = Service::web("web", 10).node_port(30080);
    // The second time nothing is left of the first.
    for round in 0..2 {
        bed.serve(&service, &["a-1"]);
        bed.wait_until_served(10);
        for client in [cluster.pod("a-2"), cluster.outside(), node] {
            for (ips, port) in [(cluster_ips(10), 80), ([node.v4(), node.v6()], 30080)] {
                for to in ips.map(|ip| SocketAddr::new(ip, port)) {
                    let answer = ask(client, Protocol::Tcp, to).map(|(name, _)| name);
                    assert_eq!(answer.as_deref(), Ok("a-1"), "{} -> {to}, round {round}", client.name());
                    // It hears nobody but whom it has dialled.
                    let conversation = client.converse(to).unwrap();
                    for length in [0, 1_000, LARGE] {
                        let answer = conversation.ask_at_length(length).map(|reply| reply.name);
                        let what = format!("{} -> {to}, {length} bytes, round {round}", client.name());
                        assert_eq!(answer.as_deref(), Ok("a-1"), "{what}");
                    }
                }
            }
        }
        service.delete(cluster.api());
        for ip in cluster_ips(10) {
            let what = format!("the end of {ip}");
            eventually(&what, true, || ask(node, Protocol::Udp, SocketAddr::new(ip, 80)).is_err());
        }
    }
    assert_eq!(holders.iter().map(|holder| holder.datagrams()).sum::<u64>(), 0);
    let its_own = ask(cluster.outside(), Protocol::Udp, SocketAddr::new(node.v4(), 80));
    assert_eq!(its_own.map(|(name, _)| name).as_deref(), Ok("host-process"));
}
