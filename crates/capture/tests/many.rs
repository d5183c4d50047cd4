//! What does a change cost among very many Services? Prints it; 40,000 frontends with WEIR_FULL=1. Needs root.
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{Hosts, Outcome, StandIn, apply, options, service, snapshot, tcp};
use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};
use tokio::time::timeout;
use weir_capture::{Capture, Disturbance};

#[test]
fn one_service_more_or_less_among_very_many_costs_what_it_claims() {
    let Some(hosts) = Hosts::create() else { return };
    // Two ports and two families each.
    let many = weir_testkit::scaled(10_000);
    let services: Vec<_> = (0..many)
        .map(|number| {
            let v4 = Ipv4Addr::from(0x0a60_1000 + u32::try_from(number).unwrap()).to_string();
            service(&format!("s{number}"), [&v4, &format!("fd00:96::1:{number:x}")])
        })
        .collect();
    let all = snapshot(&services.iter().collect::<Vec<_>>());
    let one = service("one", ["10.96.0.10", "fd00:96::a"]);
    let one = snapshot(&[&one]).services().next().cloned().unwrap();
    let (hosts, node) = (&hosts, &hosts.node);
    let body = move || async move {
        let mut all = all;
        let stand_in = StandIn::open();
        let mut capture = Capture::start(options()).await.unwrap();
        let took = |what: &str, started: Instant| {
            let took = started.elapsed();
            println!("{} frontends: {what} took {took:?}", 4 * many);
            took
        };
        let started = Instant::now();
        apply(&mut capture, &all, &stand_in).await;
        let whole = took("all of them", started);
        // Only against hangs: ten times what it took on a machine that was busy otherwise.
        assert!(whole < Duration::from_secs(30));
        for _ in 0..3 {
            all.insert(one.clone());
            let started = Instant::now();
            apply(&mut capture, &all, &stand_in).await;
            assert!(took("one Service more", started) < Duration::from_secs(1));
            assert_eq!(tcp(&hosts.outside, "10.96.0.10:80"), Outcome::Served("outside".into()));
            all.remove(&one.key);
            let started = Instant::now();
            apply(&mut capture, &all, &stand_in).await;
            assert!(took("one Service less", started) < Duration::from_secs(1));
            assert_eq!(tcp(&hosts.outside, "10.96.0.10:80"), Outcome::Silence);
        }
        // The notifications of all that are its own changes, however many.
        hosts.node.ip(&["rule", "del", "pref", "40"]).unwrap();
        assert_eq!(timeout(Duration::from_secs(30), capture.disturbed()).await, Ok(Disturbance::Routes));
        let started = Instant::now();
        capture.repair().await.unwrap();
        took("a repair of routes", started);
    };
    node.run(body).unwrap();
}
