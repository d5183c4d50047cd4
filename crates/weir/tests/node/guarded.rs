//! What may Services point at, and which addresses may they have? Guards, with packets.

use crate::{
    bed::{BOTH, Bed, ask, eventually, expect},
    objects::{Endpoint, Service, cluster_ips},
};
use serde_json::json;
use std::net::{IpAddr, SocketAddr};
use weir_testkit::cluster::{Failure, Host, NodePlan, POD_PORT};

/// A node with two pods, and weir on it with these flags.
fn single(flags: &[&str]) -> Option<Bed> {
    let mut bed = Bed::laid_out(&[NodePlan::routed("node-a")])?;
    bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2")]);
    bed.start_weir("node-a", flags);
    Some(bed)
}

/// An endpoint at the addresses of a host, as an author of EndpointSlices writes it.
fn by_hand(host: &Host) -> Endpoint {
    Endpoint::at([host.v4(), host.v6()], host.name())
}

fn eventually_logged(bed: &mut Bed, line: &str) {
    eventually(line, true, || bed.weir_mut("node-a").log().unwrap().contains(line));
}

/// Waits until a client is answered at port 80 of both cluster IPs by this name, or is refused.
fn expect_at_cluster_ips(client: &Host, number: u8, name: Option<&str>) {
    for (protocol, ip) in BOTH.into_iter().flat_map(|protocol| cluster_ips(number).map(|ip| (protocol, ip))) {
        let wanted = name.map(str::to_owned).ok_or(Failure::Refused);
        let what = format!("{} -> {ip} over {protocol:?}", client.name());
        eventually(&what, wanted.clone(), || {
            ask(client, protocol, SocketAddr::new(ip, 80)).map(|(name, _)| name)
        });
    }
}

#[test]
fn what_listens_on_the_node_is_reached_only_if_the_slice_names_a_pod_on_its_host_network() {
    let Some(mut bed) = single(&[]) else { return };
    let _listening = bed.cluster.node("node-a").start_servers(POD_PORT).unwrap();
    let service = Service::web("web", 10);
    service.apply(bed.cluster.api());
    let node = bed.cluster.node("node-a");
    bed.endpoints(&service, &[Endpoint::on_host_network(&bed.cluster, "node-a")]);
    expect_at_cluster_ips(bed.cluster.pod("a-2"), 10, Some("node-a"));
    // Alone it is none, and beside a pod the pod gets everything.
    bed.endpoints(&service, &[by_hand(node)]);
    expect_at_cluster_ips(bed.cluster.pod("a-2"), 10, None);
    expect_at_cluster_ips(node, 10, None);
    let terminating = bed.ready("a-1").terminating();
    bed.endpoints(&service, &[by_hand(node), terminating]);
    expect_at_cluster_ips(bed.cluster.pod("a-2"), 10, Some("a-1"));
    eventually("the count of refused endpoints", true, || {
        let page = node.http("127.0.0.1:10249".parse().unwrap(), "/metrics").unwrap();
        page.lines().any(|line| {
            line.starts_with("weir_endpoints_refused_total{reason=\"node\"}") && !line.ends_with(" 0")
        })
    });
    let why = "is not dialled: it is an address of this node, and the EndpointSlice names no pod on the host network";
    eventually_logged(&mut bed, why);
}

#[test]
fn an_address_that_comes_to_an_interface_later_is_the_nodes_own_from_then_on() {
    let Some(bed) = single(&[]) else { return };
    let (node, pod) = (bed.cluster.node("node-a"), bed.cluster.pod("a-2"));
    // Whatever is sent to this address ends on the node, on an interface or not.
    let floating: [IpAddr; 2] = ["198.51.100.77".parse().unwrap(), "2001:db8:a::77".parse().unwrap()];
    let service = Service::web("web", 10);
    service.apply(bed.cluster.api());
    bed.endpoints(&service, &[Endpoint::at(floating, "node-a"), bed.ready("a-1").terminating()]);
    for ip in floating {
        node.namespace().ip(&["address", "add", &ip.to_string(), "dev", "lo"]).unwrap();
    }
    expect_at_cluster_ips(pod, 10, Some("a-1"));
}

#[test]
fn with_allow_node_endpoints_anything_on_the_node_is_reached() {
    let Some(bed) = single(&["--allow-node-endpoints"]) else { return };
    let node = bed.cluster.node("node-a");
    let _listening = node.start_servers(POD_PORT).unwrap();
    let service = Service::web("web", 10);
    service.apply(bed.cluster.api());
    bed.endpoints(&service, &[by_hand(node)]);
    expect_at_cluster_ips(bed.cluster.pod("a-2"), 10, Some("node-a"));
}

