//! Which annotations are settings, and what happens to wrong ones?

use super::*;
use proptest::prelude::*;
use std::{num::NonZeroU32, time::Duration};
use weir_core::{ActiveCheck, EndpointRemoved, Limits, NoLocalEndpoints, Policy, ProxyProtocol};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn names() -> Vec<&'static str> {
    ANNOTATIONS.iter().map(|annotation| annotation.name).collect()
}

fn read(annotations: &[(&str, &str)]) -> (Settings, Vec<String>) {
    let annotations = annotations.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    let metadata = ObjectMeta { annotations: Some(annotations), ..ObjectMeta::default() };
    let mut problems = Problems::of("Service default/web");
    let (settings, _) = settings(&metadata, &Settings::default(), &mut problems);
    (settings, problems.list().iter().map(ToString::to_string).collect())
}

/// The settings that all annotations of a test give together.
fn every_setting() -> Settings {
    Settings {
        balance: Policy::Maglev,
        connect_timeout: Duration::from_millis(500),
        idle_timeout: seconds(5400),
        half_closed_timeout: seconds(20),
        udp_idle_timeout: seconds(5),
        udp_assured_timeout: seconds(5),
        dead_peer_timeout: seconds(10),
        max_connection_age: Some(seconds(3600)),
        on_endpoint_removed: EndpointRemoved::Drain(seconds(30)),
        no_local_endpoints: NoLocalEndpoints::Pass,
        health_check: Some(ActiveCheck {
            interval: seconds(1),
            rise: NonZeroU32::MIN,
            fall: NonZeroU32::new(5).unwrap(),
        }),
        topology_spill: Some("1.5".parse().unwrap()),
        limits: Limits {
            connections: NonZeroU32::new(1000),
            connections_per_endpoint: NonZeroU32::new(100),
            queue: 0,
            queue_timeout: seconds(2),
            connections_per_client: NonZeroU32::new(10),
            accept_rate: NonZeroU32::new(50),
            udp_flows_per_client: NonZeroU32::new(7),
        },
        proxy_protocol: Some(ProxyProtocol::V2),
        accept_proxy_protocol: ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().unwrap()).into(),
    }
}

#[test]
fn every_setting_can_be_set() {
    let values = [
        ("balance", "maglev"),
        ("connect-timeout", "500ms"),
        ("idle-timeout", "1h30m"),
        ("half-closed-timeout", "20s"),
        ("udp-idle-timeout", "5s"),
        ("dead-peer-timeout", "10s"),
        ("max-connection-age", "1h"),
        ("on-endpoint-removed", "drain=30s"),
        ("no-local-endpoints", "pass"),
        ("health-check", "tcp"),
        ("health-check-interval", "1s"),
        ("health-check-rise", "1"),
        ("health-check-fall", "5"),
        ("topology-spill", "1.5"),
        ("proxy-protocol", "v2"),
        ("accept-proxy-protocol", "10.0.0.0/8, fd00::/8"),
        ("max-connections", "1000"),
        ("max-connections-per-endpoint", "100"),
        ("max-connections-per-client", "10"),
        ("queue", "0"),
        ("queue-timeout", "2s"),
        ("accept-rate", "50"),
        ("external-ips", "203.0.113.7"),
        ("max-udp-flows-per-client", "7"),
    ];
    assert_eq!(values.map(|(name, _)| name)[..], names());
    let keys = values.map(|(name, value)| (format!("weir.dev/{name}"), value));
    let mut annotations = keys.each_ref().map(|(key, value)| (key.as_str(), *value)).to_vec();
    annotations.push(("example.com/balance", "other"));
    let (settings, problems) = read(&annotations);
    assert_eq!((settings, problems), (every_setting(), vec![]));
}

#[test]
fn what_is_not_set_is_as_the_operator_wants_it_for_all_services() {
    let limits = Limits {
        connections: Some(NonZeroU32::MIN),
        accept_rate: Some(NonZeroU32::MIN),
        ..Limits::default()
    };
    let defaults = Settings { limits, ..Settings::default() };
    let annotations = [("weir.dev/accept-rate".to_owned(), "7".to_owned())].into();
    let metadata = ObjectMeta { annotations: Some(annotations), ..ObjectMeta::default() };
    let mut problems = Problems::of("Service default/web");
    let (settings, _) = super::settings(&metadata, &defaults, &mut problems);
    let limits = settings.limits;
    assert_eq!((limits.connections, limits.accept_rate), (Some(NonZeroU32::MIN), NonZeroU32::new(7)));
}

#[test]
fn the_details_of_a_check_switch_none_on() {
    let (settings, problems) = read(&[("weir.dev/health-check-rise", "1")]);
    assert_eq!((settings.health_check, problems), (None, vec![]));
}

#[test]
fn a_setting_that_does_not_parse_is_named_and_the_default_is_used() {
    for (key, value) in [
        ("balance", "fair"),
        ("connect-timeout", "0s"),
        ("half-closed-timeout", "0s"),
        ("idle-timeout", "soon"),
        ("balanse", "random"),
        ("on-endpoint-removed", "drain"),
        ("health-check", "http"),
        ("health-check-fall", "0"),
        ("topology-spill", "0.5"),
        ("proxy-protocol", "v3"),
        ("accept-proxy-protocol", "10.0.0.0/8,lan"),
        ("max-connections", "-1"),
        ("queue", "many"),
    ] {
        let key = format!("weir.dev/{key}");
        let (settings, problems) = read(&[(&key, value)]);
        assert_eq!(settings, Settings::default());
        let [problem] = &problems[..] else { panic!("{problems:?}") };
        assert!(
            problem.contains(&key) && problem.contains(value) && problem.contains("default"),
            "{problem}"
        );
    }
}

#[test]
fn a_misspelt_annotation_is_said_with_the_nearest_one() {
    for (misspelt, meant) in
        [("balanse", "balance"), ("Balance", "balance"), ("conect-timeout", "connect-timeout")]
    {
        let (_, problems) = read(&[(&format!("weir.dev/{misspelt}"), "x")]);
        let [problem] = &problems[..] else { panic!("{problems:?}") };
        assert!(problem.contains(&format!("did you mean weir.dev/{meant}?")), "{problem}");
    }
}

#[test]
fn fifteen_thousand_unknown_annotations_are_ten_lines_and_a_number() {
    let long = "x".repeat(200);
    let keys: Vec<String> = (0..15_000).map(|number| format!("weir.dev/{number}-{long}")).collect();
    let (_, problems) = read(&keys.iter().map(|key| (key.as_str(), "\n")).collect::<Vec<_>>());
    assert_eq!(problems.len(), 11);
    assert!(problems[10].contains("and 14,990 more"), "{problems:?}");
    assert!(problems.iter().all(|problem| problem.len() < 300 && !problem.contains('\n')), "{problems:?}");
}

proptest! {
    #[test]
    fn any_value_is_read_without_panic(name in prop::sample::select(names()), value in "\\PC*") {
        read(&[(&format!("weir.dev/{name}"), &value)]);
    }
}
