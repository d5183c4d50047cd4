//! What is said about which host?

mod cluster;
mod policies;

use super::*;
use crate::{
    cli::ClusterNetwork,
    commands::doctor::{
        settings::{Ipv6, Settings},
        subject::{ANYWHERE, Cluster, destinations},
    },
};
use std::collections::BTreeSet;
use weir_capture::{Chain, Error, ForwardFirewalls, Host, Links, Ruleset, route::Routing};
use weir_control::{Examination, KubeSource, Need, Right};
use weir_core::{Bridges, Node, PerFamily, Pods};

/// A host on which weir could start.
fn host() -> Host {
    let routing = Routing { has_policy: true, ..Routing::default() };
    Host {
        has_net_admin: true,
        has_net_bind_service: true,
        nft: Ok("1.0.6".into()),
        rules: Some(Ok(())),
        ruleset: Some(Ok(Ruleset::default())),
        routing: Ok(PerFamily { v4: routing, v6: routing }),
        unreachable: Vec::new(),
        forward_firewalls: Some(Ok(ForwardFirewalls::default())),
        links: Ok(Links::default()),
        bridges: Ok(Bridges::default()),
        is_running: Ok(false),
    }
}

fn settings() -> Settings {
    Settings {
        ipv6: Ipv6::Usable,
        files: Some(1_048_576),
        unprivileged_ports: 1024,
        local_ports: Some(32_768..=60_999),
        reserved_ports: Vec::new(),
        tracked: Some((10, 262_144)),
        close_wait: Some(Duration::from_secs(3600)),
        sock_diag: Ok(()),
        route_localnet: Vec::new(),
        source_checks_by_mark: Vec::new(),
        has_legacy_filter: false,
    }
}

/// A cluster that knows node-a at 192.0.2.1.
fn examination() -> Examination {
    let right = |(resource, need)| Right { resource, need, outcome: Ok(()) };
    let kinds = [
        ("services", Need::Required),
        ("endpointslices", Need::Required),
        ("servicecidrs", Need::Optional),
        ("nodes", Need::Recommended),
    ];
    Examination {
        server: "https://192.0.2.9:6443".into(),
        version: Ok(("v1.36.2".into(), Duration::from_millis(7))),
        rights: kinds.map(right).into(),
        events: Some(Ok(())),
        node: Some(Node {
            internal_ips: vec!["192.0.2.1".parse().unwrap()],
            pod_cidrs: vec!["10.244.0.0/24".parse().unwrap()],
            known: true,
            ..Node::named("node-a")
        }),
        service_cidrs: vec!["10.96.0.0/16".parse().unwrap()],
    }
}

fn options(cluster_cidrs: &[&str]) -> DoctorOptions {
    let networks: Vec<_> = cluster_cidrs.iter().map(|cidr| cidr.parse().unwrap()).collect();
    let network = ClusterNetwork {
        lacks_cluster_cidr: networks.is_empty(),
        pods: if networks.is_empty() { Pods::Unknown } else { Pods::Within(networks) },
        ..ClusterNetwork::default()
    };
    DoctorOptions {
        source: KubeSource::default(),
        node_name: "node-a".into(),
        network,
        output: crate::output::format::Output::Table,
    }
}

fn subject(host: Host, settings: Settings) -> Subject {
    Subject {
        host,
        settings,
        addresses: BTreeSet::from(["192.0.2.1".parse().unwrap()]),
        destinations: vec![ANYWHERE],
        cluster: Cluster::Examined(examination()),
    }
}

fn checks(host: Host, settings: &Settings) -> Vec<Check> {
    judge(&subject(host, settings.clone()), &options(&["10.244.0.0/16"]))
}

/// What is not ok, by name.
fn not_ok(host: Host, settings: &Settings) -> Vec<(Outcome, &'static str, String)> {
    worse(checks(host, settings))
}

fn worse(checks: Vec<Check>) -> Vec<(Outcome, &'static str, String)> {
    let worse = checks.into_iter().filter(|check| check.outcome != Outcome::Ok);
    worse
        .map(|check| (check.outcome, check.name, format!("{}; {}", check.finding, check.advice.unwrap())))
        .collect()
}

/// Expects just one thing, which says all this.
#[track_caller]
fn expect(host: Host, settings: &Settings, outcome: Outcome, name: &str, parts: &[&str]) {
    expect_of(not_ok(host, settings), outcome, name, parts);
}