#[test]
fn the_nodes_address_is_no_load_balancer_ip_unless_it_is_named() {
    for allowed in [false, true] {
        // Load balancers of k3s give the addresses of the nodes.
        let flags: &[&str] = if allowed { &["--allow-load-balancer-ips", "192.168.0.0/24"] } else { &[] };
        let Some(mut bed) = single(flags) else { return };
        let node = bed.cluster.node("node-a");
        let ips = [node.v4(), node.v6()];
        let flags: Vec<String> = ips.iter().map(ToString::to_string).collect();
        let service = Service::web("web", 10).vips(&flags.iter().map(String::as_str).collect::<Vec<_>>());
        bed.serve(&service, &["a-1"]);
        bed.wait_until_served(10);
        for (protocol, ip) in BOTH.into_iter().flat_map(|protocol| ips.map(|ip| (protocol, ip))) {
            let answer = if allowed && ip.is_ipv4() { Ok("a-1") } else { Err(Failure::Refused) };
            let what = format!("{ip} over {protocol:?}, allowed: {allowed}");
            let asked =
                || ask(bed.cluster.outside(), protocol, SocketAddr::new(ip, 80)).map(|(name, _)| name);
            eventually(&what, answer.map(str::to_owned), asked);
        }
        let line = "is not served: it is an address of this node; if the load balancer means it, name it in \
                    --allow-load-balancer-ips object=Service default/web field=status.loadBalancer.ingress";
        eventually_logged(&mut bed, line);
    }
}

#[test]
fn the_oldest_service_keeps_a_load_balancer_ip_until_it_goes_and_an_external_ip_comes_last() {
    let Some(bed) = single(&["--allow-external-ips", "198.51.100.0/24"]) else { return };
    bed.cluster.attract("198.51.100.0/24", "node-a");
    let vip: SocketAddr = "198.51.100.10:80".parse().unwrap();
    let (outside, node) = (bed.cluster.outside(), bed.cluster.node("node-a").v4());
    let answered_by =
        |name: &str| BOTH.iter().for_each(|protocol| expect(outside, *protocol, vip, Ok((name, node))));
    let external = Service::web("external", 12)
        .set("externalIPs", json!(["198.51.100.10"]))
        .created("2020-01-01T00:00:00Z");
    bed.serve(&external, &["a-2"]);
    answered_by("a-2");
    let old = Service::web("z", 10).vips(&["198.51.100.10"]).created("2024-01-01T00:00:00Z");
    bed.serve(&old, &["a-1"]);
    answered_by("a-1");
    let young = Service::web("a", 11).vips(&["198.51.100.10"]).created("2025-01-01T00:00:00Z");
    bed.serve(&young, &["a-2"]);
    bed.wait_until_served(11);
    answered_by("a-1");
    old.delete(bed.cluster.api());
    answered_by("a-2");
    // Whose turn it is shows once the two that are left differ in their endpoint.
    bed.serve(&external, &["a-1"]);
    bed.wait_until_served(12);
    answered_by("a-2");
    young.delete(bed.cluster.api());
    answered_by("a-1");
}

#[test]
fn external_ips_of_the_annotation_are_served_where_external_ips_are_allowed() {
    let Some(bed) = single(&["--allow-external-ips", "198.51.100.0/24"]) else { return };
    bed.cluster.attract("198.51.100.0/24", "node-a");
    let service =
        Service::web("web", 10).annotate("weir.dev/external-ips", "198.51.100.20, nonsense,192.0.2.1");
    bed.serve(&service, &["a-1"]);
    let node = bed.cluster.node("node-a").v4();
    for protocol in BOTH {
        expect(bed.cluster.outside(), protocol, "198.51.100.20:80".parse().unwrap(), Ok(("a-1", node)));
        let stolen = ask(bed.cluster.pod("a-2"), protocol, "192.0.2.1:80".parse().unwrap());
        assert!(stolen.is_err(), "{stolen:?}");
    }
}

/// On a laptop the node's addresses are the laptop's.
#[test]
fn in_bind_mode_addresses_of_the_host_are_judged_in_the_same_way() {
    let Some(bed) = Bed::laid_out(&[NodePlan::routed("node-a")]) else { return };
    let node = bed.cluster.node("node-a");
    let _listening = node.start_servers(POD_PORT).unwrap();
    node.namespace().ip(&["address", "add", "198.51.100.10/32", "dev", "lo"]).unwrap();
    let service = Service::web("web", 10).vips(&["198.51.100.10"]);
    service.apply(bed.cluster.api());
    let answers =
        |to: &str| BOTH.map(|protocol| ask(node, protocol, to.parse().unwrap()).map(|(name, _)| name));
    let served = [(); 2].map(|()| Ok("node-a".to_owned()));
    let refused = [(); 2].map(|()| Err(Failure::Refused));
    for (flags, vip) in [
        (&["--map", "loopback"][..], &refused),
        (&["--map", "loopback", "--allow-load-balancer-ips", "198.51.100.0/24"], &served),
    ] {
        bed.endpoints(&service, &[Endpoint::on_host_network(&bed.cluster, "node-a")]);
        let mut arguments = bed.arguments("node-a", &[]);
        arguments.truncate(9);
        arguments[2] = "bind";
        arguments.extend(flags);
        let _weir = node.spawn(crate::bed::WEIR, &arguments, &[("WEIR_STATE_DIR", "")]).unwrap();
        eventually("the mapped cluster IP", served.clone(), || answers("127.30.0.10:80"));
        eventually("the load-balancer IP", vip.clone(), || answers("198.51.100.10:80"));
        bed.endpoints(&service, &[by_hand(node)]);
        eventually("the mapped cluster IP", refused.clone(), || answers("127.30.0.10:80"));
    }
}
