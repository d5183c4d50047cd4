//! Does an endpoint that accepts and ends at once without a byte draw the flows of its siblings? In simulated time.
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use weir_core::{Balancer, Flow, HealthChanges, Lease, Load, Policy, Protocol, Request, Target};

const ENDPOINTS: usize = 4;

/// How an endpoint treats a connection.
#[derive(Clone, Copy, PartialEq)]
enum Treats {
    /// Answers after 2 ms; the connection is open for a second.
    Serves,
    /// Ends the connection after a millisecond, without a byte.
    EndsAtOnce,
    /// Serves until the client ends the connection, after a millisecond.
    IsLeft,
}

/// What happens to a connection later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Served,
    EndedAtOnce,
    Left,
    Closed,
}

/// A Service in simulated time: a hundred connections a second.
struct Simulation {
    changes: Arc<HealthChanges>,
    balancer: Balancer,
    start: Instant,
    millis: u64,
    entropy: u64,
    events: BinaryHeap<Reverse<(u64, usize, Event)>>,
    open: Vec<Vec<Lease>>,
    picks: [u64; ENDPOINTS],
}

impl Simulation {
    fn of(policy: Policy) -> Self {
        let changes: Arc<HealthChanges> = Arc::default();
        let target = |last: usize| Target {
            address: SocketAddr::from(([10, 0, 0, last as u8], 80)),
            load: Load::new(&changes).into(),
        };
        Self {
            balancer: Balancer::build(policy, (0..ENDPOINTS).map(target).collect(), None),
            changes,
            start: Instant::now(),
            millis: 0,
            entropy: 1,
            events: BinaryHeap::new(),
            open: (0..ENDPOINTS).map(|_| Vec::new()).collect(),
            picks: [0; ENDPOINTS],
        }
    }

