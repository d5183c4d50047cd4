//! What do the rules of network plugins do with weir's packets? Rules in the shape in which Calico, kube-router and
//! kube-network-policies write them, without the plugins; docs/network-policies.md has a table of what follows.

mod rules;

use crate::{
    bed::{BOTH, Bed, WEIR, ask, expect},
    objects::{Service, cluster_ips},
};
use rules::{
    ADMIT, both, calico, calico_ingress, each, kube_network_policies, kube_router, kube_router_admitting,
};
use std::net::SocketAddr;
use weir_testkit::cluster::{Failure, Host, NodePlan, SERVICE_CIDR};

/// The node, the pod a-2 as the client, and the endpoint a-1 behind Service number 10.
struct Scene {
    bed: Bed,
}

impl Scene {
    /// The rules are loaded before weir starts, or afterwards.
    fn new(rules: impl Fn(&Host, &Host) -> String, before: bool) -> Option<Self> {
        let mut bed = Bed::laid_out(&[NodePlan::routed("node-a")])?;
        bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2")]);
        bed.serve(&Service::web("web", 10), &["a-1"]);
        let script = rules(bed.cluster.pod("a-2"), bed.cluster.pod("a-1"));
        if before {
            bed.cluster.node("node-a").namespace().nft(&script).unwrap();
        }
        bed.start_weir("node-a", &[]);
        if !before {
            bed.wait_until_served(10);
            bed.cluster.node("node-a").namespace().nft(&script).unwrap();
        }
        Some(Self { bed })
    }

    fn client(&self) -> &Host {
        self.bed.cluster.pod("a-2")
    }

    fn is_served(&self) {
        for protocol in BOTH {
            for to in services() {
                let own = self.client().address_towards(to.ip());
                expect(self.client(), protocol, to, Ok(("a-1", own)));
            }
        }
    }

    fn hears(&self, failure: &Failure) {
        for protocol in BOTH {
            for to in services() {
                let answer = ask(self.client(), protocol, to);
                assert_eq!(answer.as_ref().unwrap_err(), failure, "{protocol:?} {to}");
            }
        }
    }
}

fn services() -> [SocketAddr; 2] {
    cluster_ips(10).map(|ip| SocketAddr::new(ip, 80))
}

#[test]
fn calicos_source_check_of_pods_lets_captured_packets_pass_whoever_came_first() {
    for before in [true, false] {
        let Some(scene) = Scene::new(|_, _| calico("return", "accept"), before) else { return };
        scene.is_served();
    }
}

#[test]
fn calico_judges_a_clients_egress_by_the_services_address_and_port() {
    let to = |ips| calico(&(each(ips, "IP daddr {} return\n") + "drop"), "accept");
    let Some(scene) = Scene::new(|_, endpoint| to(both(endpoint)), false) else { return };
    scene.hears(&Failure::TimedOut);
    let Some(scene) = Scene::new(|_, _| to(cluster_ips(10)), false) else { return };
    scene.is_served();
}

#[test]
fn calico_drops_what_pods_send_to_services_unless_its_default_endpoint_to_host_action_admits_it() {
    let Some(scene) = Scene::new(|_, _| calico("return", "drop"), false) else { return };
    scene.hears(&Failure::TimedOut);
}

#[test]
fn kube_router_judges_a_clients_egress_by_the_endpoints_address() {
    let Some(scene) = Scene::new(kube_router_admitting("daddr", |_, endpoint| both(endpoint)), false) else {
        return;
    };
    scene.is_served();
    let Some(scene) = Scene::new(kube_router_admitting("daddr", |_, _| cluster_ips(10)), false) else {
        return;
    };
    scene.hears(&Failure::TimedOut);
}

