//! What does a UDP client hear where nobody listens at one of several endpoints?

use crate::{
    bed::{Bed, Protocol, ask, eventually},
    objects::{Service, cluster_ips},
};
use std::{net::SocketAddr, time::Duration};
use weir_testkit::cluster::Failure;

/// Clients of each host.
const CLIENTS: usize = 8;

#[test]
fn of_several_endpoints_one_that_is_closed_costs_a_client_one_datagram_at_most() {
    let Some(bed) = Bed::standard() else { return };
    let (service, api) = (Service::new("half", 10).port("UDP", 80), bed.cluster.api());
    service.endpoints(api, &[bed.ready("a-1")]);
    service.slices(api, "-closed", 9999, &[bed.ready("b-1")]);
    service.apply(api);
    for to in cluster_ips(10).map(|ip| SocketAddr::new(ip, 80)) {
        for client in [bed.cluster.pod("a-2"), bed.cluster.node("node-a"), bed.cluster.pod("b-2")] {
            eventually(&format!("{} -> {to}", client.name()), true, || {
                ask(client, Protocol::Udp, to).is_ok()
            });
            for _ in 0..CLIENTS {
                let client = client.client().within(Duration::from_millis(500)).converse(to).unwrap();
                let first = client.ask().map(|reply| reply.name);
                assert!(
                    matches!(&first, Ok(_) | Err(Failure::TimedOut)),
                    "another endpoint is left: {first:?}"
                );
                assert_eq!(client.ask().map(|reply| reply.name), Ok("a-1".to_owned()), "{to}");
            }
        }
    }
}

#[test]
fn where_all_of_several_endpoints_are_closed_a_client_hears_of_it() {
    let Some(bed) = Bed::standard() else { return };
    let (service, api) = (Service::new("dead", 10).port("UDP", 80), bed.cluster.api());
    service.slices(api, "", 9999, &[bed.ready("a-1"), bed.ready("b-1"), bed.ready("b-2")]);
    service.apply(api);
    for to in cluster_ips(10).map(|ip| SocketAddr::new(ip, 80)) {
        for client in [bed.cluster.pod("a-2"), bed.cluster.node("node-a")] {
            let conversation = client.client().within(Duration::from_millis(500)).converse(to).unwrap();
            eventually(&format!("a refusal for {} by {to}", client.name()), true, || {
                conversation.ask() == Err(Failure::Refused)
            });
        }
    }
}
