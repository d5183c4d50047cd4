use super::*;
use proptest::prelude::*;
use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
};

fn range(first: u16, last: u16) -> PortRange {
    PortRange { first, last }
}

/// The counters of all workers of a process.
fn process(secret: u128, workers: usize) -> Vec<PortCounters> {
    (0..workers).map(|worker| PortCounters::new(PortSecret::new(secret), worker, workers)).collect()
}

fn client(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 244, 0, 7], port))
}

fn endpoint() -> SocketAddr {
    SocketAddr::from(([10, 244, 1, 9], 8080))
}

/// The ports that are tried for a client with this port of its own.
fn tried(ports: &SourcePorts, counters: &PortCounters, own: u16) -> Vec<u16> {
    ports.choice(counters, client(own), endpoint()).candidates().collect()
}

/// The port that a client has where none is in use.
fn first(ports: &SourcePorts, counters: &PortCounters, client: SocketAddr, endpoint: SocketAddr) -> u16 {
    ports.choice(counters, client, endpoint).candidates().next().unwrap()
}

proptest! {
    #[test]
    fn candidates_are_in_the_ranges_differ_from_each_other_and_from_the_clients_port(
        start in 1024_u16..=u16::MAX, length in 0_u16..200, own: u16, secret: u128,
        workers in 1_usize..70, opened in 0_usize..50,
    ) {
        let range = range(start, start.saturating_add(length));
        let ports = SourcePorts::new(&[range], &[]);
        for counters in process(secret, workers) {
            (0..opened).for_each(|_| assert_ne!(first(&ports, &counters, client(own), endpoint()), own));
            let found = tried(&ports, &counters, own);
            let allowed = if (1..1024).contains(&own) { PortRange::PRIVILEGED_SOURCES } else { range };
            prop_assert!(found.iter().all(|port| (allowed.first..=allowed.last).contains(port)));
            prop_assert!(!found.contains(&own));
            prop_assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), found.len());
            let others = (allowed.first..=allowed.last).filter(|port| *port != own).count();
            prop_assert_eq!(found.len(), others.min(MAX_TRIED));
        }
    }

    #[test]
    fn no_reserved_port_is_tried_while_another_is_left(
        first in 1024_u16..2000, length in 0_u16..100, own: u16, secret: u128,
    ) {
        let reserved = range(first, first + length);
        let ports = SourcePorts::new(&[range(1024, 2200)], &[reserved]);
        let found = tried(&ports, &process(secret, 1)[0], own);
        prop_assert!(found.iter().all(|port| !(first..=first + length).contains(port)));
    }

    #[test]
    fn a_port_comes_again_only_when_its_worker_has_used_all_of_its_own_and_never_on_another_worker(
        secret: u128, count in 40_u16..120, workers in 1_usize..5, own in 1024_u16..1200,
        opening in proptest::collection::vec(any::<proptest::sample::Index>(), 600),
    ) {
        let ports = SourcePorts::new(&[range(1024, 1023 + count)], &[]);
        let process = process(secret, workers);
        let mut opened = vec![0_usize; workers];
        let mut last: HashMap<u16, (usize, usize)> = HashMap::new();
        for worker in opening {
            let worker = worker.index(workers);
            let port = first(&ports, &process[worker], client(own), endpoint());
            if let Some((before, at)) = last.insert(port, (worker, opened[worker])) {
                prop_assert_eq!(before, worker);
                // One of them may be the client's own.
                prop_assert!(opened[worker] - at >= usize::from(count) / workers - 1);
            }
            opened[worker] += 1;
        }
    }

    #[test]
    fn workers_with_as_much_to_do_use_all_ports_before_one_comes_again(secret: u128, workers in 1_usize..5) {
        const COUNT: u16 = 120;
        let ports = SourcePorts::new(&[range(2000, 1999 + COUNT)], &[]);
        let process = process(secret, workers);
        for _ in 0..3 {
            let opening = (0..usize::from(COUNT)).map(|number| &process[number % workers]);
            let used: BTreeSet<u16> = opening.map(|it| first(&ports, it, client(40_000), endpoint())).collect();
            prop_assert_eq!(used.len(), usize::from(COUNT));
        }
    }
}

