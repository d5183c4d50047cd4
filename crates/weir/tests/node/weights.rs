//! What do clients and load balancers get of endpoints of different weights, and of those in maintenance?

use crate::{
    bed::{BOTH, Bed, Protocol, ask, eventually, expect, expect_names},
    objects::{Service, cluster_ips},
};
use serde_json::json;
use std::net::SocketAddr;
use weir_testkit::cluster::Failure;

#[test]
fn an_endpoint_in_maintenance_keeps_what_it_has_and_a_service_with_no_other_refuses_everywhere() {
    let Some(bed) = Bed::single() else { return };
    let service = Service::web("web", 10).node_port(30080);
    let (api, pod, outside) = (bed.cluster.api(), bed.cluster.pod("a-2"), bed.cluster.outside());
    service.weighed(api, "-one", 100, &[bed.ready("a-1")]);
    service.apply(api);
    bed.wait_until_served(10);
    let [to, _] = cluster_ips(10).map(|ip| SocketAddr::new(ip, 80));
    let talk = pod.client().converse(to).unwrap();
    assert_eq!(talk.ask().unwrap().name, "a-1");

    service.weighed(api, "-one", 0, &[bed.ready("a-1")]);
    let node_port = SocketAddr::new(bed.cluster.node("node-a").v4(), 30080);
    for protocol in BOTH {
        for to in cluster_ips(10).map(|ip| SocketAddr::new(ip, 80)) {
            expect(bed.cluster.node("node-a"), protocol, to, Err(Failure::Refused));
        }
        expect(outside, protocol, node_port, Err(Failure::Refused));
    }
    expect(pod, Protocol::Tcp, to, Err(Failure::Refused));

    service.weighed(api, "-one", 1, &[bed.ready("a-1")]);
    bed.wait_until_served(10);
}

#[test]
fn a_flow_goes_on_with_its_endpoint_while_new_clients_get_another_one() {
    let Some(bed) = Bed::single() else { return };
    let service = Service::web("web", 10);
    let (api, node) = (bed.cluster.api(), bed.cluster.node("node-a"));
    service.weighed(api, "-one", 100, &[bed.ready("a-1")]);
    service.weighed(api, "-two", 0, &[bed.ready("a-2")]);
    service.apply(api);
    bed.wait_until_served(10);
    let to = SocketAddr::new(cluster_ips(10)[0], 80);
    expect_names(node, Protocol::Tcp, to, &["a-1"]);
    let talk = node.client().converse(to).unwrap();
    assert_eq!(talk.ask().unwrap().name, "a-1");

    // In this order, so that there is an endpoint at any time.
    service.weighed(api, "-two", 100, &[bed.ready("a-2")]);
    service.weighed(api, "-one", 0, &[bed.ready("a-1")]);
    for protocol in BOTH {
        expect_names(node, protocol, to, &["a-2"]);
    }
    assert_eq!(talk.ask().unwrap().name, "a-1");
}

#[test]
fn clients_are_spread_by_weight_over_both_nodes() {
    let Some(bed) = Bed::standard() else { return };
    let service = Service::web("web", 10).annotate("weir.dev/balance", "round-robin");
    let api = bed.cluster.api();
    service.weighed(api, "-heavy", 3_000, &[bed.ready("a-1")]);
    service.weighed(api, "-light", 1_000, &[bed.ready("b-1")]);
    service.apply(api);
    bed.wait_until_served(10);
    let to = SocketAddr::new(cluster_ips(10)[0], 80);
    let client = bed.cluster.pod("a-2");
    let shares = || {
        let names = (0..40).map(|_| ask(client, Protocol::Tcp, to).map(|(name, _)| name));
        names.filter(|name| name.as_deref() == Ok("a-1")).count()
    };
    eventually("thirty of forty", 30, shares);
}

#[test]
fn a_load_balancer_hears_of_a_node_whose_endpoints_are_in_maintenance() {
    let Some(bed) = Bed::single() else { return };
    let service = Service::web("web", 10).node_port(30080);
    let service =
        service.set("externalTrafficPolicy", json!("Local")).set("healthCheckNodePort", json!(32100));
    let service = service.set("type", json!("LoadBalancer"));
    let api = bed.cluster.api();
    let status = || {
        let to = SocketAddr::new(bed.cluster.node("node-a").v4(), 32100);
        let answer = bed.cluster.outside().http(to, "/").ok()?;
        answer.split(' ').nth(1).map(str::to_owned)
    };
    service.weighed(api, "", 100, &[bed.ready("a-1"), bed.ready("a-2")]);
    service.apply(api);
    eventually("health", Some("200".to_owned()), status);
    service.weighed(api, "", 0, &[bed.ready("a-1"), bed.ready("a-2")]);
    eventually("no health", Some("503".to_owned()), status);
}
