//! Does every UDP datagram arrive as it was sent: size, order, DSCP and ECN, in both directions?
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{HANG, service, serving};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt,
    sockopt::{IpRecvTos, Ipv6RecvTClass, UdpGsoSegment},
};
use socket2::{Domain, SockRef, Socket, Type};
use std::{io::IoSliceMut, net::SocketAddr, net::UdpSocket, os::fd::AsRawFd};
use weir_core::Protocol;
use weir_proxy::Proxy;

/// The largest datagram over IPv4.
const LARGEST: usize = 65_507;

/// A client, the endpoint that it reaches and the proxy between them, which has threads of its own.
struct Pair {
    client: UdpSocket,
    endpoint: UdpSocket,
    /// Address from which the endpoint hears the client.
    flow: SocketAddr,
    _proxy: Proxy,
}

/// One pair in each family, after a datagram both ways.
async fn pairs() -> [Pair; 2] {
    [pair("127.0.0.9", "127.0.0.2:0").await, pair("::1", "[::1]:0").await]
}

async fn pair(frontend: &str, endpoint: &str) -> Pair {
    let endpoint = socket(endpoint.parse().unwrap());
    let service = service("dns", Protocol::Udp, frontend).with(&[endpoint.local_addr().unwrap()]);
    let _proxy = serving(&[&service]).await;
    let client = socket(
        if endpoint.local_addr().unwrap().is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" }.parse().unwrap(),
    );
    client.connect(service.address()).unwrap();
    client.send(b"hello").unwrap();
    let flow = weir_testkit::uninterrupted(|| endpoint.recv_from(&mut [0; 8])).unwrap().1;
    Pair { client, endpoint, flow, _proxy }
}

/// A blocking socket with room for bursts, on which a wait has an end.
fn socket(address: SocketAddr) -> UdpSocket {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None).unwrap();
    socket.set_recv_buffer_size(4 << 20).unwrap();
    socket.set_read_timeout(Some(HANG)).unwrap();
    socket.bind(&address.into()).unwrap();
    socket.into()
}

/// A datagram that no other one equals.
fn datagram(number: usize, length: usize) -> Vec<u8> {
    number.to_be_bytes().into_iter().chain((0..).map(|at: usize| (at ^ number) as u8)).take(length).collect()
}

impl Pair {
    /// Sends datagrams from the client to the endpoint, then back.
    fn there_and_back(&self, sent: &[Vec<u8>]) {
        sent.iter().for_each(|datagram| assert_eq!(self.client.send(datagram).unwrap(), datagram.len()));
        assert_eq!(received(&self.endpoint, sent.len()), sent);
        for datagram in sent {
            self.endpoint.send_to(datagram, self.flow).unwrap();
        }
        assert_eq!(received(&self.client, sent.len()), sent);
    }
}

fn received(socket: &UdpSocket, count: usize) -> Vec<Vec<u8>> {
    let mut buffer = vec![0; 65_536];
    let mut next = |_| {
        let length = weir_testkit::uninterrupted(|| socket.recv(&mut buffer)).unwrap();
        buffer[..length].to_vec()
    };
    (0..count).map(&mut next).collect()
}

#[tokio::test]
async fn datagrams_of_any_size_pass_both_ways() {
    for pair in pairs().await {
        for length in [0, 1, 1472, 1500, 9000, 40_000, LARGEST] {
            pair.there_and_back(&[datagram(length, length)]);
        }
    }
}

#[tokio::test]
async fn datagrams_of_mixed_sizes_keep_their_sizes_and_their_order() {
    let sizes = [64, 64, 64, 0, 0, 1400, 1400, 1400, 300, 64, LARGEST, 64, 64, 1, 9000, 9000, 2, 3];
    for pair in pairs().await {
        for round in 0..10 {
            let sent: Vec<_> = sizes
                .iter()
                .enumerate()
                .map(|(index, &length)| datagram(round * 100 + index, length))
                .collect();
            pair.there_and_back(&sent);
        }
    }
}

