//! Do the rules give the verdicts that the pure function gives? That one agrees with all golden flows; this asks with real
//! packets, in network namespaces: needs root.
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{Hosts, NODE, Outcome, StandIn, TestService, apply, node, options, service, snapshot, tcp};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};
use weir_capture::Capture;
use weir_core::{
    Frontend, NoLocalEndpoints, NodePortAddresses, Origin, Protocol,
    verdict::{self, Index, Network},
};
use weir_testkit::Namespace;

/// One Service for each pair of policies, and two that let packets pass, with no endpoint, one elsewhere and one here; every second one has source ranges
/// (semantics P1 to P7, N1 to N3, A5).
fn services() -> Vec<TestService> {
    let mut services = Vec::new();
    for policies in 0..6 {
        for endpoints in 0..3 {
            let number = 10 + services.len() as u8;
            let (v4, v6) = (format!("10.96.0.{number}"), format!("fd00:96::{number}"));
            let made =
                service(&format!("web-{number}"), [&v4, &v6]).with_node_port(30000 + u16::from(number));
            let made = match endpoints {
                0 => made.without_endpoints(),
                1 => made,
                _ => made.on_node(NODE),
            };
            services.push(made.edited(|service| {
                (service.internal_local, service.external_local) = (policies & 1 != 0, policies & 2 != 0);
                if policies >= 4 {
                    service.external_local = true;
                    Arc::make_mut(&mut service.settings).no_local_endpoints = NoLocalEndpoints::Pass;
                }
                service.external_ips.v4 = [[203, 0, 113, number].into()].into();
                service.load_balancer_ips.v4 = [[198, 51, 100, number].into()].into();
                if number % 2 == 1 {
                    service.source_ranges.v4 = ["10.8.0.0/24".parse().unwrap()].into();
                }
            }));
        }
    }
    services
}

/// Every address of a Service, and ports and addresses that none has (semantics N4, N5, A4).
fn dialled(service: &TestService) -> Vec<SocketAddr> {
    let asked = &service.service;
    let cluster_ip = asked.cluster_ips.v4.unwrap();
    let (external, vip) = (asked.external_ips.v4[0], asked.load_balancer_ips.v4[0]);
    let node_port = asked.ports[0].node_port.unwrap().get();
    let mut dialled: Vec<SocketAddr> = [cluster_ip, external, vip]
        .into_iter()
        .flat_map(|ip| [80, 81].map(|port| (ip, port).into()))
        .collect();
    let others: [SocketAddr; 3] =
        [([10, 9, 0, 1], node_port).into(), ([10, 8, 0, 1], node_port).into(), ([10, 96, 9, 9], 80).into()];
    dialled.extend(others);
    dialled
}

/// The network of the hosts, for the pure function.
fn network() -> Network {
    let addresses = ["10.9.0.1", "10.244.0.1", "10.8.0.1"].map(|ip| ip.parse().unwrap()).into();
    Network::of(&node(), addresses, &NodePortAddresses::default(), options().pods, false)
}

/// What differs for one client.
fn differences(from: &Namespace, source: IpAddr, index: &Index, services: &[TestService]) -> Vec<String> {
    let mut found = Vec::new();
    for address in services.iter().flat_map(dialled) {
        let judged = index.judge(source, Frontend { protocol: Protocol::Tcp, address });
        let origin = match judged.origin {
            Origin::Node => "node",
            Origin::Pod => "pod",
            Origin::Outside => "outside",
        };
        let seen = tcp(from, &address.to_string());
        let agrees = match judged.outcome {
            verdict::Outcome::Accept => seen == Outcome::Served(origin.into()),
            verdict::Outcome::Reject => seen == Outcome::Refused,
            verdict::Outcome::Drop => seen == Outcome::Silence,
            // The host's own affair, but never weir's.
            verdict::Outcome::None => !matches!(seen, Outcome::Served(_)),
        };
        if !agrees {
            found.push(format!(
                "{source} to {address}: {:?} by the function, {seen:?} by packets",
                judged.outcome
            ));
        }
    }
    found
}

#[test]
fn packets_get_what_the_pure_function_says_for_every_policy_address_and_origin() {
    let Some(hosts) = Hosts::create() else { return };
    let services = services();
    let mut snapshot = snapshot(&services.iter().collect::<Vec<_>>());
    snapshot.service_cidrs = options().service_cidrs.into();
    let index = Index::of(&snapshot, network());
    for outcome in
        [verdict::Outcome::Accept, verdict::Outcome::Reject, verdict::Outcome::Drop, verdict::Outcome::None]
    {
        let asked =
            services.iter().flat_map(dialled).map(|address| Frontend { protocol: Protocol::Tcp, address });
        let gets = |frontend| index.judge("10.9.0.2".parse().unwrap(), frontend).outcome == outcome;
        assert!(asked.filter(|frontend| gets(*frontend)).count() >= 5, "{outcome:?} is hardly asked for");
    }
    let body = || async {
        let stand_in = StandIn::open();
        let mut capture = Capture::start(options()).await.unwrap();
        apply(&mut capture, &snapshot, &stand_in).await;
        let clients = [
            (&hosts.outside, "10.9.0.2"),
            (&hosts.far, "10.8.0.2"),
            (&hosts.pod, "10.244.0.2"),
            (&hosts.node, "10.9.0.1"),
        ];
        let found: Vec<String> = std::thread::scope(|scope| {
            let ask = |(from, source): (_, &str)| {
                let (source, index, services) = (source.parse().unwrap(), &index, &services[..]);
                scope.spawn(move || differences(from, source, index, services))
            };
            let asked: Vec<_> = clients.into_iter().map(ask).collect();
            asked.into_iter().flat_map(|asked| asked.join().unwrap()).collect()
        });
        assert!(found.is_empty(), "{}", found.join("\n"));
    };
    hosts.node.run(body).unwrap();
}
