//! Does connection tracking remember half-closed connections for as long as with kube-proxy, where weir may say so?

use crate::{
    bed::{Bed, Protocol, WEIR, eventually, expect},
    objects::{Service, cluster_ips},
};
use std::net::SocketAddr;
use weir_testkit::cluster::NodePlan;

const CLOSE_WAIT: &str = "net/netfilter/nf_conntrack_tcp_timeout_close_wait";

#[test]
fn the_time_for_half_closed_connections_is_raised_to_an_hour_and_never_lowered() {
    let plans = [NodePlan::routed("node-a"), NodePlan::routed("node-b")];
    let Some(mut bed) = Bed::laid_out(&plans) else { return };
    let seconds = |bed: &Bed, node: &str| bed.cluster.node(node).namespace().parameter(CLOSE_WAIT).unwrap();
    bed.cluster.node("node-a").namespace().set_parameter(CLOSE_WAIT, "60").unwrap();
    bed.cluster.node("node-b").namespace().set_parameter(CLOSE_WAIT, "7200").unwrap();
    for node in ["node-a", "node-b"] {
        bed.start_weir(node, &[]);
    }
    eventually("an hour", "3600".to_owned(), || seconds(&bed, "node-a"));
    assert_eq!(seconds(&bed, "node-b"), "7200");
}

#[test]
fn where_kernel_parameters_are_read_only_that_is_said_once_and_weir_serves() {
    let Some(mut bed) = Bed::laid_out(&[NodePlan::routed("node-a")]) else { return };
    bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2")]);
    let node = bed.cluster.node("node-a");
    node.namespace().set_parameter(CLOSE_WAIT, "60").unwrap();
    // As a container runtime mounts them.
    let read_only = "mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec \"$@\"";
    let shell = ["--mount", "sh", "-c", read_only, "sh", WEIR];
    let arguments = [&shell[..], &bed.arguments("node-a", &[])].concat();
    let weir = node.spawn("unshare", &arguments, &[("WEIR_STATE_DIR", "")]).unwrap();
    let service = Service::web("web", 10);
    for pod in ["a-1", "a-2", "a-1"] {
        bed.serve(&service, &[pod]);
        let client = bed.cluster.node("node-a");
        let to = SocketAddr::new(cluster_ips(10)[0], 80);
        expect(client, Protocol::Tcp, to, Ok((pod, client.v4())));
    }
    let log = weir.log().unwrap();
    assert_eq!(log.matches("nf_conntrack_tcp_timeout_close_wait stays 60 s").count(), 1, "{log}");
    assert_eq!(bed.cluster.node("node-a").namespace().parameter(CLOSE_WAIT).unwrap(), "60");
}