#[track_caller]
fn expect_of(found: Vec<(Outcome, &'static str, String)>, outcome: Outcome, name: &str, parts: &[&str]) {
    let [(how, what, text)] = &found[..] else { panic!("{found:?}") };
    assert_eq!((*how, *what), (outcome, name));
    for part in parts {
        assert!(text.contains(part), "{part}: {text}");
    }
}

fn chain(table: &str, name: &str, hook: &str) -> Chain {
    Chain { table: table.into(), name: name.into(), hook: hook.into(), ..Chain::default() }
}

fn with_chains(chains: Vec<Chain>) -> Host {
    let forwards = chains.iter().filter(|chain| chain.hook == "forward").cloned().collect();
    let firewalls = ForwardFirewalls { chains: forwards, ..ForwardFirewalls::default() };
    Host {
        ruleset: Some(Ok(Ruleset { chains, ..Ruleset::default() })),
        forward_firewalls: Some(Ok(firewalls)),
        ..host()
    }
}

#[test]
fn a_host_that_lacks_nothing_is_ok_line_by_line() {
    assert_eq!(not_ok(host(), &settings()), []);
    let text = table(&checks(host(), &settings())).to_string();
    assert!(text.lines().count() > 10 && text.lines().skip(1).all(|line| line.starts_with("ok ")), "{text}");
}

#[test]
fn without_privilege_or_nft_just_that_is_said_and_what_needs_it_left_out() {
    let unprivileged = Host { has_net_admin: false, rules: None, ruleset: None, ..host() };
    expect(unprivileged, &settings(), Outcome::Fail, "privilege", &["CAP_NET_ADMIN", "hostNetwork"]);
    let bare =
        Host { nft: Err(Error::RequirementMissing(String::new())), rules: None, ruleset: None, ..host() };
    expect(bare, &settings(), Outcome::Fail, "nft", &["no program nft", "package nftables"]);
    let no_low_ports = || Host { has_net_bind_service: false, ..host() };
    expect(no_low_ports(), &settings(), Outcome::Fail, "low ports", &["1024", "NET_BIND_SERVICE"]);
    assert_eq!(not_ok(no_low_ports(), &Settings { unprivileged_ports: 0, ..settings() }), []);
}

#[test]
fn an_old_nft_is_told_from_a_new_one_and_an_odd_one_is_left_to_the_trial() {
    let of = |version: &str| not_ok(Host { nft: Ok(version.into()), ..host() }, &settings()).len();
    assert_eq!(["0.9.8", "1.0.0", "1.0"].map(of), [1, 1, 1]);
    assert_eq!(["1.0.1", "1.1.3", "1.1", "2.0", "1.0.2-rc1", ""].map(of), [0; 6]);
}

#[test]
fn what_the_kernel_lacks_is_passed_on() {
    let lacking = Host { rules: Some(Err(Error::RequirementMissing("no TPROXY".into()))), ..host() };
    expect(lacking, &settings(), Outcome::Fail, "rules", &["no TPROXY", "modprobe"]);
    let without = Host { routing: Ok(PerFamily::default()), ..host() };
    let names: Vec<_> = not_ok(without, &settings()).into_iter().map(|(_, name, _)| name).collect();
    assert_eq!(names, ["policy routing", "IPv6"]);
    let absent = Settings { ipv6: Ipv6::Absent, ..settings() };
    expect(host(), &absent, Outcome::Warn, "IPv6", &["none"]);
    let halved = Settings { ipv6: Ipv6::NotOnLoopback, ..settings() };
    expect(host(), &halved, Outcome::Fail, "IPv6", &["::1", "disable_ipv6"]);
}

#[test]
fn bound_mode_is_told_with_its_families_and_its_cost() {
    let bound = PerFamily { v4: true, v6: false };
    let bridged = Host { bridges: Ok(Bridges { bound, networks: Vec::new() }), ..host() };
    expect(bridged, &settings(), Outcome::Warn, "bridges", &["IPv4 packets", "descriptors"]);
}

#[test]
fn an_address_without_a_route_is_named() {
    let lost = Host { unreachable: vec![ANYWHERE], ..host() };
    expect(lost, &settings(), Outcome::Warn, "own processes", &["240.0.0.1", "--service-cidr"]);
    let cidrs = ["10.96.0.0/12", "fd00::/108", "192.0.2.1/32"].map(|cidr| cidr.parse().unwrap());
    let asked: Vec<String> = destinations(&cidrs).iter().map(ToString::to_string).collect();
    assert_eq!(asked, ["10.96.0.1", "fd00::", "192.0.2.1"]);
}

#[test]
fn a_firewall_that_drops_by_default_gets_the_rule_in_its_own_words() {
    let iptables = Chain { drops: true, ..chain("ip filter", "INPUT", "input") };
    let words = "iptables -I INPUT -m mark --mark 0x40000000/0x40000000 -j ACCEPT";
    expect(with_chains(vec![iptables]), &settings(), Outcome::Warn, "firewall", &[words]);
    let rules = vec!["tcp dport 22 accept".into(), "counter packets 1 bytes 60 reject".into()];
    let own = Chain { rules, ..chain("inet f", "in", "input") };
    let words = "nft insert rule inet f in meta mark and 0x40000000 == 0x40000000 accept";
    expect(with_chains(vec![own.clone()]), &settings(), Outcome::Warn, "firewall", &[words]);
    let elsewhere = ["bridge f", "netdev f"].map(|table| Chain { table: table.into(), ..own.clone() });
    assert_eq!(not_ok(with_chains(elsewhere.into()), &settings()), []);
    let legacy = Settings { has_legacy_filter: true, ..settings() };
    let found = not_ok(host(), &legacy);
    for ((outcome, name, said), (wanted, command)) in found
        .into_iter()
        .zip([("firewall", "iptables-legacy -S INPUT"), ("forwarding", "iptables-legacy -S FORWARD")])
    {
        assert_eq!((outcome, name, said.contains(command)), (Outcome::Warn, wanted, true), "{said}");
    }
}

#[test]
fn checks_of_sources_that_look_at_the_mark_fail() {
    let rule =
        |text: &str| Chain { rules: vec![text.into()], ..chain("inet firewalld", "pre", "prerouting") };
    let strict = rule("meta nfproto ipv6 fib saddr . mark . iif oif missing drop");
    expect(with_chains(vec![strict]), &settings(), Outcome::Fail, "firewall", &["IPv6_rpfilter=loose"]);
    assert_eq!(not_ok(with_chains(vec![rule("fib saddr . mark oif missing drop")]), &settings()), []);
    let by_mark = |name: &str| Settings { source_checks_by_mark: vec![name.into()], ..settings() };
    expect(host(), &by_mark("all"), Outcome::Fail, "source checks", &["src_valid_mark"]);
    expect(host(), &by_mark("wg0"), Outcome::Warn, "source checks", &["wg0"]);
}

#[test]
fn leftovers_are_told_unless_a_weir_runs() {
    let left = Ruleset { tables: vec!["inet weir".into()], ..Ruleset::default() };
    let left_by = |is_running| {
        let mut host = Host { ruleset: Some(Ok(left.clone())), is_running: Ok(is_running), ..host() };
        host.routing.as_mut().unwrap().v6.rules = 1;
        host
    };
    expect(
        left_by(false),
        &settings(),
        Outcome::Warn,
        "weir",
        &["inet weir", "policy routes of IPv6", "weir cleanup"],
    );
    assert_eq!(not_ok(left_by(true), &settings()), []);
}

#[test]
fn kube_proxy_beside_is_fine_with_what_to_mind() {
    let said =
        |host: Host| checks(host, &settings()).into_iter().find(|check| check.name == "kube-proxy").unwrap();
    assert!(said(host()).finding.contains("no rules"));
    let iptables = said(with_chains(vec![chain("ip nat", "KUBE-SERVICES", "")]));
    assert!(iptables.outcome == Outcome::Ok && iptables.finding.contains("10266"), "{iptables:?}");
    let tables = Ruleset { tables: vec!["ip kube-proxy".into()], ..Ruleset::default() };
    assert!(said(Host { ruleset: Some(Ok(tables)), ..host() }).finding.contains("tables kube-proxy"));
}

#[test]
fn limits_and_parameters_are_judged_by_what_they_cost() {
    let warns =
        |settings: Settings, name, parts: &[&str]| expect(host(), &settings, Outcome::Warn, name, parts);
    warns(Settings { files: Some(1024), ..settings() }, "open files", &["1024", "LimitNOFILE"]);
    assert_eq!(not_ok(host(), &Settings { files: None, ..settings() }), []);
    let wide = Settings { local_ports: Some(1024..=65_535), ..settings() };
    warns(wide.clone(), "local ports", &["node port", "ip_local_reserved_ports=30000-32767"]);
    assert_eq!(not_ok(host(), &Settings { reserved_ports: vec![30_000..=32_767], ..wide }), []);
    warns(Settings { local_ports: Some(60_000..=60_999), ..settings() }, "local ports", &["1000 ports"]);
    warns(Settings { tracked: Some((95, 100)), ..settings() }, "connection tracking", &["nf_conntrack_max"]);
    warns(Settings { tracked: None, ..settings() }, "connection tracking", &["modprobe"]);
    let minute = Some(Duration::from_secs(60));
    warns(Settings { close_wait: minute, ..settings() }, "half-closed", &["60 s", "close_wait=3600"]);
    assert_eq!(not_ok(host(), &Settings { close_wait: None, ..settings() }), []);
    let blocked = Settings { sock_diag: Err("Operation not permitted".into()), ..settings() };
    warns(blocked, "peers", &["Operation not permitted", "dead-peer-timeout", "modprobe tcp_diag"]);
    warns(
        Settings { route_localnet: vec!["all".into()], ..settings() },
        "route_localnet",
        &["all", "CVE-2020-8558"],
    );
}

#[test]
fn what_nft_says_in_several_lines_stays_one_line() {
    let check = Check::fail("rules", "nft said:\n  line 1\n  line 2", "do this");
    assert_eq!(
        table(&[check]).to_string().lines().nth(1),
        Some("fail     rules   nft said: line 1 line 2; do this")
    );
}
