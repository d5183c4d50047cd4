//! What becomes of an endpoint of weight 0, and of one that an operator drains, under every rule?
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

use std::{num::NonZeroU16, sync::Arc};
use weir_core::{
    Conditions, EndpointSet, EndpointSlice, Family, Hints, Node, Override, Overrides, PortSpec, Protocol,
    ResolvedService, Service, ServiceKey, ServicePort, Shortage, SliceEndpoint, SlicePort, Traffic, Weight,
    resolve, resolve_steered,
};

const READY: Conditions = Conditions { ready: true, serving: true, terminating: false };
const LEAVING: Conditions = Conditions { ready: false, serving: true, terminating: true };

/// An endpoint `10.0.0.LAST` on a node, hinted for a zone if that is not empty.
fn endpoint(last: u8, node: &str, zone: &str, conditions: Conditions) -> SliceEndpoint {
    let zones = [zone].into_iter().filter(|zone| !zone.is_empty()).map(Arc::from).collect();
    SliceEndpoint {
        ip: [10, 0, 0, last].into(),
        conditions,
        is_pod: true,
        node: Some(node.into()),
        zone: None,
        hints: Arc::new(Hints { zones, nodes: Box::default() }),
    }
}

fn slice(name: &str, weight: u16, endpoints: Vec<SliceEndpoint>) -> EndpointSlice {
    EndpointSlice {
        name: name.into(),
        service: ServiceKey::new("default", "web"),
        family: Family::V4,
        ports: vec![SlicePort {
            name: "".into(),
            protocol: Protocol::Tcp,
            port: NonZeroU16::new(8080).unwrap(),
        }],
        endpoints,
        weight: Weight::new(weight),
    }
}

fn service() -> Service {
    let port = PortSpec {
        name: "".into(),
        protocol: Protocol::Tcp,
        port: NonZeroU16::new(80).unwrap(),
        node_port: NonZeroU16::new(30080),
    };
    let mut service =
        Service::new(ServiceKey::new("default", "web"), "10.96.0.10".parse().unwrap(), vec![port]);
    service.external_local = true;
    service.health_check_node_port = NonZeroU16::new(32000);
    service
}

fn node() -> Node {
    Node { zone: Some("z1".into()), ..Node::named("n1") }
}

fn resolved(slices: &[EndpointSlice]) -> ResolvedService {
    resolve(&service(), slices, &node())
}

fn steered(slices: &[EndpointSlice], drained: &[&str]) -> ResolvedService {
    let mut overrides = Overrides::default();
    for target in drained {
        overrides.set(target.parse().unwrap(), Override { drained: true, ..Override::default() }).unwrap();
    }
    resolve_steered(&service(), slices, &node(), &overrides)
}

fn port(resolved: &ResolvedService) -> &ServicePort {
    &resolved.ports[0]
}

/// The last parts of the addresses of a set.
fn members(set: Option<&EndpointSet>) -> Vec<u8> {
    let last = |address: std::net::SocketAddr| match address.ip() {
        std::net::IpAddr::V4(ip) => ip.octets()[3],
        std::net::IpAddr::V6(_) => panic!("there are none"),
    };
    set.unwrap().iter().map(|endpoint| last(endpoint.address)).collect()
}

fn local_endpoints(resolved: &ResolvedService) -> usize {
    resolved.health_checks.get(Family::V4).unwrap().local_endpoints
}

#[test]
fn an_endpoint_of_weight_0_is_in_no_list_and_yet_known() {
    let slices = [
        slice("a", 0, vec![endpoint(1, "n1", "", READY)]),
        slice("b", 7, vec![endpoint(2, "n2", "", READY)]),
    ];
    let resolved = resolved(&slices);
    let port = port(&resolved);
    assert_eq!((members(port.cluster.as_ref()), members(port.local.as_ref())), (vec![2], vec![]));
    let weights: Vec<_> = port.merged.iter().map(|endpoint| endpoint.weight.get()).collect();
    assert_eq!(weights, [0, 7], "its connections go on, so it is not gone");
}

#[test]
fn a_load_balancer_in_front_hears_that_a_node_whose_endpoints_are_in_maintenance_has_none() {
    let here =
        |weight| [slice("a", weight, vec![endpoint(1, "n1", "", READY), endpoint(2, "n1", "", READY)])];
    assert_eq!((local_endpoints(&resolved(&here(1))), local_endpoints(&resolved(&here(0)))), (2, 0));
    assert_eq!(local_endpoints(&steered(&here(100), &["node/n1"])), 0);
    assert_eq!(local_endpoints(&steered(&here(100), &["10.0.0.2"])), 1);
}

#[test]
fn a_service_whose_endpoints_are_all_in_maintenance_is_as_one_without_endpoints_and_says_why() {
    let slices = [slice("a", 0, vec![endpoint(1, "n1", "", READY)])];
    let resolved = resolved(&slices);
    let port = port(&resolved);
    assert!(!port.has_any && members(port.cluster.as_ref()).is_empty());
    let why = Shortage::of(port, Traffic::Cluster, slices.iter(), &Default::default(), &node()).unwrap();
    assert_eq!(why.to_string(), "its only endpoint is in maintenance, as the weight is 0");
    let drained = steered(&[slice("a", 100, vec![endpoint(1, "n1", "", READY)])], &["10.0.0.1:8080/TCP"]);
    let why = Shortage::of(self::port(&drained), Traffic::Local, slices.iter(), &Default::default(), &node())
        .unwrap();
    assert_eq!(why.to_string(), "its only endpoint is drained by an operator");
}

#[test]
fn endpoints_that_terminate_stand_in_when_all_ready_ones_are_in_maintenance() {
    let slices = [slice("a", 100, vec![endpoint(1, "n1", "", READY), endpoint(2, "n1", "", LEAVING)])];
    let resolved = steered(&slices, &["10.0.0.1"]);
    assert_eq!(members(port(&resolved).cluster.as_ref()), [2]);
    let none = steered(&slices, &["10.0.0.1", "10.0.0.2"]);
    assert!(members(port(&none).cluster.as_ref()).is_empty() && !port(&none).has_any);
}

#[test]
fn clients_of_a_zone_whose_hinted_endpoints_are_in_maintenance_get_others() {
    let slices = [slice(
        "a",
        100,
        vec![endpoint(1, "n1", "z1", READY), endpoint(2, "n2", "z2", READY), endpoint(3, "n3", "z3", READY)],
    )];
    assert_eq!(members(port(&resolved(&slices)).cluster.as_ref()), [1]);
    assert_eq!(members(port(&steered(&slices, &["node/n1"])).cluster.as_ref()), [2, 3]);
}

#[test]
fn an_endpoint_without_hints_does_not_switch_them_off_while_it_is_in_maintenance() {
    let slices = [
        slice("a", 100, vec![endpoint(1, "n1", "z1", READY), endpoint(2, "n2", "z2", READY)]),
        slice("b", 0, vec![endpoint(3, "n3", "", READY)]),
    ];
    assert_eq!(members(port(&resolved(&slices)).cluster.as_ref()), [1]);
}