#[tokio::test]
async fn the_thousand_datagrams_of_each_flow_arrive_in_order() {
    let first = pair("127.0.0.9", "127.0.0.2:0").await;
    let address = first.client.peer_addr().unwrap();
    let others = (0..3).map(|_| {
        let client = socket("127.0.0.1:0".parse().unwrap());
        client.connect(address).unwrap();
        client
    });
    let clients: Vec<_> = others.chain([first.client.try_clone().unwrap()]).collect();
    let endpoint = &first.endpoint;
    // As much at a time as the smallest usual socket buffers hold.
    for part in (0..1000).collect::<Vec<_>>().chunks(100) {
        let sent: Vec<_> = part.iter().map(|&number| datagram(number, 64)).collect();
        for datagram in &sent {
            for client in &clients {
                client.send(datagram).unwrap();
            }
        }
        let mut buffer = [0; 128];
        for _ in 0..clients.len() * sent.len() {
            let (length, from) = weir_testkit::uninterrupted(|| endpoint.recv_from(&mut buffer)).unwrap();
            endpoint.send_to(&buffer[..length], from).unwrap();
        }
        clients.iter().for_each(|client| assert_eq!(received(client, sent.len()), sent));
    }
}

#[tokio::test]
async fn datagrams_that_were_sent_in_one_go_arrive_one_by_one() {
    const SEGMENT: usize = 1200;
    for pair in pairs().await {
        for socket in [&pair.client, &pair.endpoint] {
            setsockopt(socket, UdpGsoSegment, &(SEGMENT as i32)).unwrap();
        }
        // The first GSO batch makes the proxy's sockets ask for GRO batches.
        for (round, tail) in [SEGMENT, 300, 1, SEGMENT, 700].into_iter().enumerate() {
            let count = [40, 50, 2, 54, 8][round];
            let length = |index| if index == count - 1 { tail } else { SEGMENT };
            let sent: Vec<_> = (0..count).map(|index| datagram(index, length(index))).collect();
            pair.client.send(&sent.concat()).unwrap();
            assert_eq!(received(&pair.endpoint, count), sent);
            pair.endpoint.send_to(&sent.concat(), pair.flow).unwrap();
            assert_eq!(received(&pair.client, count), sent);
            // Between them there are datagrams that came alone.
            pair.there_and_back(&[datagram(round, 5), datagram(round, 0), datagram(round, 900)]);
        }
    }
}

#[tokio::test]
async fn dscp_and_ecn_go_on_to_the_receiver_in_both_directions() {
    for pair in pairs().await {
        for socket in [&pair.client, &pair.endpoint] {
            match socket.local_addr().unwrap() {
                SocketAddr::V4(_) => setsockopt(socket, IpRecvTos, &true).unwrap(),
                SocketAddr::V6(_) => setsockopt(socket, Ipv6RecvTClass, &true).unwrap(),
            }
        }
        // Expedited forwarding, ECN-capable, congestion experienced, and unmarked again.
        for tos in [0xb8, 0x02, 0xbb, 0] {
            mark(&pair.client, tos);
            mark(&pair.endpoint, tos ^ 0x40);
            for _ in 0..20 {
                pair.client.send(b"question").unwrap();
                assert_eq!(tos_of_next(&pair.endpoint), tos);
                pair.endpoint.send_to(b"answer", pair.flow).unwrap();
                assert_eq!(tos_of_next(&pair.client), tos ^ 0x40);
            }
            // Many at once leave in one send, which must be marked as well.
            for _ in 0..20 {
                pair.client.send(b"question").unwrap();
            }
            (0..20).for_each(|_| assert_eq!(tos_of_next(&pair.endpoint), tos));
        }
    }
}

fn mark(socket: &UdpSocket, tos: u8) {
    let ipv4 = socket.local_addr().unwrap().is_ipv4();
    let socket = SockRef::from(socket);
    if ipv4 { socket.set_tos_v4(tos.into()) } else { socket.set_tclass_v6(tos.into()) }.unwrap();
}

/// Receives a datagram and tells how it is marked.
fn tos_of_next(socket: &UdpSocket) -> u8 {
    let (mut buffer, mut control) = ([0; 64], nix::cmsg_space!(i32));
    control.resize(control.capacity(), 0);
    let space = &mut [IoSliceMut::new(&mut buffer)];
    let message =
        recvmsg::<SockaddrStorage>(socket.as_raw_fd(), space, Some(&mut control), MsgFlags::empty()).unwrap();
    let marks = message.cmsgs().unwrap().map(|control| match control {
        ControlMessageOwned::Ipv4Tos(tos) => tos,
        ControlMessageOwned::Ipv6TClass(class) => class as u8,
        other => panic!("{other:?}"),
    });
    marks.last().unwrap()
}
