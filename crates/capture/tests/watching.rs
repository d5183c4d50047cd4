//! Do rules and routes come back when somebody takes them away, and go when they should? In network namespaces: needs
//! root.
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{Hosts, Outcome, StandIn, apply, node_port_addresses, options, service, snapshot, tcp};
use std::{process::Command, time::Duration};
use tokio::time::timeout;
use weir_capture::{Capture, Disturbance, Error, Options, Removed, cleanup, is_running};
use weir_core::{Bridges, CaptureSockets, PerFamily, Pods};
use weir_testkit::HANG;

const WEB: &str = "10.96.0.10:80";

fn run(command: &str) {
    let words: Vec<&str> = command.split(' ').collect();
    let output = Command::new(words[0]).args(&words[1..]).output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}

fn printed(command: &str) -> String {
    let words: Vec<&str> = command.split(' ').collect();
    String::from_utf8(Command::new(words[0]).args(&words[1..]).output().unwrap().stdout).unwrap()
}

/// The rules without what counts up with each of them.
fn rules() -> String {
    printed("nft -s list table inet weir")
}

#[test]
fn whatever_somebody_else_changes_is_put_right() {
    let Some(hosts) = Hosts::create() else { return };
    let body = || async {
        let stand_in = StandIn::open();
        let silent = service("silent", ["10.96.0.11", "fd00:96::b"]).without_endpoints();
        let web = service("web", ["10.96.0.10", "fd00:96::a"]);
        for (change, expected) in [
            ("nft flush ruleset", Disturbance::Rules),
            ("nft delete table inet weir", Disturbance::Rules),
            ("nft delete element inet weir frontends4 { 10.96.0.10 . tcp . 80 }", Disturbance::Rules),
            ("nft delete element inet weir exceptions6 { fd00:96::b . udp . 80 }", Disturbance::Rules),
            ("nft flush chain inet weir prerouting", Disturbance::Rules),
            ("nft insert rule inet weir prerouting drop", Disturbance::Rules),
            ("ip rule del pref 40", Disturbance::Routes),
            ("ip -6 rule del pref 40", Disturbance::Routes),
            ("ip route flush table 20736", Disturbance::Routes),
            ("ip -6 route flush table 20736", Disturbance::Routes),
        ] {
            // Each time another one: in a fight, repairs come ever more seldom.
            let mut capture = Capture::start(options()).await.unwrap();
            apply(&mut capture, &snapshot(&[&web, &silent]), &stand_in).await;
            let before = rules();
            run(change);
            assert_eq!(timeout(HANG, capture.disturbed()).await, Ok(expected), "{change}");
            capture.repair().await.unwrap();
            assert!(rules() == before, "{change}: {}", rules());
            for to in [WEB, "[fd00:96::a]:80"] {
                assert_eq!(tcp(&hosts.outside, to), Outcome::Served("outside".into()), "{change}");
            }
        }
    };
    hosts.node.run(body).unwrap();
}

#[test]
fn neither_its_own_changes_nor_those_of_other_tables_disturb_it() {
    let Some(hosts) = Hosts::create() else { return };
    let body = || async {
        let stand_in = StandIn::open();
        let mut capture = Capture::start(options()).await.unwrap();
        let web = service("web", ["10.96.0.10", "fd00:96::a"]);
        for _ in 0..3 {
            apply(&mut capture, &snapshot(&[&web]), &stand_in).await;
            apply(&mut capture, &snapshot(&[]), &stand_in).await;
        }
        run("nft add table inet other");
        run("nft add table ip weir");
        run("nft add chain ip weir prerouting");
        // What comes after them is the first that is reported.
        run("ip rule del pref 40");
        assert_eq!(timeout(HANG, capture.disturbed()).await, Ok(Disturbance::Routes));
    };
    hosts.node.run(body).unwrap();
}

