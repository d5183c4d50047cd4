//! What do the rules of network plugins do with weir's packets? Rules in the shape in which Calico, kube-router and
//! kube-network-policies write them, without the plugins; docs/network-policies.md has a table of what follows.

use crate::{
    bed::{BOTH, Bed, ask, expect},
    objects::{Service, cluster_ips},
};
use std::net::{IpAddr, SocketAddr};
use weir_testkit::cluster::{Failure, Host, NodePlan, SERVICE_CIDR};

/// The node, the pod a-2 as the client, and the endpoint a-1 behind Service number 10.
struct Scene {
    bed: Bed,
}

impl Scene {
    /// The rules are loaded before weir starts, or afterwards.
    fn new(rules: impl Fn(&Host, &Host) -> String, before: bool) -> Option<Self> {
        let mut bed = Bed::without_weir(&[NodePlan::routed("node-a")])?;
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

fn both(host: &Host) -> [IpAddr; 2] {
    [host.v4(), host.v6()]
}

/// Rules of Calico's nftables dataplane: the source check of pods in `raw`, and their egress to the host in `filter`. `egress`
/// are the rules of the client's policies, `action` is DefaultEndpointToHostAction.
fn calico(egress: &str, action: &str) -> String {
    format!(
        "table inet calico {{
            chain raw-PREROUTING {{
                type filter hook prerouting priority raw; policy accept
                iifname \"cali*\" meta mark set meta mark or 0x80000
                meta mark & 0x80000 == 0x80000 fib saddr . mark . iif oif 0 drop
            }}
            chain filter-INPUT {{
                type filter hook input priority filter; policy accept
                iifname \"cali*\" goto filter-cali-wl-to-host
            }}
            chain filter-cali-wl-to-host {{
                jump filter-cali-from-wl-dispatch
                {action}
            }}
            chain filter-cali-from-wl-dispatch {{
                iifname \"cali-a-2\" goto filter-cali-fw-a-2
                iifname \"cali-a-1\" return
                drop
            }}
            chain filter-cali-fw-a-2 {{
                ct state established,related accept
                ct state invalid drop
                meta l4proto ipv6-icmp return
                {egress}
            }}
        }}\n"
    )
}

/// Rules of kube-router's nftables mode for the pods of one node. `policies` are those of the policies that select the client.
fn kube_router(client: &Host, endpoint: &Host, policies: &str) -> String {
    let jumps = |direction: &str| {
        let of = |host: &Host, chain: &str| {
            let of =
                |(ip, word): (IpAddr, &str)| format!("{word} {direction} {ip} jump KUBE-POD-FW-{chain}\n");
            both(host).into_iter().zip(["ip", "ip6"]).map(of).collect::<String>()
        };
        of(client, "CLIENT") + &of(endpoint, "ENDPOINT")
    };
    let (to, from) = (jumps("daddr"), jumps("saddr"));
    let pod = |name: &str, rules: &str| {
        format!(
            "chain KUBE-POD-FW-{name} {{
                ct state invalid drop
                ct state established,related accept
                icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
                fib saddr type local accept
                {rules}
                meta mark & 0x10000 == 0 reject
                meta mark set meta mark & 0xfffeffff
                meta mark set meta mark | 0x20000
            }}\n"
        )
    };
    let default = "meta mark set meta mark | 0x10000";
    let (client, endpoint) = (pod("CLIENT", policies), pod("ENDPOINT", default));
    format!(
        "table inet kube-router {{
            chain KUBE-ROUTER-INPUT {{
                type filter hook input priority filter; policy accept
                ip daddr 172.30.0.0/16 return
                ip6 daddr fd00:172:30::/112 return
                {from}
                meta mark & 0x20000 == 0x20000 accept
            }}
            chain KUBE-ROUTER-FORWARD {{
                type filter hook forward priority filter; policy accept
                {to}{from}
                meta mark & 0x20000 == 0x20000 accept
            }}
            chain KUBE-ROUTER-OUTPUT {{
                type filter hook output priority filter; policy accept
                {to}{from}
                meta mark & 0x20000 == 0x20000 accept
            }}
            {client}{endpoint}
        }}\n"
    )
}

/// The rules that kube-network-policies has behind NFQUEUE, where `verdict` is what its program says of packets to these
/// addresses.
fn kube_network_policies(to: &Host, verdict: &str) -> String {
    let [v4, v6] = both(to);
    format!(
        "table inet kube-network-policies {{
            chain postrouting {{
                type filter hook postrouting priority srcnat - 5; policy accept
                icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
                meta skuid 0 accept
                ip daddr {v4} {verdict}
                ip6 daddr {v6} {verdict}
            }}
            chain input {{
                type filter hook input priority 101; policy accept
                iifname \"lo\" accept
                ct state new drop
            }}
        }}\n"
    )
}

/// Text for both families, in which `{}` stands for an address.
fn each(ips: [IpAddr; 2], text: &str) -> String {
    ips.into_iter()
        .zip(["ip", "ip6"])
        .map(|(ip, word)| text.replace("IP", word).replace("{}", &ip.to_string()))
        .collect()
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

/// kube-router's rules for a policy of the client whose rules match these addresses as the `direction` of a packet.
fn kube_router_admitting(
    direction: &str,
    ips: impl Fn(&Host, &Host) -> [IpAddr; 2],
) -> impl Fn(&Host, &Host) -> String {
    move |client, endpoint| {
        let admit = |ips, direction: &str| {
            each(ips, &format!("IP {direction} {{}} meta mark set meta mark | 0x10000\n"))
        };
        let policies = admit(ips(client, endpoint), direction) + &admit(both(client), direction);
        kube_router(client, endpoint, &policies)
    }
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
    let Some(scene) = Scene::new(|client, _| kube_network_policies(client, "drop"), false) else { return };
    scene.is_served();
}
