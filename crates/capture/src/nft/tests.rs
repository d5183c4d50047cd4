use super::{syntax::ranges_rule, *};
use crate::plan::{Edit, Edits, Exception, Passing, Plan, Treatment};
use weir_core::{CapturePorts, CaptureSockets, Family, Frontend, PerFamily, PortRange, Protocol, Snapshot};

fn table() -> Table {
    let ports = PerFamily { v4: Some(CapturePorts { pod: 1, node: 2, outside: 3 }), v6: None };
    Table {
        owner: "0000000000000001_7".into(),
        capture_sockets: CaptureSockets { tcp: ports, udp: ports },
        bound: PerFamily::default(),
        forwards: false,
        pods: vec!["10.244.1.0/24".parse().unwrap(), "10.244.0.0/24".parse().unwrap()],
        pod_interface: None,
        pod_networks: vec!["10.244.0.0/16".parse().unwrap()],
        service_cidrs: vec!["10.96.0.0/12".parse().unwrap(), "10.100.0.0/16".parse().unwrap()],
        bridged: None,
        source_ports: vec![PortRange::DEFAULT_SOURCES],
    }
}

fn nothing() -> Plan {
    Plan::of(&Snapshot::default(), &[], &Default::default())
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).collect()
}

#[test]
fn the_whole_table_replaces_what_was_there_in_one_transaction() {
    let text = whole(&table(), &nothing());
    let expected = ["add table inet weir", "delete table inet weir", "table inet weir {"];
    assert_eq!(lines(&text)[..3], expected);
    assert!(text.contains("chain owner_0000000000000001_7 {"));
}

#[test]
fn networks_are_merged_so_that_none_overlaps_another() {
    let text = whole(&table(), &nothing());
    assert!(text.contains("ip daddr { 10.96.0.0/12 } drop"), "{text}");
    assert!(text.contains("ip saddr { 10.244.0.0/23 } goto from_pod4"), "{text}");
}

#[test]
fn packets_of_weir_meet_one_rule_that_is_for_others_and_others_meet_one_that_is_for_weir() {
    let text = whole(&table(), &nothing());
    let chain = |name: &str| {
        let start = format!("chain {name} {{");
        let lines = lines(&text).into_iter().skip_while(|line| *line != start).skip(1);
        lines.take_while(|line| *line != "}").collect::<Vec<_>>()
    };
    let output = chain("output");
    assert_eq!(
        output[1],
        "meta mark & 0x30000000 vmap { 0x10000000 : goto to_client, 0x20000000 : goto to_endpoint, 0x30000000 : goto \
         in_name_of_client }"
    );
    assert!(output[2..].iter().all(|rule| !rule.contains("meta mark &")), "{output:?}");
    assert_eq!(chain("in_name_of_client"), ["meta l4proto udp reject", "notrack accept"]);
    assert_eq!(chain("to_client")[0], "meta l4proto tcp notrack accept");
    assert_eq!(chain("to_endpoint"), ["ip daddr { 10.244.0.0/16 } notrack accept", "accept"]);
}

#[test]
fn no_packet_enters_a_chain_without_rules() {
    let without = Table { service_cidrs: Vec::new(), ..table() };
    assert!(whole(&table(), &nothing()).contains("chain output_unallocated {"));
    assert!(!whole(&without, &nothing()).contains("chain output_unallocated {"));
}

#[test]
fn a_family_that_is_not_received_has_no_rules() {
    assert!(!whole(&table(), &nothing()).contains("ip6"));
    let neither = Table { capture_sockets: CaptureSockets::default(), ..table() };
    let text = whole(&neither, &nothing());
    assert!(!text.contains("daddr"), "{text}");
}

#[test]
fn bound_frontends_are_marked_but_not_given_to_a_socket() {
    let bound = Table { bound: PerFamily { v4: true, v6: false }, ..table() };
    let text = whole(&bound, &nothing());
    assert!(!text.contains("tproxy") && text.contains("meta mark set meta mark | 0x40000000 accept"));
    assert!(whole(&table(), &nothing()).contains("tproxy ip to 127.0.0.1:3"));
}

