//! Does `weir doctor` find what a host lacks? In a network namespace: needs root.
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

use serde_json::json;
use std::{
    env, fs,
    net::Ipv4Addr,
    path::PathBuf,
    process::{Command, Output},
    time::{Duration, Instant},
};
use weir_testkit::{ApiServer, Namespace, OwnThread, Resource};

/// The program without what the environment of the tests says about API servers.
fn command(node: &Namespace, arguments: &[&str]) -> Command {
    let mut command = node.command(env!("CARGO_BIN_EXE_weir"));
    command.arg("doctor").args(arguments).env_remove("KUBECONFIG").env("HOME", "/nowhere");
    command
}

fn doctor(node: &Namespace, arguments: &[&str]) -> Output {
    command(node, arguments).output().unwrap()
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

/// An API server on such a host that knows it as node-a, and a kubeconfig for it.
struct Cluster {
    api: OwnThread<ApiServer>,
    kubeconfig: PathBuf,
    node: Namespace,
}

impl Cluster {
    fn start() -> Option<Self> {
        let node = host()?;
        let start = || OwnThread::start(|| ApiServer::start_at(Ipv4Addr::new(192, 0, 2, 2).into()));
        let api = node.enter(start).unwrap().unwrap();
        for object in [
            json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "node-a" },
                "spec": { "podCIDRs": ["10.244.0.0/24"] },
                "status": { "addresses": [{ "type": "InternalIP", "address": "192.0.2.2" }] } }),
            json!({ "apiVersion": "networking.k8s.io/v1", "kind": "ServiceCIDR",
                "metadata": { "name": "kubernetes" }, "spec": { "cidrs": ["10.96.0.0/16"] } }),
        ] {
            api.apply(object).unwrap();
        }
        let kubeconfig = env::temp_dir().join(format!("weir-doctor-{:016x}", rand::random::<u64>()));
        fs::write(&kubeconfig, api.kubeconfig()).unwrap();
        Some(Self { api, kubeconfig, node })
    }

    /// Examines the host with these flags besides the kubeconfig.
    fn examine(&self, flags: &str) -> Output {
        let kubeconfig = ["--kubeconfig", self.kubeconfig.to_str().unwrap()];
        doctor(&self.node, &kubeconfig.into_iter().chain(flags.split_whitespace()).collect::<Vec<_>>())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.kubeconfig);
    }
}