#[test]
fn all_ports_are_used_about_equally() {
    let ports = SourcePorts::new(&[range(2000, 2009)], &[]);
    let mut counts = [0_u32; 10];
    for number in 0..10_000_u16 {
        let client = SocketAddr::from(([10, 1, (number >> 8) as u8, number as u8], 40_000));
        let counters = &process(7, 1)[0];
        counts[usize::from(first(&ports, counters, client, endpoint()) - 2000)] += 1;
    }
    assert!(counts.iter().all(|count| (880..1120).contains(count)), "{counts:?}");
}

#[test]
fn the_first_ports_of_two_pairs_have_nothing_to_do_with_each_other() {
    let ports = SourcePorts::default();
    let count = ports.ordinary.len();
    let v6: IpAddr = "fd00:10:244::7".parse().unwrap();
    // Pairs next to each other: in the client's address, in the endpoint's port, in its family; and in the secret.
    let neighbours = |number: u16| {
        let secret = 1_u128 << (number % 128);
        let endpoint = |more: u16| SocketAddr::from(([10, 244, 1, 9], 8080 + number + more));
        [
            (secret, client(40_000), endpoint(0)),
            (secret, SocketAddr::from(([10, 244, 0, 8], 40_000)), endpoint(0)),
            (secret, client(40_000), endpoint(1)),
            (secret, SocketAddr::new(v6, 40_000), SocketAddr::new(v6, endpoint(0).port())),
            (secret ^ 1 << 127, client(40_000), endpoint(0)),
        ]
        .map(|(secret, client, endpoint)| first(&ports, &process(secret, 1)[0], client, endpoint))
    };
    let mut distances = [[0_u32; 16]; 4];
    for found in (0..1600).map(neighbours) {
        for (other, distances) in found[1..].iter().zip(&mut distances) {
            let distance = (usize::from(*other) + count - usize::from(found[0])) % count;
            distances[distance * 16 / count] += 1;
        }
    }
    assert!(distances.as_flattened().iter().all(|times| (60..150).contains(times)), "{distances:?}");
}

#[test]
fn the_clients_own_port_does_not_count() {
    let ports = SourcePorts::default();
    let (one, other) = (&process(7, 1)[0], &process(7, 1)[0]);
    let ports = |counters, own| first(&ports, counters, client(own), endpoint());
    // Who opens many connections has them from as many ports.
    let used: BTreeSet<u16> = (0..20_000).map(|number| ports(one, 40_000 + number)).collect();
    assert_eq!(used.len(), 20_000);
    assert_eq!(ports(other, 50_000), ports(&process(7, 1)[0], 60_000));
}

#[test]
fn ports_opened_in_one_go_that_stay_in_use_keep_nobody_out() {
    const HELD: usize = 20_000;
    let ports = SourcePorts::default();
    let process = process(7, 2);
    let (mut in_use, mut tries) = (BTreeSet::new(), 0_usize);
    let mut open = |worker: usize, stays: bool| {
        let candidates = ports.choice(&process[worker], client(40_000), endpoint()).candidates();
        let port = candidates.inspect(|_| tries += 1).find(|port| !in_use.contains(port));
        in_use.extend(port.filter(|_| stays));
        port
    };
    // One worker has more of them than ports of its own, and takes the other's.
    assert!((0..HELD).all(|_| open(0, true).is_some()));
    // Then short ones, until counting has come past all that are in use.
    let short = 2 * ports.ordinary.len();
    assert!((0..short).all(|number| open(number % 2, false).is_some()));
    assert!(tries < 4 * (HELD + short), "{tries}");
}

#[test]
fn ports_that_are_all_reserved_are_used_all_the_same() {
    let ports = SourcePorts::new(&[range(2000, 2001)], &[range(1, 65_535)]);
    let counters = &process(7, 1)[0];
    assert_eq!(tried(&ports, counters, 40_000).len(), 2);
    assert_eq!(tried(&ports, counters, 111).len(), MAX_TRIED);
}

#[test]
fn without_any_port_there_is_none_to_try() {
    assert_eq!(tried(&SourcePorts::new(&[], &[]), &process(7, 2)[1], 40_000), []);
}
