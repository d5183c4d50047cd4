//! Are pods recognised? By the networks or interfaces that the flags name.

use super::{
    check::Check,
    subject::{Cluster, Subject},
};
use crate::cli::ClusterNetwork;
use ipnet::IpNet;
use std::net::IpAddr;
use weir_capture::{Link, Links};
use weir_core::{Node, Pods};

const NAME: &str = "pods";

pub(super) fn judge(subject: &Subject, network: &ClusterNetwork) -> Vec<Check> {
    let examination = subject.cluster.examination();
    let node = examination.and_then(|examination| examination.node.as_ref());
    let links = subject.host.links.as_ref().ok();
    match &network.pods {
        Pods::Unknown if network.lacks_cluster_cidr => match subject.cluster {
            // Nothing was asked for: neither the cluster nor its networks.
            Cluster::NotConfigured(_) => Vec::new(),
            _ => vec![not_given(node)],
        },
        Pods::Unknown => vec![Check::ok(NAME, "are not told from outside clients, as the flags say")],
        Pods::Within(networks) => {
            let named = examination.map(|examination| &*examination.service_cidrs).unwrap_or_default();
            let services = [&*network.service_cidrs, named].concat();
            vec![within(networks, &services, node, links, subject)]
        }
        Pods::OfNode => vec![of_node(node)],
        Pods::OnBridge(name) => vec![on(links, name, |link| link.name == *name)],
        Pods::OnInterfaces(prefix) => vec![on(links, prefix, |link| link.name.starts_with(&**prefix))],
    }
}

fn not_given(node: Option<&Node>) -> Check {
    let networks = node.map(|node| list(&node.pod_cidrs)).filter(|networks| !networks.is_empty());
    let of_node = networks.map(|networks| format!("; the podCIDRs of this Node are {networks}"));
    Check::warn(
        NAME,
        format!(
            "--cluster-cidr is not given: pods count as outside clients, so that endpoints see the node's address, and \
             Local policies and source ranges hold for pods as for anybody{}",
            of_node.unwrap_or_default()
        ),
        "give weir run the networks of all pods of the cluster with --cluster-cidr",
    )
}

/// Checks `--cluster-cidr` against what lies in it and what must not.
fn within(
    networks: &[IpNet],
    services: &[IpNet],
    node: Option<&Node>,
    links: Option<&Links>,
    subject: &Subject,
) -> Check {
    let given = list(networks);
    let contain = |ip: &IpAddr| networks.iter().any(|network| network.contains(ip));
    let overlap = |service: &&IpNet| {
        networks.iter().any(|network| network.contains(*service) || service.contains(network))
    };
    if let Some(service) = services.iter().find(overlap) {
        return Check::fail(
            NAME,
            format!("--cluster-cidr {given} overlaps with the network of Services {service}"),
            "give --cluster-cidr the networks of pods only",
        );
    }
    let pods = links.map(|links| &*links.pods).unwrap_or_default();
    if let Some(pod) = pods.iter().find(|pod| !contain(pod) && is_of_a_family_in(networks, pod)) {
        return Check::warn(
            NAME,
            format!(
                "the pod {pod} on this host is outside --cluster-cidr {given}: it counts as an outside client, and \
                 endpoints see the node's address"
            ),
            "give --cluster-cidr the networks of all pods: with Calico those of its IPPools",
        );
    }
    if let Some(ip) = subject
        .addresses
        .iter()
        .find(|ip| node.is_some_and(|node| node.internal_ips.contains(ip)) && contain(ip))
    {
        return Check::warn(
            NAME,
            format!(
                "the node's own address {ip} is within --cluster-cidr {given}: other nodes count as pods"
            ),
            "give --cluster-cidr the networks of pods only",
        );
    }
    let own = node.map(|node| &*node.pod_cidrs).unwrap_or_default();
    let outside = own.iter().find(|own| !networks.iter().any(|network| network.contains(*own)));
    match outside.filter(|_| pods.is_empty()) {
        Some(outside) => Check::warn(
            NAME,
            format!(
                "the podCIDR {outside} of this Node is outside --cluster-cidr {given}: if pods have addresses of it, they \
                 count as outside clients"
            ),
            "give --cluster-cidr the networks of all pods; some plugins (Calico) do not use the Node's podCIDRs",
        ),
        None => Check::ok(NAME, format!("are those in {given}{}", seen(pods))),
    }
}

fn seen(pods: &[IpAddr]) -> String {
    match pods.len() {
        0 => String::new(),
        1 => ", as is the pod on this host".to_owned(),
        count => format!(", as are the {count} addresses of pods on this host"),
    }
}

/// Whether a network of the address's family was given: without one nobody of that family is meant to be recognised.
fn is_of_a_family_in(networks: &[IpNet], ip: &IpAddr) -> bool {
    networks.iter().any(|network| network.addr().is_ipv4() == ip.is_ipv4())
}

fn of_node(node: Option<&Node>) -> Check {
    let networks = node.map(|node| list(&node.pod_cidrs)).unwrap_or_default();
    match networks.is_empty() {
        true => Check::fail(
            NAME,
            "--detect-local-mode NodeCIDR needs the podCIDRs of this Node, and none are known",
            "look at spec.podCIDRs of the Node, or use --cluster-cidr",
        ),
        false => Check::ok(NAME, format!("are those in the Node's podCIDRs {networks}")),
    }
}

fn on(links: Option<&Links>, name: &str, is_meant: impl Fn(&Link) -> bool) -> Check {
    let all = links.map(|links| &*links.all).unwrap_or_default();
    match all.iter().filter(|link| is_meant(link)).count() {
        0 => Check::warn(
            NAME,
            format!("no interface of this host is called {name}, by which pods are recognised"),
            "that is fine while no pod runs here; else look at the names of its interfaces ('ip link')",
        ),
        count => Check::ok(NAME, format!("come from {name}, which {count} interfaces of this host are")),
    }
}

fn list(networks: &[IpNet]) -> String {
    networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
