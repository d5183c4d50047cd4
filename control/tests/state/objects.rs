//! Which objects are saved in tests? Fixed and random ones with every part that a state file has.

use ipnet::IpNet;
use proptest::{collection::vec, option, prelude::*};
use std::{
    net::IpAddr,
    num::{NonZeroU16, NonZeroU32},
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};
use weir_control::{
    Event, Kind, Object, ObjectKey,
    disk::{Identity, StateMetadata},
};
use weir_core::{
    ActiveCheck, Conditions, CreationTime, EndpointRemoved, EndpointSlice, Family, Hints, Limits,
    NoLocalEndpoints, Node, PerFamily, Policy, PortSpec, Protocol, ProxyProtocol, Service, ServiceKey,
    Settings, SliceEndpoint, SlicePort, Weight,
};

pub(crate) const NODE: &str = "node-a";

pub(crate) fn about() -> StateMetadata {
    StateMetadata {
        saved: UNIX_EPOCH + Duration::from_secs(1_795_467_000),
        identity: Identity {
            api_server: "https://192.0.2.1:6443".into(),
            node_name: NODE.into(),
            service_proxy_name: Some("weir".into()),
        },
        defaults: Arc::default(),
    }
}

/// Objects in which nothing is as it is by default.
pub(crate) fn one_of_each() -> Vec<Event> {
    let [one, two] = [1, 2].map(|number| NonZeroU16::new(number).unwrap());
    let count = NonZeroU32::new(7);
    let settings = Settings {
        balance: Policy::Maglev,
        connect_timeout: Duration::from_millis(1500),
        max_connection_age: Some(Duration::from_secs(600)),
        on_endpoint_removed: EndpointRemoved::Drain(Duration::from_secs(9)),
        health_check: Some(ActiveCheck::default()),
        topology_spill: Some("1.25".parse().unwrap()),
        limits: Limits { connections: count, accept_rate: count, queue: 3, ..Limits::default() },
        proxy_protocol: Some(ProxyProtocol::V2),
        accept_proxy_protocol: Arc::new(["10.0.0.0/8".parse().unwrap()]),
        ..Settings::default()
    };
    let dns = PortSpec { name: "dns".into(), protocol: Protocol::Udp, port: one, node_port: Some(two) };
    let mut service = Service::new(ServiceKey::new("default", "web"), ip("10.96.0.10"), vec![dns]);
    service.created = CreationTime::at(1_700_000_000);
    service.cluster_ips.v6 = Some(ip("fd00::10"));
    service.external_ips.v4 = [ip("203.0.113.7")].into();
    service.load_balancer_ips.v6 = [ip("2001:db8::7")].into();
    service.source_ranges.v4 = ["198.51.100.0/24".parse().unwrap()].into();
    (service.internal_local, service.external_local) = (true, true);
    service.affinity = Some(Duration::from_secs(10_800));
    service.health_check_node_port = Some(two);
    service.settings = Arc::new(settings);
    service.labels = [("app".into(), "web".into())].into();
    let hints = Arc::new(Hints { zones: [Arc::from("a")].into(), nodes: [Arc::from(NODE)].into() });
    let endpoint = |text: &str| SliceEndpoint {
        ip: ip(text),
        conditions: Conditions { ready: false, serving: true, terminating: true },
        is_pod: true,
        node: Some(NODE.into()),
        zone: Some("a".into()),
        hints: Arc::clone(&hints),
    };
    let slice = EndpointSlice {
        weight: Weight::new(7),
        name: "web-1".into(),
        service: service.key.clone(),
        family: Family::V4,
        ports: vec![SlicePort { name: "dns".into(), protocol: Protocol::Udp, port: two }],
        endpoints: ["10.244.0.1", "10.244.0.2"].map(endpoint).into(),
    };
    let node = Node {
        zone: Some("a".into()),
        internal_ips: vec![ip("192.0.2.10"), ip("2001:db8::10")],
        pod_cidrs: vec!["10.244.0.0/24".parse().unwrap()],
        known: true,
        leaving: true,
        ..Node::named(NODE)
    };
    lists(
        Some(node),
        vec![(Arc::from("kubernetes"), vec!["10.96.0.0/12".parse().unwrap()])],
        vec![service],
        vec![slice],
    )
}