#[test]
fn a_host_that_has_everything_passes_and_nothing_is_left_behind() {
    let Some(node) = host() else { return };
    let output = doctor(&node, &[]);
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    for check in [
        "privilege",
        "nft",
        "rules",
        "policy routing",
        "own processes",
        "MTU",
        "firewall",
        "forwarding",
        "policies",
        "weir",
        "kube-proxy",
        "peers",
    ] {
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
    let output = command
        .args(["PATH=/nowhere", "HOME=/nowhere", env!("CARGO_BIN_EXE_weir"), "doctor"])
        .output()
        .unwrap();
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

#[test]
fn a_forward_chain_that_drops_is_warned_of_until_it_admits_weirs_interface_behind_its_other_rules() {
    let Some(node) = host() else { return };
    let base = "type filter hook forward priority filter; policy accept;";
    node.nft(&format!(
        "table inet wall {{\nchain through {{\n{base}\nct state established accept\ncounter reject\n}}\n}}\n"
    ))
    .unwrap();
    let output = doctor(&node, &[]);
    let said = line(&output, "warn", "forwarding");
    assert!(said.contains("through of table inet wall"), "{said}");
    let remedy = said.split_once("run 'nft ").unwrap().1.split('\'').next().unwrap();
    node.nft(&format!("{remedy}\n")).unwrap();
    line(&doctor(&node, &[]), "ok", "forwarding");
    let listed = node.command("nft").args(["list", "chain", "inet", "wall", "through"]).output().unwrap();
    let rules: Vec<&str> =
        text(&listed.stdout).lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(rules[3..5], ["ct state established accept", "iifname \"weir1\" accept"], "{rules:?}");
}

#[test]
fn rules_of_network_plugins_are_recognised_and_one_that_drops_all_fails() {
    let Some(node) = host() else { return };
    node.nft(
        "table ip calico {
            chain filter-FORWARD { type filter hook forward priority filter; policy accept; jump filter-cali-FORWARD; }
            chain filter-cali-FORWARD { }
            chain filter-cali-wl-to-host { counter accept; }
        }
        table inet kindnet-network-policies { }
        ",
    )
    .unwrap();
    let output = doctor(&node, &[]);
    assert!(line(&output, "warn", "policies").contains("Calico"));
    assert!(line(&output, "ok", "policies").contains("kindnet"));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    node.nft("add rule ip calico filter-cali-wl-to-host drop\n").unwrap();
    let output = doctor(&node, &[]);
    assert!(line(&output, "fail", "policies").contains("defaultEndpointToHostAction"));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn the_cluster_is_examined_and_what_does_not_fit_fails() {
    let Some(cluster) = Cluster::start() else { return };
    let right = "--node-name node-a --cluster-cidr 10.244.0.0/16";
    let output = cluster.examine(right);
    for (check, part) in [
        ("kubeconfig", cluster.api.url()),
        ("API server", "v1.33.0-weir-testkit".into()),
        ("rights", "services, endpointslices, servicecidrs, nodes".into()),
        ("node name", "192.0.2.2".into()),
        ("pods", "10.244.0.0/16".into()),
        ("own processes", "10.96.0.1".into()),
    ] {
        assert!(line(&output, "ok", check).contains(&part), "{}", text(&output.stdout));
    }
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    for (flags, check) in [
        ("--node-name node-b --cluster-cidr 10.244.0.0/16", "node name"),
        ("--node-name node-a --cluster-cidr 10.0.0.0/8", "pods"),
        ("--node-name node-a --cluster-cidr 10.244.0.0/16 --context other", "kubeconfig"),
        ("--node-name node-a --api-server http://192.0.2.2:1", "API server"),
    ] {
        let output = cluster.examine(flags);
        line(&output, "fail", check);
        assert_eq!(output.status.code(), Some(1), "{flags}");
    }
    line(&cluster.examine("--node-name node-a --cluster-cidr 10.1.0.0/16"), "warn", "pods");
    line(&cluster.examine("--node-name node-a"), "warn", "pods");
}

#[test]
fn a_right_that_is_missing_is_named() {
    let Some(cluster) = Cluster::start() else { return };
    let right = "--node-name node-a --cluster-cidr 10.244.0.0/16";
    for (resource, result, code) in [
        (Resource::Services, "fail", 1),
        (Resource::EndpointSlices, "fail", 1),
        (Resource::Nodes, "warn", 0),
        (Resource::ServiceCidrs, "ok", 0),
    ] {
        cluster.api.forbid(resource, true);
        let output = cluster.examine(right);
        let said = line(&output, result, "rights");
        assert!(said.contains(&format!("not allowed to list {}", resource.plural())), "{said}");
        assert_eq!(output.status.code(), Some(code), "{resource:?}");
        cluster.api.forbid(resource, false);
    }
}

#[test]
fn the_right_to_write_events_is_looked_at_where_weir_would_write_them() {
    let Some(cluster) = Cluster::start() else { return };
    let flags = "--node-name node-a --cluster-cidr 10.244.0.0/16";
    line(&cluster.examine(flags), "ok", "Events");
    cluster.api.forbid(Resource::Events, true);
    let output = cluster.examine(flags);
    let said = line(&output, "warn", "Events");
    let reason = "not allowed to create events of the group events.k8s.io (no role allows it)";
    assert!(said.contains(reason) && said.contains("does everything else"), "{said}");
    assert_eq!(output.status.code(), Some(0));
    let without = cluster.examine(&format!("{flags} --events=off"));
    assert!(!text(&without.stdout).contains("Events"), "{}", text(&without.stdout));
    assert!(cluster.api.events().is_empty(), "nothing is written");
}

#[test]
fn an_api_server_behind_a_lost_way_is_given_up_in_time() {
    let Some(cluster) = Cluster::start() else { return };
    // Nobody answers for a neighbour that is not there, and the kernel drops what is sent to it in silence.
    cluster.node.nft("table inet silence {\nchain c {\ntype filter hook output priority 0;\nip daddr 192.0.2.99 drop\n}\n}\n").unwrap();
    let begun = Instant::now();
    let output = cluster.examine("--node-name node-a --api-server http://192.0.2.99:6443");
    assert!(line(&output, "fail", "API server").contains("192.0.2.99"));
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

#[test]
fn the_variables_of_weirs_pod_count_and_those_for_other_flags_are_no_matter() {
    let Some(cluster) = Cluster::start() else { return };
    let mut command = command(&cluster.node, &[]);
    command
        .env("WEIR_KUBECONFIG", &cluster.kubeconfig)
        .env("NODE_NAME", "node-a")
        .env("WEIR_LOG_FORMAT", "json");
    let output = command.env("WEIR_CLUSTER_CIDR", "10.244.0.0/16,fd00::/56").output().unwrap();
    assert!(line(&output, "ok", "pods").contains("10.244.0.0/16, fd00::/56"), "{}", text(&output.stdout));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}