    fn random(&mut self) -> u64 {
        self.entropy = self.entropy.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let bits = (self.entropy ^ (self.entropy >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// Lets connections come for some seconds; returns the share of each endpoint in them.
    fn run(&mut self, seconds: u64, treats: impl Fn(usize, u64) -> Treats) -> [f64; ENDPOINTS] {
        self.picks = [0; ENDPOINTS];
        let until = self.millis + seconds * 1000;
        while self.millis < until {
            self.millis += 10;
            self.settle();
            self.connect(&treats);
        }
        let all: u64 = self.picks.iter().sum();
        self.picks.map(|picks| picks as f64 / all as f64)
    }

    fn connect(&mut self, treats: &impl Fn(usize, u64) -> Treats) {
        let (entropy, port) = (self.random(), self.random() as u16);
        let client = SocketAddr::from(([10, 9, 9, 9], port));
        let flow = Flow { protocol: Protocol::Tcp, client, frontend: ([10, 96, 0, 1], 80).into() };
        let now = self.start + Duration::from_millis(self.millis);
        let target = self.balancer.pick(&Request { flow: &flow, now, entropy, tried: &[] }).unwrap();
        let index = self.balancer.position(target.address).unwrap();
        target.load.connected(now, Duration::from_micros(300));
        self.open[index].push(target.load.lease());
        self.picks[index] += 1;
        let chance = self.random() % 100;
        let events: &[(u64, Event)] = match treats(index, chance) {
            Treats::Serves => &[(2, Event::Served), (1000, Event::Closed)],
            Treats::EndsAtOnce => &[(1, Event::EndedAtOnce)],
            Treats::IsLeft => &[(1, Event::Left)],
        };
        self.events.extend(events.iter().map(|&(after, event)| Reverse((self.millis + after, index, event))));
    }

    /// Lets happen what is due.
    fn settle(&mut self) {
        while let Some(&Reverse((at, index, event))) = self.events.peek()
            && at <= self.millis
        {
            self.events.pop();
            let (now, entropy) = (self.start + Duration::from_millis(at), self.random());
            let Target { address, load } = &self.balancer.targets()[index];
            match event {
                Event::Served => load.served(now),
                Event::EndedAtOnce => {
                    load.ended_at_once(now, || self.balancer.siblings_serve(*address, entropy));
                }
                Event::Left => load.abandoned(now),
                Event::Closed => {}
            }
            if event != Event::Served {
                self.open[index].pop();
            }
        }
    }
}

/// The first endpoint ends connections at once, the others serve.
fn black_hole(index: usize, _: u64) -> Treats {
    if index == 0 { Treats::EndsAtOnce } else { Treats::Serves }
}

#[test]
fn one_of_four_that_ends_connections_at_once_gets_next_to_none_of_them_by_every_policy() {
    for policy in Policy::ALL {
        let mut service = Simulation::of(policy);
        let [share, ..] = service.run(60, black_hole);
        println!("{policy}: {:.2} % from the start", 100.0 * share);
        assert!(share < 0.01, "{policy}: {share}");
        let mut service = Simulation::of(policy);
        service.run(60, |_, _| Treats::Serves);
        let [share, ..] = service.run(60, black_hole);
        println!("{policy}: {:.2} % after it had served for a minute", 100.0 * share);
        assert!(share < 0.01, "{policy}: {share}");
        assert!(service.balancer.targets()[0].load.is_ejected(), "{policy}");
        let [share, ..] = service.run(120, |_, _| Treats::Serves);
        assert!(share > 0.15, "{policy}: {share}: it serves again");
        assert!(!service.balancer.targets()[0].load.is_ejected(), "{policy}");
    }
}

#[test]
fn half_of_the_endpoints_that_end_connections_at_once_leave_them_to_the_other_half() {
    for policy in Policy::ALL {
        let mut service = Simulation::of(policy);
        let treats = |index, _| if index < 2 { Treats::EndsAtOnce } else { Treats::Serves };
        let [one, other, ..] = service.run(60, treats);
        assert!(one + other < 0.02, "{policy}: {one} {other}");
    }
}

#[test]
fn an_endpoint_gets_fewer_connections_before_it_is_ejected() {
    for policy in [Policy::LeastConnections, Policy::PeakEwma] {
        let mut service = Simulation::of(policy);
        service.run(60, |_, _| Treats::Serves);
        // Each of its siblings has some 25 connections, it has none.
        let load = Arc::clone(&service.balancer.targets()[0].load);
        service.open[0].clear();
        let now = service.start + Duration::from_millis(service.millis);
        let mut counts = Vec::new();
        for ends in 0..=3 {
            let picked = |entropy: u64| {
                let flow = Flow {
                    protocol: Protocol::Tcp,
                    client: ([10, 9, 9, 9], 1).into(),
                    frontend: ([10, 96, 0, 1], 80).into(),
                };
                let request = Request { flow: &flow, now, entropy, tried: &[] };
                service.balancer.pick(&request).map(|target| target.address.ip())
            };
            let randoms =
                (0..4000u64).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31));
            let first = service.balancer.targets()[0].address.ip();
            counts.push(randoms.filter(|&entropy| picked(entropy) == Some(first)).count());
            assert!(!load.is_ejected(), "{ends}");
            load.ended_at_once(now, || false);
        }
        println!("{policy}: {counts:?} of 4000");
        assert!(counts.windows(2).all(|two| two[1] * 10 < two[0] * 8), "{policy}: {counts:?}");
    }
}

#[test]
fn a_service_whose_endpoints_all_end_connections_at_once_is_left_alone() {
    for policy in Policy::ALL {
        let mut service = Simulation::of(policy);
        let shares = service.run(60, |_, _| Treats::EndsAtOnce);
        assert_eq!(service.changes.count(), 0, "{policy}");
        // Maglev gives each endpoint its share of the table, random picks by chance.
        assert!(shares.iter().all(|share| (0.2..0.3).contains(share)), "{policy}: {shares:?}");
    }
}

#[test]
fn clients_that_leave_at_once_are_not_the_fault_of_the_endpoint_they_got() {
    for policy in Policy::ALL {
        let mut service = Simulation::of(policy);
        service.run(60, |index, _| if index == 0 { Treats::IsLeft } else { Treats::Serves });
        assert_eq!(service.changes.count(), 0, "{policy}");
    }
}

#[test]
fn clients_that_are_turned_away_everywhere_eject_next_to_nobody_whatever_their_number() {
    for policy in Policy::ALL {
        for turned_away in [2, 10, 25, 40, 60, 90, 99] {
            let mut service = Simulation::of(policy);
            let treats = |_, chance| if chance < turned_away { Treats::EndsAtOnce } else { Treats::Serves };
            service.run(60, treats);
            let ejected = service.changes.count();
            // One in a minute by chance: its ejection, the probe a second later, and its way back.
            assert!(ejected <= 3, "{policy}: {turned_away} % are turned away: {ejected} changes");
        }
    }
}

#[test]
fn when_the_siblings_come_to_end_connections_at_once_as_well_nobody_stays_ejected() {
    for policy in Policy::ALL {
        let mut service = Simulation::of(policy);
        service.run(60, black_hole);
        service.run(120, |_, _| Treats::EndsAtOnce);
        let ejected = service.balancer.targets().iter().filter(|target| target.load.is_ejected()).count();
        assert_eq!(ejected, 0, "{policy}");
    }
}
