//! Which network plugins are recognised, and what is said of each?

use super::*;
use weir_capture::{Link, LinkKind};

#[derive(Default)]
struct Signs<'a> {
    chains: &'a [(&'a str, &'a str)],
    links: &'a [&'a str],
    tables: &'a [&'a str],
    flow_tables: &'a [&'a str],
}

fn found(signs: &Signs<'_>) -> Vec<(Outcome, String)> {
    let chains = signs.chains.iter().map(|(name, last)| Chain {
        rules: vec!["jump somewhere".into(), (*last).into()],
        ..chain("ip filter", name, "")
    });
    let link = |name: &&str| Link { name: (*name).into(), kind: LinkKind::Other, mtu: 1500 };
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let ruleset = Ruleset {
        tables: names(signs.tables),
        chains: chains.collect(),
        flow_tables: names(signs.flow_tables),
    };
    let links = Links { all: signs.links.iter().map(link).collect(), ..Links::default() };
    let host = Host { ruleset: Some(Ok(ruleset)), links: Ok(links), ..host() };
    let policies = checks(host, &settings()).into_iter().filter(|check| check.name == "policies");
    policies
        .map(|check| (check.outcome, format!("{}; {}", check.finding, check.advice.unwrap_or_default())))
        .collect()
}

#[track_caller]
fn says(signs: &Signs<'_>, outcome: Outcome, parts: &[&str]) {
    let found = found(signs);
    let (_, said) = found
        .iter()
        .find(|(how, said)| *how == outcome && said.contains(parts[0]))
        .unwrap_or_else(|| panic!("{found:?}"));
    for part in parts {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn every_plugin_is_known_by_its_signs_and_says_how_egress_is_judged() {
    let none = Signs::default();
    says(&none, Outcome::Ok, &["no network plugin"]);
    let chain = |name: &'static str| [(name, "accept")];
    for (name, outcome, parts) in [
        ("cali-FORWARD", Outcome::Warn, &["Calico", "by the Service's address and port"][..]),
        ("filter-cali-FORWARD", Outcome::Warn, &["Calico"]),
        ("KUBE-ROUTER-FORWARD", Outcome::Warn, &["kube-router", "ip route add local"]),
        ("ANTREA-FORWARD", Outcome::Warn, &["Antrea", "antreaProxy.enable"]),
        ("WEAVE-NPC-EGRESS", Outcome::Warn, &["Weave"]),
        ("AWS-SNAT-CHAIN-0", Outcome::Ok, &["AWS VPC CNI"]),
    ] {
        says(&Signs { chains: &chain(name), ..Signs::default() }, outcome, parts);
    }
    for table in ["inet kube-network-policies", "inet kindnet-network-policies"] {
        says(&Signs { tables: &[table], ..Signs::default() }, Outcome::Ok, &["by the endpoint's address"]);
    }
    for (link, parts) in [
        ("cilium_host", &["Cilium", "before weir sees it"][..]),
        ("ovn-k8s-mp0", &["OVN-Kubernetes"]),
        ("bpfin.cali", &["eBPF", "bpfEnabled: false"]),
    ] {
        says(&Signs { links: &[link], ..Signs::default() }, Outcome::Warn, parts);
    }
}

#[test]
fn calico_that_drops_what_pods_send_to_the_host_or_takes_weirs_bits_fails() {
    let action = |last| {
        let chains = [("cali-FORWARD", "accept"), ("cali-wl-to-host", last)];
        found(&Signs { chains: &chains, ..Signs::default() })
            .iter()
            .filter(|(how, _)| *how == Outcome::Fail)
            .count()
    };
    assert_eq!(["counter packets 0 bytes 0 accept", "return"].map(action), [0, 0]);
    assert_eq!(
        ["drop", "counter packets 9 bytes 540 drop", "xt match \"comment\" counter packets 0 bytes 0 drop"]
            .map(action),
        [1; 3]
    );
    let dropping = [("cali-wl-to-host", "drop")];
    says(
        &Signs { chains: &dropping, ..Signs::default() },
        Outcome::Fail,
        &["defaultEndpointToHostAction", "Accept"],
    );
    let with_ipvs = Signs { chains: &[("cali-FORWARD", "")], links: &["kube-ipvs0"], ..Signs::default() };
    says(&with_ipvs, Outcome::Fail, &["kube-ipvs0", "iptablesMarkMask: 0x00ff0000"]);
}

#[test]
fn a_flow_table_is_warned_of() {
    let signs = Signs { flow_tables: &["inet kindnet-fastpath kindnet-flowtables"], ..Signs::default() };
    says(&signs, Outcome::Warn, &["bypass the rules", "--fastpath-threshold=0"]);
}

#[test]
fn a_forward_chain_that_drops_by_default_gets_the_rule_that_helps_at_its_end() {
    let docker = Chain {
        drops: true,
        rules: vec!["counter packets 0 bytes 0 jump DOCKER-USER".into()],
        ..chain("ip filter", "FORWARD", "forward")
    };
    let words = "'iptables -A FORWARD -i weir1 -j ACCEPT'";
    expect(
        with_chains(vec![docker.clone()]),
        &settings(),
        Outcome::Warn,
        "forwarding",
        &[words, "DOCKER", "never before"][..1],
    );
    let mut helped = docker;
    helped.rules.push("iifname \"weir1\" counter packets 0 bytes 0 accept".into());
    assert_eq!(not_ok(with_chains(vec![helped]), &settings()), []);
    let said = |host: Host| {
        let found = checks(host, &settings()).into_iter().find(|check| check.name == "forwarding");
        found.unwrap().finding
    };
    assert!(said(host()).contains("sent directly"));
    let policies =
        Chain { rules: vec!["jump cali-FORWARD".into()], ..chain("ip filter", "FORWARD", "forward") };
    assert!(said(with_chains(vec![policies])).contains("in from weir1, and pass FORWARD of table ip filter"));
}
