//! Is the reason for a Service port without endpoints the right one, and does each endpoint get its own?

use super::*;
use crate::{
    Conditions, Family, FrontendKind, Hints, Origin, PortSpec, Protocol, ResolvedService, Service,
    ServiceKey, Shortage, SliceEndpoint, SlicePort, Verdict, Weight, guards::Role, resolve,
};
use proptest::prelude::*;

const READY: Conditions = Conditions { ready: true, serving: true, terminating: false };
const NOT_READY: Conditions = Conditions { ready: false, serving: false, terminating: false };
const ENDED: Conditions = Conditions { ready: false, serving: false, terminating: true };

fn slice(name: &str, port: &str, family: Family, endpoints: &[(&str, Conditions, &str)]) -> EndpointSlice {
    let endpoints = endpoints.iter().map(|&(ip, conditions, node)| SliceEndpoint {
        ip: ip.parse().unwrap(),
        conditions,
        is_pod: false,
        node: Some(node.into()),
        zone: None,
        hints: Arc::new(Hints::default()),
    });
    EndpointSlice {
        weight: Weight::DEFAULT,
        name: name.into(),
        service: ServiceKey::new("default", "web"),
        family,
        ports: vec![SlicePort {
            name: port.into(),
            protocol: Protocol::Tcp,
            port: NonZeroU16::new(8080).unwrap(),
        }],
        endpoints: endpoints.collect(),
    }
}

fn v4(port: &str, endpoints: &[(&str, Conditions, &str)]) -> EndpointSlice {
    slice("web-1", port, Family::V4, endpoints)
}

/// The Service `web` with a port `http` on node `node-a`.
fn resolved(slices: &[EndpointSlice], internal_local: bool) -> (ResolvedService, Node) {
    let port = PortSpec {
        name: "http".into(),
        protocol: Protocol::Tcp,
        port: NonZeroU16::new(80).unwrap(),
        node_port: None,
    };
    let service = Service {
        internal_local,
        ..Service::new(ServiceKey::new("default", "web"), "10.96.0.10".parse().unwrap(), vec![port])
    };
    let node = Node::named("node-a");
    (resolve(&service, slices, &node), node)
}

fn shortage(slices: &[EndpointSlice], internal_local: bool) -> Option<String> {
    let (service, node) = resolved(slices, internal_local);
    let port = &service.ports[0];
    let traffic = port.traffic(FrontendKind::ClusterIp, Origin::Outside);
    Shortage::of(port, traffic, slices.iter(), &Refused::new(), &node).map(|shortage| shortage.to_string())
}

#[test]
fn a_port_without_endpoints_says_which_of_the_commonest_mistakes_was_made() {
    let pod = ("10.244.0.1", READY, "node-b");
    for (slices, local, said) in [
        (
            vec![],
            false,
            "no EndpointSlice in namespace default has the label kubernetes.io/service-name: web",
        ),
        (
            vec![slice("web-1", "http", Family::V6, &[("fd00::1", READY, "node-a")])],
            false,
            "its EndpointSlices have addressType IPv6, and none has IPv4",
        ),
        (
            vec![v4("http", &[])],
            false,
            "its EndpointSlice holds no endpoints; does the selector match a pod?",
        ),
        (
            vec![v4("web", &[pod])],
            false,
            "the Service asks for port \"http\" (TCP), but its EndpointSlices have port \"web\" (TCP)",
        ),
        (
            vec![v4("", &[pod])],
            false,
            "the Service asks for port \"http\" (TCP), but its EndpointSlices have a port without a name (TCP)",
        ),
        (
            vec![EndpointSlice { ports: vec![], ..v4("", &[pod]) }],
            false,
            "the Service asks for port \"http\" (TCP), but its EndpointSlices have no ports",
        ),
        (vec![v4("http", &[("10.244.0.1", NOT_READY, "node-a")])], false, "its only endpoint is not ready"),
        (
            vec![v4("http", &[("10.244.0.1", NOT_READY, "node-a"), ("10.244.0.2", NOT_READY, "node-a")])],
            false,
            "its 2 endpoints are not ready",
        ),
        (
            vec![v4("http", &[("10.244.0.1", NOT_READY, "node-a"), ("10.244.0.2", ENDED, "node-a")])],
            false,
            "of its 2 endpoints 1 is not ready, 1 is terminating and no longer serving",
        ),
        (
            vec![v4("http", &[pod])],
            true,
            "its only endpoint is not on this node, and the traffic policy is Local",
        ),
    ] {
        assert_eq!(shortage(&slices, local).as_deref(), Some(said));
    }
    assert_eq!(shortage(&[v4("http", &[pod])], false), None);
}

#[test]
fn only_what_waiting_does_not_mend_is_a_mistake() {
    let pod = ("10.244.0.1", NOT_READY, "node-b");
    let is_mistake = |slices: &[EndpointSlice]| {
        let (service, node) = resolved(slices, false);
        Shortage::of(&service.ports[0], Traffic::Cluster, slices.iter(), &Refused::new(), &node)
            .unwrap()
            .is_mistake()
    };
    assert!(is_mistake(&[]) && is_mistake(&[v4("web", &[pod])]));
    assert!(is_mistake(&[slice("six", "http", Family::V6, &[])]));
    assert!(!is_mistake(&[v4("http", &[])]) && !is_mistake(&[v4("http", &[pod])]));
}

