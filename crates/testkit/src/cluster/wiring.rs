//! How are the hosts of a cluster joined, and how does a CNI plugin join pods to their node?

use std::io;

use super::addresses::{Addresses, Cable, pod, second_outside};
use super::host::Host;
use crate::Namespace;

/// The router's routing table for packets from outside.
const FROM_OUTSIDE: &str = "100";
/// Answers for every address, as Calico's interfaces do.
const GATEWAY: (&str, &str) = ("169.254.1.1", "fe80::1");
const BRIDGE: &str = "cni0";

/// How pods are joined to their node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodNetwork {
    /// Each pod by a cable of its own and a route, as with Calico.
    Routed,
    /// All pods of a node on one bridge, as with flannel.
    Bridged {
        /// Whether packets between ports of the bridge pass nftables (`bridge-nf-call-iptables`, `-ip6tables`).
        netfilter: bool,
    },
}

/// Sets the parameters of every host: no waiting for duplicate addresses, and no limit on ICMP errors.
pub(super) fn prepare(host: &Namespace, ipv6: bool) -> io::Result<()> {
    host.set_parameter("net/ipv4/icmp_ratelimit", "0")?;
    host.set_parameter("net/ipv6/icmp/ratelimit", "0")?;
    host.set_parameter("net/ipv6/conf/all/accept_dad", "0")?;
    host.set_parameter("net/ipv6/conf/default/accept_dad", "0")?;
    let disabled = if ipv6 { "0" } else { "1" };
    host.set_parameter("net/ipv6/conf/all/disable_ipv6", disabled)?;
    host.set_parameter("net/ipv6/conf/default/disable_ipv6", disabled)
}

pub(super) fn forward(host: &Namespace) -> io::Result<()> {
    host.set_parameter("net/ipv4/ip_forward", "1")?;
    host.set_parameter("net/ipv6/conf/all/forwarding", "1")
}

/// Joins a host to the router, which becomes its default gateway.
pub(super) fn join(router: &Namespace, name: &str, host: &Namespace, cable: &Cable) -> io::Result<()> {
    router.ip_lines(&format!("link add {name} type veth peer name eth0 netns {}", host.name()))?;
    set_up(router, name, &cable.router)?;
    set_up(host, "eth0", &cable.host)?;
    let gateways = cable.router.without_lengths();
    lines(host, gateways.map(|gateway| format!("route add default via {gateway} dev eth0")))
}

fn set_up(host: &Namespace, interface: &str, addresses: &Addresses) -> io::Result<()> {
    let [v4, v6] = addresses.with_lengths();
    let added = [v4, v6].map(|address| {
        let no_waiting = if address.contains(':') { " nodad" } else { "" };
        format!("address add {address} dev {interface}{no_waiting}")
    });
    lines(host, added)?;
    host.ip_lines(&format!("link set {interface} up"))
}

/// Runs `ip` with these lines, except those about IPv6 where the host has none.
fn lines(host: &Namespace, lines: impl IntoIterator<Item = String>) -> io::Result<()> {
    let ipv6 = host.parameter("net/ipv6/conf/all/disable_ipv6")? == "0";
    let lines: Vec<String> = lines.into_iter().filter(|line| ipv6 || !line.contains("::")).collect();
    host.ip_lines(&lines.join("\n"))
}

/// Gives the outside client its second address, and its packets a routing table of their own on the router.
pub(super) fn set_outside_apart(router: &Namespace, outside: &Namespace) -> io::Result<()> {
    for address in second_outside().with_lengths() {
        // Only for who asks for it: of two addresses the kernel might prefer the second.
        let kind = if address.contains(':') { "nodad preferred_lft 0" } else { "" };
        outside.ip_lines(&format!("address add {address} dev eth0 {kind}"))?;
    }
    router.ip(&["rule", "add", "iif", "outside", "lookup", FROM_OUTSIDE])?;
    router.ip(&["-6", "rule", "add", "iif", "outside", "lookup", FROM_OUTSIDE])
}

/// Sends what comes from outside for this network to a node.
pub(super) fn attract(router: &Namespace, network: &str, node: &Host) -> io::Result<()> {
    let gateway = if network.contains(':') { node.v6() } else { node.v4() };
    router.ip(&["route", "replace", network, "via", &gateway.to_string(), "table", FROM_OUTSIDE])
}

/// Sends what does not come from outside for this network to a host.
pub(super) fn route(router: &Namespace, network: &str, host: &Host) -> io::Result<()> {
    let gateway = if network.contains(':') { host.v6() } else { host.v4() };
    router.ip(&["route", "replace", network, "via", &gateway.to_string()])
}

