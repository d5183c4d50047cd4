//! What does the data plane need in node mode, and what does it say where that is missing?

use crate::rules::{MARKS, sysctl};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use weir_core::{Pods, PortRange};
use weir_proxy::{Config, Error, NodeMode, Proxy};
use weir_testkit::Namespace;

fn config() -> Config {
    let node_mode = NodeMode {
        marks: MARKS,
        pods: Pods::Unknown,
        masquerade_all: false,
        source_ports: vec![PortRange::DEFAULT_SOURCES],
    };
    Config { node_mode: Some(node_mode), ..Config::default() }
}

#[test]
fn every_origin_has_a_port_of_its_own() {
    let Some(host) = Namespace::create("host") else { return };
    let capture_sockets = host.run(|| async { Proxy::start(config()).unwrap().capture_sockets() }).unwrap();
    for capture_sockets in [capture_sockets.tcp, capture_sockets.udp] {
        for ports in [capture_sockets.v4.unwrap(), capture_sockets.v6.unwrap()] {
            assert!(ports.pod != ports.node && ports.node != ports.outside && ports.outside != ports.pod);
            assert!(![ports.pod, ports.node, ports.outside].contains(&0));
        }
    }
}

#[test]
fn a_host_without_ipv6_goes_without_it() {
    let Some(host) = Namespace::create("host") else { return };
    let start = || async {
        sysctl("net/ipv6/conf/all/disable_ipv6", "1");
        Proxy::start(config()).unwrap().capture_sockets()
    };
    let capture_sockets = host.run(start).unwrap();
    assert!(capture_sockets.tcp.v4.is_some() && capture_sockets.udp.v4.is_some());
    assert_eq!((capture_sockets.tcp.v6, capture_sockets.udp.v6), (None, None));
}

#[test]
fn without_the_capability_it_says_what_to_do() {
    let Some(host) = Namespace::create("host") else { return };
    let start = || async {
        // Of this thread alone. To open the sockets either is enough; the rules need the first.
        let mut sets = capabilities(None).unwrap();
        sets.effective.remove(CapabilitySet::NET_ADMIN | CapabilitySet::NET_RAW);
        set_capabilities(None, sets).unwrap();
        Proxy::start(config()).err()
    };
    let error = host.run(start).unwrap().unwrap();
    assert!(matches!(error, Error::NotPermitted(_)), "{error:?}");
    assert!(error.to_string().contains("CAP_NET_ADMIN"), "{error}");
}