#[test]
fn a_second_weir_must_take_over_and_then_the_first_lets_go() {
    let Some(hosts) = Hosts::create() else { return };
    let body = || async {
        let (stand_in, web) = (StandIn::open(), service("web", ["10.96.0.10", "fd00:96::a"]));
        let mut first = Capture::start(options()).await.unwrap();
        apply(&mut first, &snapshot(&[&web]), &stand_in).await;
        let refused = Capture::start(options()).await.unwrap_err();
        assert!(matches!(refused, Error::SecondWeir) && refused.to_string().contains("--takeover"));

        let mut second = Capture::start(Options { takeover: true, ..options() }).await.unwrap();
        apply(&mut second, &snapshot(&[&web]), &stand_in).await;
        let of_second = rules();
        assert_eq!(timeout(HANG, first.disturbed()).await, Ok(Disturbance::Rules));
        first.repair().await.unwrap();
        assert!(first.is_superseded());
        apply(&mut first, &snapshot(&[]), &stand_in).await;
        assert!(rules() == of_second, "the first changes nothing any more");

        drop(first);
        let mut is_free = true;
        for _ in 0..10 {
            let _ = timeout(Duration::from_secs(3), second.disturbed()).await;
            is_free = !is_running().unwrap();
            if !is_free {
                break;
            }
        }
        assert!(!is_free, "the second takes the name once it is free");
    };
    hosts.node.run(body).unwrap();
}

#[test]
fn a_weir_that_has_not_noticed_the_other_yet_changes_nothing() {
    let Some(hosts) = Hosts::create() else { return };
    let body = || async {
        let (stand_in, web) = (StandIn::open(), service("web", ["10.96.0.10", "fd00:96::a"]));
        let mut first = Capture::start(options()).await.unwrap();
        apply(&mut first, &snapshot(&[]), &stand_in).await;
        let mut second = Capture::start(Options { takeover: true, ..options() }).await.unwrap();
        apply(&mut second, &snapshot(&[&web]), &stand_in).await;
        let of_second = rules();
        let other = service("other", ["10.96.0.20", "fd00:96::14"]);
        let (capture_sockets, addresses) = (&stand_in.capture_sockets, node_port_addresses());
        let outcome = first
            .apply(
                &snapshot(&[&other]),
                capture_sockets,
                &addresses,
                &Bridges::default(),
                &Default::default(),
            )
            .await;
        assert!(matches!(outcome, Err(Error::Refused(_))), "{outcome:?}");
        assert!(rules() == of_second);
        timeout(HANG, first.disturbed()).await.unwrap();
        first.repair().await.unwrap();
        assert!(first.is_superseded() && rules() == of_second);
        first.remove().await.unwrap();
        assert!(rules() == of_second);
    };
    hosts.node.run(body).unwrap();
}

#[test]
fn a_change_that_fails_is_made_good_when_it_is_time_to_try_again() {
    let Some(hosts) = Hosts::create() else { return };
    let body = || async {
        let (stand_in, web) = (StandIn::open(), service("web", ["10.96.0.10", "fd00:96::a"]));
        let mut capture = Capture::start(options()).await.unwrap();
        apply(&mut capture, &snapshot(&[]), &stand_in).await;
        run("nft flush ruleset");
        let (capture_sockets, addresses) = (&stand_in.capture_sockets, node_port_addresses());
        let outcome = capture
            .apply(&snapshot(&[&web]), capture_sockets, &addresses, &Bridges::default(), &Default::default())
            .await;
        assert!(matches!(outcome, Err(Error::Refused(_))), "{outcome:?}");
        assert_eq!(timeout(HANG, capture.disturbed()).await, Ok(Disturbance::Failed));
        capture.repair().await.unwrap();
        assert!(!capture.is_superseded());
        assert_eq!(tcp(&hosts.outside, WEB), Outcome::Served("outside".into()));
    };
    hosts.node.run(body).unwrap();
}

#[test]
fn a_restart_replaces_the_rules_that_were_left() {
    let Some(hosts) = Hosts::create() else { return };
    let body = || async {
        let (stand_in, web) = (StandIn::open(), service("web", ["10.96.0.10", "fd00:96::a"]));
        let mut before = Capture::start(options()).await.unwrap();
        apply(&mut before, &snapshot(&[&web]), &stand_in).await;
        drop(before);
        assert_eq!(tcp(&hosts.outside, WEB), Outcome::Served("outside".into()), "rules stay");
        let mut after = Capture::start(options()).await.unwrap();
        apply(&mut after, &snapshot(&[]), &stand_in).await;
        assert_eq!(tcp(&hosts.outside, WEB), Outcome::Silence, "it is a Service no more");
    };
    hosts.node.run(body).unwrap();
}