#[test]
fn kube_router_judges_ingress_of_an_endpoint_by_the_clients_address_and_admits_the_node() {
    for served in [true, false] {
        let rules = |client: &Host, endpoint: &Host| {
            let admit =
                if served { each(both(client), &format!("IP saddr {{}} {ADMIT}\n")) } else { String::new() };
            // What the endpoint answers is its egress, which no policy is about.
            let own = each(both(endpoint), &format!("IP saddr {{}} {ADMIT}\n"));
            kube_router(client, endpoint, [ADMIT, &(admit + &own)])
        };
        let Some(scene) = Scene::new(rules, true) else { return };
        if served {
            scene.is_served()
        } else {
            scene.hears(&Failure::TimedOut)
        }
        let node = scene.bed.cluster.node("node-a");
        for (protocol, to) in BOTH.into_iter().flat_map(|protocol| services().map(|to| (protocol, to))) {
            expect(node, protocol, to, Ok(("a-1", node.address_towards(to.ip()))));
        }
    }
}

#[test]
fn kube_router_keeps_answers_from_a_client_that_admits_nobody_unless_service_addresses_are_local() {
    let Some(scene) = Scene::new(kube_router_admitting("saddr", |client, _| both(client)), false) else {
        return;
    };
    scene.hears(&Failure::TimedOut);
    let routes = SERVICE_CIDR.split(',').map(|network| format!("route add local {network} dev lo\n"));
    scene.bed.cluster.node("node-a").namespace().ip_lines(&routes.collect::<String>()).unwrap();
    scene.is_served();
    let node = scene.bed.cluster.node("node-a");
    for (protocol, to) in BOTH.into_iter().flat_map(|protocol| services().map(|to| (protocol, to))) {
        expect(node, protocol, to, Ok(("a-1", node.address_towards(to.ip()))));
    }
}

#[test]
fn kube_network_policies_leaves_what_weir_says_to_a_client_that_admits_nobody() {
    let Some(scene) =
        Scene::new(|client, _| kube_network_policies(&each(both(client), "IP daddr {} drop\n")), false)
    else {
        return;
    };
    scene.is_served();
}

#[test]
fn calico_judges_ingress_of_an_endpoint_by_the_clients_address() {
    for (verdict, served) in [("accept", true), ("drop", false)] {
        let Some(scene) = Scene::new(|client, _| calico_ingress(client, verdict), true) else { return };
        if served { scene.is_served() } else { scene.hears(&Failure::TimedOut) }
    }
}

#[test]
fn kube_network_policies_judges_ingress_and_egress_by_both_addresses_although_weir_runs_as_root() {
    let rules = |client: &Host, endpoint: &Host, verdict: &str| {
        let judge = both(client).into_iter().zip(both(endpoint)).zip(["ip", "ip6"]);
        let judge = judge.map(|((from, to), ip)| format!("{ip} saddr {from} {ip} daddr {to} {verdict}\n"));
        kube_network_policies(&judge.collect::<String>())
    };
    for (verdict, served) in [("accept", true), ("drop", false)] {
        let Some(scene) = Scene::new(|client, endpoint| rules(client, endpoint, verdict), true) else {
            return;
        };
        if served { scene.is_served() } else { scene.hears(&Failure::TimedOut) }
    }
}

#[test]
fn the_rule_that_doctor_names_lets_services_through_a_forward_chain_that_drops() {
    let base = "type filter hook forward priority filter; policy drop";
    let wall = format!(
        "table inet wall {{\nchain through {{\n{base}\nct state established,related accept\n}}\n}}\n"
    );
    let Some(scene) = Scene::new(|_, _| wall.clone(), true) else { return };
    scene.hears(&Failure::TimedOut);
    let node = scene.bed.cluster.node("node-a").namespace();
    let output = node
        .command(WEIR)
        .args(["doctor", "--node-name", "node-a"])
        .env("HOME", "/nowhere")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let remedy =
        said.split_once("run 'nft ").unwrap_or_else(|| panic!("{said}")).1.split('\'').next().unwrap();
    assert_eq!(remedy, "add rule inet wall through iifname weir1 accept");
    node.nft(&format!("{remedy}\n")).unwrap();
    scene.is_served();
}
