//! Does it hold with many Services, and with many queries at once?

use crate::{
    bed::{BOTH, Bed, Protocol, ask, eventually, expect, plan},
    objects::{Service, cluster_ips},
};
use serde_json::json;
use std::{
    collections::HashSet,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};
use weir_testkit::scaled;

/// A Service of IPv4 alone at any address of the Service network.
fn numbered(number: u16) -> (Service, SocketAddr) {
    let [high, low] = number.to_be_bytes();
    let ip = Ipv4Addr::new(172, 30, high, low);
    let service = Service::web(&format!("web-{number}"), 0).set("clusterIP", json!(ip));
    let service = service.set("clusterIPs", json!([ip])).set("ipFamilies", json!(["IPv4"]));
    (service, SocketAddr::new(ip.into(), 80))
}

#[test]
fn ten_thousand_services_are_served_and_changes_do_not_wait_for_them() {
    let Some(mut bed) = Bed::without_weir(&[plan("node-a")]) else { return };
    bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2")]);
    let count = u16::try_from(scaled(10_000)).unwrap();
    for number in 256..256 + count {
        bed.serve(&numbered(number).0, &["a-1"]);
    }
    let start = Instant::now();
    bed.start_weir("node-a", &[]);
    eprintln!("{count} Services: ready after {:?}", start.elapsed());
    let client = bed.cluster.pod("a-2");
    for number in [256, 256 + count / 2, 255 + count] {
        for protocol in BOTH {
            expect(client, protocol, numbered(number).1, Ok(("a-1", client.v4())));
        }
    }
    let (new, to) = numbered(256 + count);
    let start = Instant::now();
    bed.serve(&new, &["a-1"]);
    eventually("one more Service", true, || ask(client, Protocol::Tcp, to).is_ok());
    eprintln!("one more after {:?}", start.elapsed());
    new.delete(bed.cluster.api());
    eventually("its end", true, || ask(client, Protocol::Tcp, to).is_err());
}

/// Sends pairs of queries as resolvers do, both at once from one socket, and waits for all answers.
fn resolve(socket: &UdpSocket, pairs: std::ops::Range<usize>) {
    let mut waiting: HashSet<String> = HashSet::new();
    for pair in pairs {
        for kind in ["A", "AAAA"] {
            let query = format!("{kind}-{pair}");
            socket.send(query.as_bytes()).unwrap();
            waiting.insert(query);
        }
    }
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut buffer = [0; 512];
    while !waiting.is_empty() {
        let received = weir_testkit::uninterrupted(|| socket.recv(&mut buffer));
        let length = received.unwrap_or_else(|error| panic!("{} answers are lost: {error}", waiting.len()));
        let answer = String::from_utf8_lossy(&buffer[..length]);
        waiting.remove(answer.rsplit(' ').next().unwrap_or_default());
    }
}

#[test]
fn no_query_of_ten_thousand_parallel_pairs_is_lost() {
    /// So many that no socket's buffer on the way overflows, which no proxy could help.
    const AT_ONCE: usize = 50;
    let Some(bed) = Bed::standard() else { return };
    bed.serve(&Service::web("dns", 10), &["a-1", "b-1"]);
    bed.wait_until_served(10);
    let client = bed.cluster.pod("a-2");
    let to = SocketAddr::new(cluster_ips(10)[0], 80);
    let one = client.converse(to).unwrap();
    let pairs = scaled(10_000);
    for first in (0..pairs).step_by(AT_ONCE) {
        resolve(one.socket(), first..first + AT_ONCE);
    }
    // The same from new sockets: the first two datagrams of a flow at once are what NAT loses.
    for pair in 0..pairs {
        resolve(client.converse(to).unwrap().socket(), pair..pair + 1);
    }
}
