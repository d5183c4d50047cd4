//! Are all packets marked, so that the rules leave them alone?

use crate::{
    bed::{ENDPOINTS, OUTSIDE, VIP, bed, greeting_from, serve_tcp, serve_udp, service_at},
    common::{snapshot, within},
    rules,
    udp::{ask, from},
};
use std::time::Duration;
use weir_core::{ActiveCheck, Protocol};
use weir_testkit::{Behaviour, UdpBehaviour};

#[test]
fn packets_to_clients_and_endpoints_and_probes_are_marked() {
    let Some(mut bed) = bed() else { return };
    bed.node.run(|| async { rules::require_marks(OUTSIDE, ENDPOINTS) }).unwrap();
    for family in 0..2 {
        let server = serve_tcp(&bed.backend, (ENDPOINTS[family], 8080), Behaviour::Greet("web".into()));
        let datagrams = serve_udp(&bed.backend, (ENDPOINTS[family], 5300), UdpBehaviour::Echo);
        let mut services = [
            service_at(VIP[family], 80, Protocol::Tcp).with(&[server.address()]),
            service_at(VIP[family], 53, Protocol::Udp).with(&[datagrams.address()]),
        ];
        bed.apply(&[&services[0], &services[1]]);
        let [web, dns] = services.each_ref().map(crate::common::TestService::address);
        assert_eq!(greeting_from(&bed.client, (OUTSIDE[family], 0), web).unwrap(), "web");
        assert_eq!(ask(&bed.client, from(OUTSIDE[family]), dns), "ask");
        let before = server.accepted();
        services[0].settings().health_check =
            Some(ActiveCheck { interval: Duration::from_millis(10), ..ActiveCheck::default() });
        let (proxy, snapshot, server) = (&mut bed.proxy, snapshot(&[&services[0]]), &server);
        let probed = || async move {
            proxy.apply(&snapshot).await;
            within(server.wait_for_accepted(before + 1)).await.unwrap();
        };
        bed.node.run(probed).unwrap();
    }
}