#[test]
fn clients_of_a_bound_frontend_whose_port_is_held_are_brought_to_another_port_and_back() {
    let bound = Table { bound: PerFamily { v4: true, v6: false }, ..table() };
    let held = Frontend { protocol: Protocol::Tcp, address: ([10, 96, 0, 1], 443).into() };
    let plan = Plan::of(&Snapshot::default(), &[], &std::sync::Arc::new([(held, 40_000)].into()));
    let text = whole(&bound, &plan);
    for expected in [
        "tcp dport set ip daddr . meta l4proto . th dport map @stand_in_ports4",
        "tcp sport set ip saddr . meta l4proto . th sport map @original_ports4",
        "ip daddr . meta l4proto . th dport @stand_ins4 goto refuse",
        "elements = { 10.96.0.1 . tcp . 443 : 40000 }",
        "elements = { 10.96.0.1 . tcp . 40000 : 443 }",
        "elements = { 10.96.0.1 . tcp . 40000 }",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(!whole(&table(), &plan).contains("stand_in"), "captured frontends need none");
    let moved = Edits {
        stand_in_ports: vec![Edit { key: held, before: Some(40_000), after: Some(40_001) }],
        ..Edits::default()
    };
    let expected = [
        "flush chain inet weir owner_0000000000000001_7",
        "delete element inet weir stand_in_ports4 { 10.96.0.1 . tcp . 443 }",
        "add element inet weir stand_in_ports4 { 10.96.0.1 . tcp . 443 : 40001 }",
        "delete element inet weir original_ports4 { 10.96.0.1 . tcp . 40000 }",
        "add element inet weir original_ports4 { 10.96.0.1 . tcp . 40001 : 443 }",
        "delete element inet weir stand_ins4 { 10.96.0.1 . tcp . 40000 }",
        "add element inet weir stand_ins4 { 10.96.0.1 . tcp . 40001 }",
    ];
    assert_eq!(lines(&edits(&bound, &nothing(), &moved)), expected);
}

#[test]
fn a_change_says_only_what_differs_and_whose_the_table_must_be() {
    let frontend = |port| Frontend {
        protocol: Protocol::Tcp,
        address: std::net::SocketAddr::from(([10, 96, 0, 1], port)),
    };
    let treatment = |exception| Some(Treatment { exception, ..Treatment::default() });
    let refuse = treatment(Some(Exception::Refuse));
    let changes = Edits {
        frontends: vec![
            Edit { key: frontend(80), before: treatment(None), after: refuse },
            Edit { key: frontend(81), before: refuse, after: None },
            Edit { key: frontend(82), before: refuse, after: treatment(Some(Exception::InsideOnly)) },
        ],
        ..Edits::default()
    };
    let text = edits(&table(), &nothing(), &changes);
    let expected = [
        "flush chain inet weir owner_0000000000000001_7",
        "delete element inet weir frontends4 { 10.96.0.1 . tcp . 81 }",
        "delete element inet weir judged4 { 10.96.0.1 . tcp . 81 }",
        "add element inet weir judged4 { 10.96.0.1 . tcp . 80 }",
        "delete element inet weir exceptions4 { 10.96.0.1 . tcp . 81, 10.96.0.1 . tcp . 82 }",
        "add element inet weir exceptions4 { 10.96.0.1 . tcp . 80 : goto refuse, \
         10.96.0.1 . tcp . 82 : jump inside_only4 }",
    ];
    assert_eq!(lines(&text), expected);
}

#[test]
fn what_passes_is_changed_by_itself_and_weirs_own_segments_are_looked_for_first() {
    let frontend =
        Frontend { protocol: Protocol::Tcp, address: std::net::SocketAddr::from(([192, 0, 2, 1], 80)) };
    let treatment = |passing| Some(Treatment { passing: Some(passing), ..Treatment::default() });
    let (before, after) = (treatment(Passing::Connections), treatment(Passing::Outsiders));
    let changes = Edits { frontends: vec![Edit { key: frontend, before, after }], ..Edits::default() };
    let expected = [
        "flush chain inet weir owner_0000000000000001_7",
        "delete element inet weir passing4 { 192.0.2.1 . tcp . 80 }",
        "add element inet weir passing4 { 192.0.2.1 . tcp . 80 : jump pass_outsiders4 }",
    ];
    assert_eq!(lines(&edits(&table(), &nothing(), &changes)), expected);
    let first_of = |table: &Table| {
        let text = whole(table, &nothing());
        let rules =
            text.lines().map(str::trim).skip_while(|line| *line != "chain frontend4 {").skip(1).take(3);
        rules.map(str::to_owned).collect::<Vec<_>>()
    };
    let bound = Table { bound: PerFamily { v4: true, v6: false }, ..table() };
    for (table, condition) in
        [(table(), "transparent 1 notrack"), (bound, "transparent 1 socket mark & 0xffff == 0 notrack")]
    {
        let rules = first_of(&table);
        assert!(rules[0].contains(condition) && rules[1].ends_with("@judged4 goto judge4"), "{rules:?}");
        assert_eq!(rules[2], "notrack");
    }
}

#[test]
fn a_reply_that_left_from_another_port_is_given_the_one_in_its_mark() {
    let port = |before: Option<()>, after, key| Edit { key, before, after };
    let changes = Edits {
        reply_ports: vec![port(Some(()), None, 53), port(None, Some(()), 0x4000)],
        ..Edits::default()
    };
    let expected = [
        "flush chain inet weir owner_0000000000000001_7",
        "delete element inet weir reply_ports { 0x10000035 }",
        "add element inet weir reply_ports { 0x10004000 : 16384 }",
    ];
    assert_eq!(lines(&edits(&table(), &nothing(), &changes)), expected);
    let text = whole(&table(), &nothing());
    let rule = "udp sport set meta mark & 0x1000ffff map @reply_ports meta mark set meta mark & 0xffff0000";
    assert!(text.contains(rule), "{text}");
}

#[test]
fn a_change_of_a_family_that_is_not_received_touches_no_set_that_is_not_there() {
    let key = Frontend { protocol: Protocol::Tcp, address: "[fd00::1]:80".parse().unwrap() };
    let added = Edits {
        frontends: vec![Edit { key, before: None, after: Some(Treatment::default()) }],
        cluster_ips: vec![Edit { key: key.address.ip(), before: None, after: Some(()) }],
        ..Edits::default()
    };
    assert_eq!(
        lines(&edits(&table(), &nothing(), &added)),
        ["flush chain inet weir owner_0000000000000001_7"]
    );
}

#[test]
fn sources_that_are_all_of_another_family_admit_nobody() {
    assert_eq!(ranges_rule(Family::V4, &[]), "drop");
    assert_eq!(ranges_rule(Family::V6, &["fd00::/8".parse().unwrap()]), "ip6 saddr != { fd00::/8 } drop");
}

#[test]
fn packets_that_come_in_by_the_pair_are_nobodys_before_any_other_rule_sees_them() {
    let text = whole(&Table { forwards: true, ..table() }, &nothing());
    let first = |chain: &str| {
        let start = format!("chain {chain} {{");
        lines(&text).into_iter().skip_while(|line| *line != start).nth(2).unwrap().to_owned()
    };
    assert_eq!(first("prerouting"), "iifname \"weir1\" meta mark set meta mark & 0x87ffffff accept");
    assert!(first("prerouting_tracked").starts_with("iifname \"weir1\" ct direction original ct mark set"));
    assert!(first("output_tracked").ends_with("rt ip nexthop != 192.0.0.8 drop"));
}

#[test]
fn without_forwarding_no_rule_knows_of_the_pair() {
    let text = whole(&table(), &nothing());
    assert!(!text.contains("weir1") && !text.contains("0x08000000") && !text.contains("nexthop"), "{text}");
}
