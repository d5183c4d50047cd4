//! Does `weir doctor` find what a host lacks? In a network namespace: needs root.
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

use std::process::Output;
use weir_testkit::Namespace;

fn doctor(node: &Namespace, arguments: &[&str]) -> Output {
    node.command(env!("CARGO_BIN_EXE_weir")).arg("doctor").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

/// The line of the table about one thing.
#[track_caller]
fn line<'a>(output: &'a Output, result: &str, check: &str) -> &'a str {
    let has = |line: &&str| line.starts_with(result) && line[result.len()..].trim_start().starts_with(check);
    let found = text(&output.stdout).lines().find(has);
    found.unwrap_or_else(|| panic!("no {result} {check}: {}{}", text(&output.stdout), text(&output.stderr)))
}

/// A host on which weir could start.
fn host() -> Option<Namespace> {
    let node = Namespace::with_nft("node")?;
    node.ip_lines(
        "link add uplink type veth peer name switch\nlink set switch up\naddress add 192.0.2.2/24 dev uplink\nlink set uplink up\n\
         route add default via 192.0.2.1\n",
    )
    .unwrap();
    Some(node)
}

#[test]
fn a_host_that_has_everything_passes_and_nothing_is_left_behind() {
    let Some(node) = host() else { return };
    let output = doctor(&node, &[]);
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    for check in
        ["privilege", "nft", "rules", "policy routing", "own processes", "firewall", "weir", "kube-proxy"]
    {
        line(&output, "ok", check);
    }
    let left = node.command("nft").args(["list", "tables"]).output().unwrap();
    assert_eq!(text(&left.stdout), "");
}

#[test]
fn a_firewall_that_drops_is_warned_of_until_it_admits_what_weir_captures() {
    let Some(node) = host() else { return };
    let base = "type filter hook input priority filter; policy drop;";
    node.nft(&format!("table inet wall {{\nchain way_in {{\n{base}\ntcp dport 22 accept\n}}\n}}\n")).unwrap();
    let output = doctor(&node, &[]);
    let said = line(&output, "warn", "firewall");
    assert!(said.contains("way_in of table inet wall"), "{said}");
    assert_eq!(output.status.code(), Some(0), "a warning is no failure");
    let remedy = said.split('\'').nth(1).unwrap().strip_prefix("nft ").unwrap();
    node.nft(&format!("{remedy}\n")).unwrap();
    line(&doctor(&node, &[]), "ok", "firewall");
}

#[test]
fn source_checks_that_look_at_the_mark_fail() {
    let Some(node) = host() else { return };
    let base = "type filter hook prerouting priority filter + 10; policy accept;";
    let check = "meta nfproto ipv6 fib saddr . mark . iif oif missing drop";
    node.nft(&format!("table inet firewalld {{\nchain first {{\n{base}\n{check}\n}}\n}}\n")).unwrap();
    node.set_parameter("net/ipv4/conf/all/src_valid_mark", "1").unwrap();
    let output = doctor(&node, &[]);
    assert!(line(&output, "fail", "firewall").contains("IPv6_rpfilter"));
    line(&output, "fail", "source checks");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn without_nft_the_package_is_named() {
    let Some(node) = host() else { return };
    // `ip` is found by the path of this process.
    let mut command = node.command("/usr/bin/env");
    let output = command.args(["PATH=/nowhere", env!("CARGO_BIN_EXE_weir"), "doctor"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(line(&output, "fail", "nft").contains("package nftables"));
}

#[test]
fn routes_and_leftovers_are_looked_at_and_json_tells_the_same() {
    let Some(node) = host() else { return };
    node.ip_lines("route delete default\nroute add 10.96.0.0/16 dev uplink\n").unwrap();
    node.nft("add table inet weir\nadd table ip nat\nadd chain ip nat KUBE-SERVICES\n").unwrap();
    let output = doctor(&node, &["-o", "json"]);
    let checks: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let of =
        |name: &str| checks.as_array().unwrap().iter().find(|check| check["check"] == name).unwrap().clone();
    assert_eq!(of("own processes")["result"], "warn");
    assert_eq!(of("weir")["result"], "warn");
    assert!(of("weir")["advice"].as_str().unwrap().contains("weir cleanup"));
    assert!(of("kube-proxy")["finding"].as_str().unwrap().contains("10266"));
    line(&doctor(&node, &["--service-cidr", "10.96.0.0/12"]), "ok", "own processes");
}
