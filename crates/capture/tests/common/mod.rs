//! Hosts around a node whose rules are tested, and sockets that stand in for weir's.
#![allow(dead_code, unused_imports, reason = "each test binary uses a part")]

mod hosts;
mod probe;
mod services;
mod stand_in;

pub(crate) use hosts::Hosts;
pub(crate) use probe::{Outcome, tcp, udp};
pub(crate) use services::{NODE, TestService, node, service, snapshot};
pub(crate) use stand_in::{StandIn, transparent};

use std::net::IpAddr;
use weir_capture::{Capture, Forwarding, Options};
use weir_core::{Bridges, Pods, PortRange, Snapshot};

/// The options of all tests, unless they say otherwise: pods are known by their network, which needs no tracking.
pub(crate) fn options() -> Options {
    let networks = ["10.244.0.0/16", "fd00:244::/64"].map(|text| text.parse().unwrap()).to_vec();
    Options {
        pods: Pods::Within(networks.clone()),
        pod_networks: networks,
        service_cidrs: ["10.96.0.0/12", "fd00:96::/108"].map(|text| text.parse().unwrap()).to_vec(),
        source_ports: vec![PortRange::DEFAULT_SOURCES],
        exclusive: true,
        takeover: false,
        forwarding: Forwarding::Never,
        runtime_dir: None,
    }
}

/// Where node ports are served.
pub(crate) fn node_port_addresses() -> Vec<IpAddr> {
    ["10.9.0.1", "fd00:9::1"].map(|text| text.parse().unwrap()).to_vec()
}

/// Brings the rules into line with a Snapshot, for the sockets that stand in.
pub(crate) async fn apply(capture: &mut Capture, snapshot: &Snapshot, stand_in: &StandIn) {
    let bridges = Bridges::default();
    capture
        .apply(snapshot, &stand_in.capture_sockets, &node_port_addresses(), &bridges, &Default::default())
        .await
        .unwrap();
}