#[test]
fn each_endpoint_of_the_slices_is_named_with_its_own_reason() {
    let slices = [
        v4("http", &[("10.244.0.1", READY, "node-a"), ("10.244.0.2", NOT_READY, "node-b")]),
        slice(
            "web-2",
            "web",
            Family::V4,
            &[("10.244.0.1", READY, "node-a"), ("10.244.0.3", READY, "node-b")],
        ),
        slice("web-3", "http", Family::V6, &[("fd00::1", READY, "node-a")]),
    ];
    let (service, node) = resolved(&slices, false);
    let uses = |slices: &[EndpointSlice], port: &ServicePort| {
        let uses = EndpointUse::of(port, Traffic::Cluster, slices, &Refused::new(), &node);
        let word = |usable: Result<(), Unused<'_>>| usable.err().map_or("yes", Unused::as_str);
        uses.iter().map(|one| (one.ip.to_string(), word(one.usable))).collect::<Vec<_>>()
    };
    let expected = [("10.244.0.1", "yes"), ("10.244.0.2", "not-ready"), ("10.244.0.3", "other-port")];
    assert_eq!(uses(&slices, &service.ports[0]), expected.map(|(ip, word)| (ip.to_owned(), word)));
    let six = &slices[2..];
    let (service, _) = resolved(six, false);
    assert_eq!(uses(six, &service.ports[0]), [("fd00::1".to_owned(), "other-family")]);
}

#[test]
fn endpoints_that_guards_refuse_are_named_with_the_guards_reason() {
    let (own, pod) = (("192.0.2.2", READY, "node-a"), ("10.244.0.1", READY, "node-a"));
    let refused: Refused = [(Refusal::Loopback, "127.0.0.1"), (Refusal::Node, "192.0.2.2")]
        .map(|(reason, ip)| (Role::Endpoint, reason, ip.parse().unwrap()))
        .into();
    // What is refused by itself is in no slice; an address of the node is.
    let slices = [v4("http", &[own])];
    let (service, node) = resolved(&[v4("http", &[])], false);
    let shortage = Shortage::of(&service.ports[0], Traffic::Cluster, slices.iter(), &refused, &node).unwrap();
    assert_eq!(
        (shortage.to_string(), shortage.is_mistake()),
        (
            "guards refuse the addresses of its endpoints: 1 is a loopback address, 1 is this node's own, and the slice \
             names no pod on the host network there"
                .to_owned(),
            false
        )
    );
    let slices = [v4("http", &[own, pod])];
    let (service, node) = resolved(&[v4("http", &[pod])], false);
    let uses = EndpointUse::of(&service.ports[0], Traffic::Cluster, &slices, &refused, &node);
    let reasons = uses.iter().map(|one| (one.ip.to_string(), one.usable.err().map(|why| why.to_string())));
    let expected = [
        ("10.244.0.1", None),
        ("127.0.0.1", Some("the address is a loopback address")),
        (
            "192.0.2.2",
            Some("the address is this node's own, and the slice names no pod on the host network there"),
        ),
    ];
    let expected = expected.map(|(ip, why)| (ip.to_owned(), why.map(str::to_owned)));
    assert_eq!(reasons.collect::<Vec<_>>(), expected);
}

proptest! {
    #[test]
    fn there_is_a_reason_exactly_where_nothing_is_served(
        endpoints in prop::collection::vec((any::<[bool; 3]>(), any::<bool>(), any::<bool>(), any::<bool>()), 0..6),
        internal_local in any::<bool>(),
    ) {
        let slices: Vec<EndpointSlice> = endpoints.iter().enumerate().map(|(index, &(of, near, named, four))| {
            let conditions = Conditions { ready: of[0], serving: of[1], terminating: of[2] };
            let (ip, family) = match four {
                true => (format!("10.244.0.{index}"), Family::V4),
                false => (format!("fd00::{index}"), Family::V6),
            };
            let node = if near { "node-a" } else { "node-b" };
            slice(&format!("web-{index}"), if named { "http" } else { "web" }, family, &[(&ip, conditions, node)])
        }).collect();
        let (service, node) = resolved(&slices, internal_local);
        let port = &service.ports[0];
        let traffic = port.traffic(FrontendKind::ClusterIp, Origin::Outside);
        let served = matches!(port.verdict(FrontendKind::ClusterIp, Origin::Outside), Verdict::Endpoint(_));
        prop_assert_eq!(Shortage::of(port, traffic, slices.iter(), &Refused::new(), &node).is_none(), served);
        let uses = EndpointUse::of(port, traffic, &slices, &Refused::new(), &node);
        let usable: Vec<_> = uses.iter().filter(|one| one.usable.is_ok()).map(|one| one.ip).collect();
        let chosen = port.endpoints(traffic).into_iter().flat_map(crate::EndpointSet::iter);
        prop_assert_eq!(usable, chosen.map(|endpoint| endpoint.address.ip()).collect::<Vec<_>>());
    }
}

#[test]
fn a_name_cannot_forge_a_line() {
    let forged = v4("web\nerror: all is lost", &[("10.244.0.1", READY, "node-a")]);
    assert_eq!(shortage(&[forged], false).unwrap().lines().count(), 1);
    let service = ServiceKey::new("default\n", "web\n\u{1b}[2J");
    assert!(!Shortage::NoSlice(service).to_string().contains(['\n', '\u{1b}']));
}