/// Makes a host a node of this index: its pod network, the routes to it, and the masquerading of its pods.
pub(super) fn make_node(
    router: &Namespace,
    node: &Host,
    index: u8,
    network: PodNetwork,
    ipv6: bool,
) -> io::Result<()> {
    let host = node.namespace();
    forward(host)?;
    // Strict, as many distributions have it.
    host.set_parameter("net/ipv4/conf/all/rp_filter", "1")?;
    let [v4, v6] = pod(index, 0).with_lengths();
    router.ip_lines(&format!("route add {v4} via {}", node.v4()))?;
    if ipv6 {
        router.ip_lines(&format!("route add {v6} via {}", node.v6()))?;
    }
    match network {
        PodNetwork::Routed => {
            lines(host, [v4, v6].map(|network| format!("route add blackhole {network} metric 4096")))?;
        }
        PodNetwork::Bridged { netfilter } => {
            let value = if netfilter { "1" } else { "0" };
            host.set_parameter("net/bridge/bridge-nf-call-iptables", value)?;
            host.set_parameter("net/bridge/bridge-nf-call-ip6tables", value)?;
            host.ip_lines(&format!("link add {BRIDGE} type bridge"))?;
            set_up(host, BRIDGE, &pod(index, 1))?;
        }
    }
    host.nft(&masquerade(index)).map(drop)
}

/// The rules of a CNI plugin, which masquerade what pods send to addresses outside the pod networks.
fn masquerade(index: u8) -> String {
    let [v4, v6] = pod(index, 0).with_lengths();
    format!(
        "table inet cni {{
           chain postrouting {{
             type nat hook postrouting priority srcnat
             ip saddr {v4} ip daddr != 10.244.0.0/16 masquerade
             ip6 saddr {v6} ip6 daddr != fd00:10:244::/48 masquerade
           }}
         }}"
    )
}

/// The name of a pod's cable on its node.
pub(super) fn pod_interface(pod: &str) -> String {
    let mut name = format!("cali-{pod}");
    name.truncate(15);
    name
}

/// Joins a pod to its node.
pub(super) fn join_pod(
    node: &Namespace,
    network: PodNetwork,
    pod: &Host,
    addresses: &Addresses,
) -> io::Result<()> {
    let (near, host) = (pod_interface(pod.name()), pod.namespace());
    node.ip_lines(&format!("link add {near} type veth peer name eth0 netns {}", host.name()))?;
    match network {
        PodNetwork::Routed => route_pod(node, &near, host, addresses),
        PodNetwork::Bridged { .. } => {
            node.ip_lines(&format!("link set {near} master {BRIDGE}\nlink set {near} up"))?;
            set_up(host, "eth0", addresses)?;
            let gateways = gateways_on_bridge(addresses);
            lines(host, gateways.map(|gateway| format!("route add default via {gateway} dev eth0")))
        }
    }
}

fn route_pod(node: &Namespace, near: &str, pod: &Namespace, addresses: &Addresses) -> io::Result<()> {
    // The address would be made from the hardware address, and the pod must know it.
    node.ip_lines(&format!("link set {near} addrgenmode none"))?;
    lines(node, [format!("address add {}/64 dev {near} nodad", GATEWAY.1)])?;
    node.ip_lines(&format!("link set {near} up"))?;
    node.set_parameter(&format!("net/ipv4/conf/{near}/proxy_arp"), "1")?;
    node.set_parameter(&format!("net/ipv4/neigh/{near}/proxy_delay"), "0")?;
    let own = Addresses { v4: (addresses.v4.0, 32), v6: (addresses.v6.0, 128) };
    lines(node, own.with_lengths().map(|address| format!("route add {address} dev {near}")))?;
    set_up(pod, "eth0", &own)?;
    pod.ip_lines(&format!("route add {} dev eth0 scope link", GATEWAY.0))?;
    lines(pod, [GATEWAY.0, GATEWAY.1].map(|gateway| format!("route add default via {gateway} dev eth0")))
}

fn gateways_on_bridge(pod: &Addresses) -> [String; 2] {
    let [a, b, c, _] = pod.v4.0.octets();
    let mut v6 = pod.v6.0.segments();
    v6[7] = 1;
    [std::net::Ipv4Addr::new(a, b, c, 1).to_string(), std::net::Ipv6Addr::from(v6).to_string()]
}
