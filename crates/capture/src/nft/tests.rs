use super::{syntax::ranges_rule, *};
use crate::plan::{Edit, Edits, Exception, Plan, Treatment};
use weir_core::{CapturePorts, CaptureSockets, Family, Frontend, PerFamily, Protocol, Snapshot};

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
    }
}

fn nothing() -> Plan {
    Plan::of(&Snapshot::default(), &[])
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
fn datagrams_that_weir_sends_to_be_rejected_are_so_before_any_other_rule_sees_them() {
    let text = whole(&table(), &nothing());
    let output = lines(&text).into_iter().skip_while(|line| !line.starts_with("chain output {")).nth(2);
    assert_eq!(output, Some("meta mark & 0x30000000 == 0x30000000 meta l4proto udp reject"));
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
fn a_change_says_only_what_differs_and_whose_the_table_must_be() {
    let frontend = |port| Frontend {
        protocol: Protocol::Tcp,
        address: std::net::SocketAddr::from(([10, 96, 0, 1], port)),
    };
    let treatment = |exception| Some(Treatment { ranges: None, exception });
    let refuse = treatment(Some(Exception::Refuse));
    let changes = Edits {
        frontends: vec![
            Edit { key: frontend(80), before: treatment(None), after: refuse },
            Edit { key: frontend(81), before: refuse, after: None },
            Edit { key: frontend(82), before: refuse, after: treatment(Some(Exception::InsideOnly)) },
        ],
        ..Edits::default()
    };
    let text = edits("0_1", &nothing(), &changes);
    let expected = [
        "flush chain inet weir owner_0_1",
        "delete element inet weir frontends4 { 10.96.0.1 . tcp . 81 }",
        "delete element inet weir exceptions4 { 10.96.0.1 . tcp . 81, 10.96.0.1 . tcp . 82 }",
        "add element inet weir exceptions4 { 10.96.0.1 . tcp . 80 : goto refuse, \
         10.96.0.1 . tcp . 82 : jump inside_only4 }",
    ];
    assert_eq!(lines(&text), expected);
}

#[test]
fn a_reply_that_left_from_another_port_is_given_the_one_in_its_mark() {
    let port = |before: Option<()>, after, key| Edit { key, before, after };
    let changes = Edits {
        reply_ports: vec![port(Some(()), None, 53), port(None, Some(()), 0x4000)],
        ..Edits::default()
    };
    let expected = [
        "flush chain inet weir owner_0_1",
        "delete element inet weir reply_ports { 0x10000035 }",
        "add element inet weir reply_ports { 0x10004000 : 16384 }",
    ];
    assert_eq!(lines(&edits("0_1", &nothing(), &changes)), expected);
    let text = whole(&table(), &nothing());
    let rule = "udp sport set meta mark & 0x1000ffff map @reply_ports meta mark set meta mark & 0xffff0000";
    assert!(text.contains(rule), "{text}");
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
