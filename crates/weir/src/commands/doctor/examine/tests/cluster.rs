//! What is said about the cluster, the node and its pods?

use super::*;
use std::net::IpAddr;
use weir_capture::{Link, LinkKind};

fn with(cluster: Cluster, cidrs: &[&str]) -> Vec<(Outcome, &'static str, String)> {
    let subject = Subject { cluster, ..subject(host(), settings()) };
    worse(judge(&subject, &options(cidrs)))
}

fn examined(change: impl FnOnce(&mut Examination), cidrs: &[&str]) -> Vec<(Outcome, &'static str, String)> {
    let mut examination = examination();
    change(&mut examination);
    with(Cluster::Examined(examination), cidrs)
}

const PODS: &[&str] = &["10.244.0.0/16"];

#[test]
fn without_a_kubeconfig_the_cluster_is_left_out_and_a_broken_one_fails() {
    let none = with(Cluster::NotConfigured("no kubeconfig".into()), &[]);
    expect_of(none, Outcome::Warn, "kubeconfig", &["no kubeconfig", "flags that weir run"]);
    let broken = with(Cluster::Unusable("cannot read the kubeconfig a.conf".into()), PODS);
    expect_of(broken, Outcome::Fail, "kubeconfig", &["a.conf", "--context"]);
}

#[test]
fn an_api_server_that_is_away_fails_and_nothing_is_said_of_what_it_would_tell() {
    let away = |examination: &mut Examination| {
        examination.version = Err("cannot reach the API server at https://192.0.2.9:6443".into());
        examination.rights.clear();
        examination.node = None;
    };
    expect_of(examined(away, PODS), Outcome::Fail, "API server", &["cannot reach", "--api-server"]);
}

#[test]
fn the_right_that_is_missing_is_named_and_weighs_as_much_as_it_is_needed() {
    for (index, outcome) in [(0, Some(Outcome::Fail)), (2, None), (3, Some(Outcome::Warn))] {
        let found = examined(|all| all.rights[index].outcome = Err("not allowed to list".into()), PODS);
        match outcome {
            Some(outcome) => {
                expect_of(found, outcome, "rights", &["not allowed to list", "rbac.yaml", "endpointslices"])
            }
            None => assert_eq!(found, []),
        }
    }
    let all = |examination: &mut Examination| {
        examination.rights.iter_mut().for_each(|right| right.outcome = Err("401 Unauthorized".into()));
        examination.node = None;
    };
    let found = examined(all, PODS);
    assert_eq!(found[0].2.matches("401").count(), 1, "{found:?}");
}

#[test]
fn a_missing_right_to_write_events_is_a_warning_that_says_that_nothing_else_depends_on_it() {
    let forbidden = |examination: &mut Examination| {
        examination.events = Some(Err("this process is not allowed to patch events".into()));
    };
    let said = ["not allowed to patch events", "does everything else", "rbac.yaml", "--events=off"];
    expect_of(examined(forbidden, PODS), Outcome::Warn, "Events", &said);
    assert_eq!(examined(|examination| examination.events = None, PODS), []);
}

#[test]
fn a_node_of_another_name_or_other_addresses_fails() {
    let unknown = |examination: &mut Examination| examination.node = None;
    expect_of(examined(unknown, PODS), Outcome::Fail, "node name", &["no Node \"node-a\"", "--node-name"]);
    let ips = |ips: &'static [&str]| {
        move |examination: &mut Examination| {
            let ips = ips.iter().map(|ip| ip.parse().unwrap()).collect();
            examination.node.as_mut().unwrap().internal_ips = ips;
        }
    };
    let elsewhere = examined(ips(&["192.0.2.7"]), PODS);
    expect_of(elsewhere, Outcome::Fail, "node name", &["192.0.2.7", "another node"]);
    let partly = examined(ips(&["192.0.2.1", "2001:db8::7"]), PODS);
    expect_of(partly, Outcome::Warn, "node name", &["does not have 2001:db8::7"]);
    expect_of(examined(ips(&[]), PODS), Outcome::Warn, "node name", &["no InternalIP"]);
}

#[test]
fn a_cluster_cidr_that_is_missing_too_small_or_too_large_is_found() {
    let same = |_: &mut Examination| {};
    expect_of(examined(same, &[]), Outcome::Warn, "pods", &["10.244.0.0/24", "--cluster-cidr"]);
    expect_of(examined(same, &["10.1.0.0/16"]), Outcome::Warn, "pods", &["podCIDR 10.244.0.0/24"]);
    expect_of(examined(same, &["10.0.0.0/8"]), Outcome::Fail, "pods", &["overlaps", "10.96.0.0/16"]);
    let wide = &["10.244.0.0/16", "192.0.2.0/24"];
    expect_of(examined(same, wide), Outcome::Warn, "pods", &["192.0.2.1", "own address"]);
}

#[test]
fn addresses_of_pods_here_decide_before_the_podcidrs_of_the_node() {
    let of = |pods: &[&str], cidr: &str| {
        let pods = pods.iter().map(|ip| ip.parse::<IpAddr>().unwrap()).collect();
        let links = Links { pods, ..Links::default() };
        let subject = subject(Host { links: Ok(links), ..host() }, settings());
        worse(judge(&subject, &options(&[cidr])))
    };
    assert_eq!(of(&["192.168.4.7"], "192.168.0.0/16"), []);
    expect_of(of(&["192.168.4.7"], "10.244.0.0/16"), Outcome::Warn, "pods", &["192.168.4.7", "IPPools"]);
    // Who gives no network of a family does not mean to recognise pods by it.
    assert_eq!(of(&["10.244.0.7", "fd00::7"], "10.244.0.0/16"), []);
}

#[test]
fn other_ways_to_recognise_pods_are_checked_by_what_they_need() {
    let by = |pods: Pods| {
        let link = |name: &str| Link { name: name.into(), kind: LinkKind::Pod, mtu: 1500 };
        let links = Links { all: vec![link("cali1"), link("cni0")], ..Links::default() };
        let mut options = options(PODS);
        options.network.pods = pods;
        worse(judge(&subject(Host { links: Ok(links), ..host() }, settings()), &options))
    };
    for fine in
        [Pods::OfNode, Pods::OnBridge("cni0".into()), Pods::OnInterfaces("cali".into()), Pods::Unknown]
    {
        assert_eq!(by(fine), []);
    }
    for wrong in [Pods::OnBridge("cni".into()), Pods::OnInterfaces("lxc".into())] {
        expect_of(by(wrong), Outcome::Warn, "pods", &["no interface"]);
    }
}
