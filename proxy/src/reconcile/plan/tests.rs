//! Are Service addresses served where they should be, and by one Service each?

use super::*;
use proptest::prelude::*;
use std::{num::NonZeroU16, sync::Arc};
use weir_core::{CreationTime, PortSpec, Service, ServicePort, resolve_static};

const NOT_MAPPED: PerFamily<Option<Ipv4Addr>> = PerFamily { v4: None, v6: None };

fn port(service: &str, cluster_ip: &str, number: u16) -> ServicePort {
    let port = NonZeroU16::new(number).unwrap();
    let spec = PortSpec { name: "".into(), protocol: Protocol::Tcp, port, node_port: None };
    let key = ServiceKey::new("default", service);
    let service = Service::new(key, cluster_ip.parse().unwrap(), vec![spec]);
    ServicePort::clone(&resolve_static(&service, &[SocketAddr::from(([10, 244, 0, 1], 8080))]).ports[0])
}

fn service_of(ports: Vec<ServicePort>) -> ResolvedService {
    let key = ports[0].key.service.clone();
    ResolvedService {
        key,
        created: CreationTime::UNKNOWN,
        ports: ports.into_iter().map(Arc::new).collect(),
        health_checks: PerFamily::default(),
    }
}

fn listens(bindings: &[Binding]) -> Vec<(String, &'static str)> {
    bindings.iter().map(|binding| (binding.listen.address.to_string(), binding.kind.as_str())).collect()
}

fn on_node(node_addresses: &[&str]) -> PlanContext {
    let node_addresses = node_addresses.iter().map(|ip| ip.parse().unwrap()).collect();
    PlanContext { node_addresses, map_loopback: None }
}

#[test]
fn every_kind_of_address_is_bound() {
    let mut web = port("web", "10.96.0.10", 80);
    web.external_ips = ["203.0.113.7".parse().unwrap()].into();
    web.load_balancer_ips = ["198.51.100.9".parse().unwrap()].into();
    web.node_port = NonZeroU16::new(30080);
    let bindings = bindings(&service_of(vec![web]), &on_node(&["192.168.0.2", "2001:db8::1"]), NOT_MAPPED);
    let expected = [
        ("10.96.0.10:80", "cluster-ip"),
        ("203.0.113.7:80", "external-ip"),
        ("198.51.100.9:80", "load-balancer"),
        ("192.168.0.2:30080", "node-port"),
    ];
    assert_eq!(listens(&bindings), expected.map(|(address, kind)| (address.to_owned(), kind)));
}

#[test]
fn sctp_is_not_bound() {
    let mut sig = port("sig", "10.96.0.10", 80);
    sig.key.protocol = Protocol::Sctp;
    assert_eq!(bindings(&service_of(vec![sig]), &on_node(&[]), NOT_MAPPED), []);
}

#[test]
fn a_mapped_service_listens_on_its_loopback_address_and_above_privileged_ports() {
    let plan_context = PlanContext { node_addresses: vec![], map_loopback: Some(1024) };
    let mapped = PerFamily { v4: Some(Ipv4Addr::new(127, 96, 0, 10)), v6: Some(Ipv4Addr::new(127, 1, 2, 3)) };
    let both = service_of(vec![
        port("web", "10.96.0.10", 80),
        port("web", "10.96.0.10", 8080),
        port("web", "fd00::10", 80),
    ]);
    let bindings = bindings(&both, &plan_context, mapped);
    assert_eq!(
        listens(&bindings).iter().map(|(address, _)| &**address).collect::<Vec<_>>(),
        ["127.96.0.10:20080", "127.96.0.10:8080", "127.1.2.3:20080"],
        "a second family has an address of its own"
    );
    assert_eq!(bindings[0].frontend.to_string(), "10.96.0.10:80");
}

#[test]
fn a_port_that_cannot_be_shifted_stays_and_is_reported_when_it_cannot_be_bound() {
    assert_eq!(shifted(80, 1024), 20080);
    assert_eq!(shifted(1024, 1024), 1024);
    assert_eq!(shifted(49_000, 50_000), 49_000);
}

#[test]
fn a_cluster_ip_cannot_be_taken_by_another_services_external_ip() {
    let mut thief = port("a-thief", "10.96.0.66", 80);
    thief.external_ips = ["10.96.0.10".parse().unwrap()].into();
    let (thief, web) = (service_of(vec![thief]), service_of(vec![port("web", "10.96.0.10", 80)]));
    let mut plan = Plan::default();
    for service in [&thief, &web] {
        replace(&mut plan, &service.key, bindings(service, &on_node(&[]), NOT_MAPPED));
    }
    let listen = Frontend { protocol: Protocol::Tcp, address: "10.96.0.10:80".parse().unwrap() };
    assert_eq!(&*plan.winner(listen).unwrap().port.key.service.name, "web");
    replace(&mut plan, &web.key, vec![]);
    assert_eq!(&*plan.winner(listen).unwrap().port.key.service.name, "a-thief");
}

proptest! {
    #[test]
    fn the_winner_of_an_address_does_not_depend_on_the_order_of_events(
        claims in prop::collection::vec((0u8..5, 0u8..4, any::<bool>()), 1..12),
        order in any::<prop::sample::Index>(),
    ) {
        let service = |&(name, ip, external): &(u8, u8, bool)| {
            let mut port = port(&format!("s{name}"), &format!("10.96.0.{}", 100 + name), 80);
            let claimed: IpAddr = format!("10.96.1.{ip}").parse().unwrap();
            if external { port.external_ips = [claimed].into() } else { port.load_balancer_ips = [claimed].into() }
            service_of(vec![port])
        };
        let mut last = std::collections::BTreeMap::new();
        for claim in &claims { last.insert(claim.0, service(claim)); }
        let mut straight = Plan::default();
        for claim in &claims {
            let service = service(claim);
            replace(&mut straight, &service.key, bindings(&service, &on_node(&[]), NOT_MAPPED));
        }
        let mut services: Vec<_> = last.values().collect();
        let middle = order.index(services.len());
        services.rotate_left(middle);
        let mut rotated = Plan::default();
        for service in services { replace(&mut rotated, &service.key, bindings(service, &on_node(&[]), NOT_MAPPED)); }
        prop_assert_eq!(straight.len(), rotated.len());
        for ip in 0..4 {
            let listen = Frontend { protocol: Protocol::Tcp, address: SocketAddr::from(([10, 96, 1, ip], 80)) };
            prop_assert_eq!(straight.winner(listen), rotated.winner(listen));
        }
    }
}