pub(crate) fn lists(
    node: Option<Node>,
    cidrs: Vec<(Arc<str>, Vec<IpNet>)>,
    services: Vec<Service>,
    slices: Vec<EndpointSlice>,
) -> Vec<Event> {
    let node = node.map(|node| put(Kind::Node, "", &node.name.clone(), Object::Node(node)));
    let cidrs = cidrs
        .into_iter()
        .map(|(name, networks)| put(Kind::ServiceCidr, "", &name, Object::ServiceCidr(networks)));
    let services = services.into_iter().map(|service| {
        let key = service.key.clone();
        put(Kind::Service, &key.namespace, &key.name, Object::Service(Box::new(service)))
    });
    let slices = slices.into_iter().map(|slice| {
        let (namespace, name) = (Arc::clone(&slice.service.namespace), Arc::clone(&slice.name));
        put(Kind::EndpointSlice, &namespace, &name, Object::EndpointSlice(slice))
    });
    let mut events: Vec<Event> = Kind::ALL.map(Event::Begin).into();
    events.extend(node.into_iter().chain(cidrs).chain(services).chain(slices));
    events.extend(Kind::ALL.map(Event::Complete));
    events
}

fn put(kind: Kind, namespace: &str, name: &str, object: Object) -> Event {
    Event::Put(ObjectKey::new(kind, namespace, name), object)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Any objects: complete lists of all kinds.
pub(crate) fn any_lists() -> impl Strategy<Value = Vec<Event>> {
    let cidrs = vec((name(), vec(network(), 0..3)), 0..3);
    (option::of(node()), cidrs, vec(service(), 0..6), vec(slice(), 0..6))
        .prop_map(|(node, cidrs, services, slices)| lists(node, cidrs, services, slices))
}

/// Few, so that they repeat; some are no ASCII, one is empty.
fn name() -> impl Strategy<Value = Arc<str>> {
    prop_oneof![Just(""), Just("a"), Just("web"), Just("höhe"), Just("a-much-longer-name.example")]
        .prop_map(Arc::from)
}

fn key() -> impl Strategy<Value = ServiceKey> {
    (name(), name()).prop_map(|(namespace, name)| ServiceKey { namespace, name })
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)]
}

fn network() -> impl Strategy<Value = IpNet> {
    (address(), any::<u8>())
        .prop_map(|(ip, length)| IpNet::new(ip, length % if ip.is_ipv4() { 33 } else { 129 }).unwrap())
}

fn duration() -> impl Strategy<Value = Duration> {
    (any::<u32>(), 0u32..1_000_000_000).prop_map(|(seconds, nanos)| Duration::new(seconds.into(), nanos))
}

fn protocol() -> impl Strategy<Value = Protocol> {
    prop_oneof![Just(Protocol::Sctp), Just(Protocol::Tcp), Just(Protocol::Udp)]
}

fn each<S: Strategy>(value: fn() -> S) -> impl Strategy<Value = PerFamily<S::Value>> {
    (value(), value()).prop_map(|(v4, v6)| PerFamily { v4, v6 })
}

fn node() -> impl Strategy<Value = Node> {
    (option::of(name()), vec(address(), 0..3), vec(network(), 0..3), any::<bool>()).prop_map(
        |(zone, internal_ips, pod_cidrs, leaving)| Node {
            name: NODE.into(),
            zone,
            internal_ips,
            pod_cidrs,
            known: true,
            leaving,
        },
    )
}

