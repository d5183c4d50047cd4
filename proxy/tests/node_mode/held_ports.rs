//! Do replies come from the dialled port, as they were sent, where a process of the host holds it?

use crate::{
    bed::{Bed, ENDPOINTS, OUTSIDE, POD, VIP, bed, serve_udp, service_at},
    common::HANG,
    rules::ip,
};
use nix::sys::socket::{setsockopt, sockopt::UdpGsoSegment};
use std::net::{SocketAddr, UdpSocket};
use weir_core::Protocol;
use weir_testkit::{Namespace, UdpBehaviour};

/// Bytes of each datagram of a GSO batch but the last.
const SEGMENT: usize = 1200;

fn socket(host: &Namespace, address: &str, port: u16) -> UdpSocket {
    let address = SocketAddr::new(ip(address), port);
    let socket = host.enter(|| UdpSocket::bind(address).unwrap()).unwrap();
    socket.set_read_timeout(Some(HANG)).unwrap();
    socket
}

/// A datagram that differs from those of other numbers.
fn datagram(number: usize, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at ^ number) as u8).collect()
}

/// Everything that comes next, all from the same sender.
fn received(socket: &UdpSocket, sender: SocketAddr, count: usize) -> Vec<Vec<u8>> {
    let mut buffer = vec![0; 65_536];
    let mut next = |_| {
        let (length, from) = weir_testkit::uninterrupted(|| socket.recv_from(&mut buffer)).unwrap();
        assert_eq!(from, sender);
        buffer[..length].to_vec()
    };
    (0..count).map(&mut next).collect()
}

#[test]
fn gso_batches_and_large_datagrams_of_endpoints_come_from_the_dialled_port_whole_and_in_order() {
    let Some(mut bed) = bed() else { return };
    // At all addresses of both families.
    let mut datagrams = 0;
    let holder = serve_udp(&bed.node, ("::", 53), UdpBehaviour::Echo);
    for family in 0..2 {
        let endpoint = socket(&bed.backend, ENDPOINTS[family], 5300);
        let dns = service_at(VIP[family], 53, Protocol::Udp).with(&[endpoint.local_addr().unwrap()]);
        bed.apply(&[&dns]);
        let anywhere = ["0.0.0.0", "::"][family];
        for (host, source) in
            [(&bed.client, OUTSIDE[family]), (&bed.client, POD[family]), (&bed.node, anywhere)]
        {
            let client = socket(host, source, 0);
            client.send_to(b"ask", dns.address()).unwrap();
            let flow = weir_testkit::uninterrupted(|| endpoint.recv_from(&mut [0; 8])).unwrap().1;
            for length in [0, 1, 1472, 9000, 60_000] {
                let sent = datagram(length, length);
                endpoint.send_to(&sent, flow).unwrap();
                assert_eq!(received(&client, dns.address(), 1), [sent], "{source}");
                datagrams += 1;
            }
            setsockopt(&endpoint, UdpGsoSegment, &(SEGMENT as i32)).unwrap();
            // The first GSO batch makes the proxy's socket ask for GRO batches.
            for (count, tail) in [(40, SEGMENT), (50, 300), (2, 1), (50, 700)] {
                let length = |number| if number == count - 1 { tail } else { SEGMENT };
                let sent: Vec<_> = (0..count).map(|number| datagram(number, length(number))).collect();
                endpoint.send_to(&sent.concat(), flow).unwrap();
                assert_eq!(received(&client, dns.address(), count), sent, "{source}");
                datagrams += count;
            }
            setsockopt(&endpoint, UdpGsoSegment, &0).unwrap();
        }
    }
    assert_eq!(holder.received(), 0);
    assert_eq!(
        given_a_port(&bed),
        datagrams,
        "none is cut after the change, when its checksum may become wrong"
    );
}

/// Number of packets that the rules have given a port.
fn given_a_port(bed: &Bed) -> usize {
    let output = bed.node.command("nft").args(["list", "chain", "inet", "weir", "output"]).output().unwrap();
    let rules = String::from_utf8(output.stdout).unwrap();
    let (_, count) = rules.split_once("@reply_ports counter packets ").unwrap();
    count.split(' ').next().unwrap().parse().unwrap()
}

/// The UDP sockets of the node whose local port this is.
fn sockets_at(bed: &Bed, port: u16) -> usize {
    let list = || async { std::fs::read_to_string("/proc/thread-self/net/udp").unwrap() };
    let ending = format!(":{port:04X}");
    let list = bed.node.run(list).unwrap();
    list.lines().filter(|line| line.split_whitespace().nth(1).is_some_and(|at| at.ends_with(&ending))).count()
}

#[test]
fn a_port_that_nobody_holds_is_that_of_the_socket_itself() {
    let Some(mut bed) = bed() else { return };
    let server = serve_udp(&bed.backend, (ENDPOINTS[0], 5300), UdpBehaviour::Echo);
    let dns = service_at(VIP[0], 53, Protocol::Udp).with(&[server.address()]);
    bed.apply(&[&dns]);
    assert_eq!(crate::udp::ask(&bed.client, crate::udp::from(OUTSIDE[0]), dns.address()), "ask");
    assert!(sockets_at(&bed, 53) > 0);
}