#[test]
fn nothing_is_left_after_a_clean_up_which_may_be_repeated() {
    let Some(hosts) = Hosts::create() else { return };
    let body = || async {
        let stand_in = StandIn::open();
        let mut capture = Capture::start(options()).await.unwrap();
        apply(&mut capture, &snapshot(&[]), &stand_in).await;
        run("nft add table inet other");
        assert!(is_running().unwrap());
        drop(capture);
        assert!(!is_running().unwrap());
        let both = PerFamily { v4: 1, v6: 1 };
        assert_eq!(
            cleanup(None).await.unwrap(),
            Removed { table: true, rules: both, routes: both, ..Removed::default() }
        );
        assert_eq!(cleanup(None).await.unwrap(), Removed::default());
        assert_eq!(printed("nft list ruleset"), "table inet other {\n}\n");
        for routes in ["ip rule", "ip -6 rule", "ip route show table all", "ip -6 route show table all"] {
            assert!(!printed(routes).contains("20736"), "{routes}");
        }
    };
    hosts.node.run(body).unwrap();
}

#[test]
fn removing_takes_everything_away() {
    let Some(hosts) = Hosts::create() else { return };
    let body = || async {
        let stand_in = StandIn::open();
        let mut capture = Capture::start(options()).await.unwrap();
        apply(&mut capture, &snapshot(&[]), &stand_in).await;
        capture.remove().await.unwrap();
        assert_eq!(cleanup(None).await.unwrap(), Removed::default());
    };
    hosts.node.run(body).unwrap();
}

#[test]
fn routes_go_even_if_the_table_is_gone_already() {
    let Some(hosts) = Hosts::create() else { return };
    let body = || async {
        let stand_in = StandIn::open();
        let mut capture = Capture::start(options()).await.unwrap();
        apply(&mut capture, &snapshot(&[]), &stand_in).await;
        run("nft delete table inet weir");
        capture.remove().await.unwrap();
        assert_eq!(cleanup(None).await.unwrap(), Removed::default());
    };
    hosts.node.run(body).unwrap();
}

#[test]
fn a_family_that_is_not_served_is_left_alone() {
    let Some(hosts) = Hosts::create() else { return };
    let body = || async {
        let stand_in = StandIn::open();
        let mut capture = Capture::start(options()).await.unwrap();
        let only_v4 = CaptureSockets {
            tcp: PerFamily { v6: None, ..stand_in.capture_sockets.tcp },
            udp: PerFamily { v6: None, ..stand_in.capture_sockets.udp },
        };
        let web = service("web", ["10.96.0.10", "fd00:96::a"]);
        capture
            .apply(&snapshot(&[&web]), &only_v4, &[], &Bridges::default(), &Default::default())
            .await
            .unwrap();
        assert_eq!(tcp(&hosts.outside, WEB), Outcome::Served("outside".into()));
        assert!(!rules().contains("fd00"), "{}", rules());
        assert!(!printed("ip -6 rule").contains("20736"));
    };
    hosts.node.run(body).unwrap();
}

#[test]
fn pods_are_known_by_their_interface() {
    let Some(hosts) = Hosts::create() else { return };
    for pods in [Pods::OnInterfaces("po".into()), Pods::OnBridge("pod".into())] {
        let body = || async {
            let stand_in = StandIn::open();
            let mut capture = Capture::start(Options { pods, ..options() }).await.unwrap();
            let web = service("web", ["10.96.0.10", "fd00:96::a"]);
            apply(&mut capture, &snapshot(&[&web]), &stand_in).await;
            assert_eq!(tcp(&hosts.pod, WEB), Outcome::Served("pod".into()));
            assert_eq!(tcp(&hosts.outside, WEB), Outcome::Served("outside".into()));
        };
        hosts.node.run(body).unwrap();
    }
    for name in ["", "0123456789abcdef", "a b", "a\"; drop", "ü"] {
        let options = Options { pods: Pods::OnBridge(name.into()), ..options() };
        let start = || async { Capture::start(options).await.map(drop) };
        let refused = hosts.node.run(start).unwrap();
        assert!(matches!(refused, Err(Error::Interface(_))), "{name}");
    }
}