fn settings() -> impl Strategy<Value = Settings> {
    let check = (duration(), any::<NonZeroU32>(), any::<NonZeroU32>())
        .prop_map(|(interval, rise, fall)| ActiveCheck { interval, rise, fall });
    let removed = prop_oneof![
        Just(EndpointRemoved::Keep),
        Just(EndpointRemoved::Reset),
        duration().prop_map(EndpointRemoved::Drain),
    ];
    let protocol = prop_oneof![Just(ProxyProtocol::V1), Just(ProxyProtocol::V2)];
    let ratio = (1000u32..=100_000)
        .prop_map(|thousandths| (f64::from(thousandths) / 1000.0).to_string().parse().unwrap());
    let choices = (
        prop::sample::select(&Policy::ALL),
        removed,
        option::of(check),
        option::of(ratio),
        option::of(protocol),
        prop::sample::select(&[NoLocalEndpoints::Drop, NoLocalEndpoints::Pass]),
    );
    let times = (duration(), duration(), duration(), option::of(duration()));
    (choices, times, option::of(any::<NonZeroU32>()), any::<u32>(), vec(network(), 0..3)).prop_map(
        |(
            (balance, on_endpoint_removed, health_check, topology_spill, proxy_protocol, no_local_endpoints),
            times,
            limit,
            queue,
            networks,
        )| Settings {
            balance,
            connect_timeout: times.0,
            idle_timeout: times.1,
            udp_idle_timeout: times.2,
            max_connection_age: times.3,
            on_endpoint_removed,
            no_local_endpoints,
            health_check,
            topology_spill,
            limits: Limits { connections_per_client: limit, queue, ..Limits::default() },
            proxy_protocol,
            accept_proxy_protocol: networks.into(),
            ..Settings::default()
        },
    )
}

fn service() -> impl Strategy<Value = Service> {
    let port = (name(), protocol(), any::<NonZeroU16>(), option::of(any::<NonZeroU16>()))
        .prop_map(|(name, protocol, port, node_port)| PortSpec { name, protocol, port, node_port });
    let addresses = (
        each(|| option::of(address())),
        each(|| vec(address(), 0..3)),
        each(|| vec(address(), 0..3)),
        each(|| vec(network(), 0..3)),
    );
    let flags = (any::<[bool; 2]>(), option::of(duration()), option::of(any::<NonZeroU16>()));
    let settings = prop_oneof![3 => Just(Settings::default()), 1 => settings()];
    let labels = vec((name(), name()), 0..3);
    let created =
        prop_oneof![Just(CreationTime::UNKNOWN), any::<u32>().prop_map(|at| CreationTime::at(at.into()))];
    (key(), created, addresses, flags, vec(port, 0..4), settings, labels).prop_map(
        |(key, created, addresses, flags, ports, settings, labels)| Service {
            key,
            created,
            cluster_ips: addresses.0,
            external_ips: addresses.1.map(Vec::into_boxed_slice),
            load_balancer_ips: addresses.2.map(Vec::into_boxed_slice),
            source_ranges: addresses.3.map(Vec::into_boxed_slice),
            internal_local: flags.0[0],
            external_local: flags.0[1],
            affinity: flags.1,
            health_check_node_port: flags.2,
            ports,
            settings: Arc::new(settings),
            labels: labels.into(),
        },
    )
}

fn slice() -> impl Strategy<Value = EndpointSlice> {
    let port = (name(), protocol(), any::<NonZeroU16>()).prop_map(|(name, protocol, port)| SlicePort {
        name,
        protocol,
        port,
    });
    let conditions = any::<[bool; 3]>().prop_map(|[ready, serving, terminating]| Conditions {
        ready,
        serving,
        terminating,
    });
    let hints = (vec(name(), 0..3), vec(name(), 0..2))
        .prop_map(|(zones, nodes)| Arc::new(Hints { zones: zones.into(), nodes: nodes.into() }));
    let endpoint = (address(), conditions, any::<bool>(), option::of(name()), option::of(name()), hints)
        .prop_map(|(ip, conditions, is_pod, node, zone, hints)| SliceEndpoint {
            ip,
            conditions,
            is_pod,
            node,
            zone,
            hints,
        });
    let family = prop_oneof![Just(Family::V4), Just(Family::V6)];
    (name(), key(), family, vec(port, 0..3), vec(endpoint, 0..6), any::<u16>()).prop_map(
        |(name, service, family, ports, endpoints, weight)| EndpointSlice {
            name,
            service,
            family,
            ports,
            endpoints,
            weight: Weight::new(weight),
        },
    )
}
