//! Do TCP clients reach endpoints, whatever they dialled and wherever they come from?

use crate::{
    bed::{ENDPOINTS, OUTSIDE, POD, VIP, bed, greeting_from, serve_tcp, service_at},
    common::{connect, states},
};
use std::{io::ErrorKind, net::SocketAddr, num::NonZeroU32};
use tokio::io::AsyncReadExt;
use weir_core::{Audience, Protocol};
use weir_proxy::FrontendState;
use weir_testkit::Behaviour;

#[test]
fn clients_of_both_families_reach_the_frontend_that_they_dialled_and_local_processes_do() {
    let Some(mut bed) = bed() else { return };
    for family in 0..2 {
        let servers = ["a", "b"].map(|name| {
            let port = 8000 + u16::from(name.as_bytes()[0]);
            serve_tcp(&bed.backend, (ENDPOINTS[family], port), Behaviour::Greet(name.into()))
        });
        let services = [80, 81].map(|port| service_at(VIP[family], port, Protocol::Tcp));
        let services: Vec<_> =
            services.into_iter().zip(&servers).map(|(s, server)| s.with(&[server.address()])).collect();
        let applied = bed.apply(&services.iter().collect::<Vec<_>>());
        assert!(states(&applied).contains(&FrontendState::Listening(Audience::Everyone)), "{applied:?}");
        for (service, name) in services.iter().zip(["a", "b"]) {
            for (host, source) in [
                (&bed.client, OUTSIDE[family]),
                (&bed.client, POD[family]),
                (&bed.node, ["0.0.0.0", "::"][family]),
            ] {
                let got = greeting_from(host, (source, 0), service.address());
                assert_eq!(got.unwrap(), name, "{source} to {}", service.address());
            }
        }
        // Both workers are in the group: of this many clients neither gets none.
        let mut clients = Vec::new();
        for _ in 0..20 {
            clients.push(bed.client.run(|| connect(services[0].address())).unwrap().unwrap());
        }
        let counts = bed.node.run(|| bed.proxy.connections_by_worker()).unwrap();
        assert!(counts.iter().all(|&count| count > 0), "{counts:?}");
    }
}

#[test]
fn who_dials_what_nobody_serves_gets_a_reset_even_where_a_process_of_the_node_listens_everywhere() {
    let Some(mut bed) = bed() else { return };
    let bystander = serve_tcp(&bed.node, ("0.0.0.0", 80), Behaviour::Greet("bystander".into()));
    let web = service_at(VIP[0], 80, Protocol::Tcp);
    let applied = bed.apply(&[&web]);
    assert_eq!(states(&applied), [FrontendState::NoEndpoints]);
    let tcp = bed.proxy.capture_sockets().tcp.v4.unwrap();
    let unserved = SocketAddr::from(([10, 96, 0, 99], 80));
    let receiving = SocketAddr::from(([127, 0, 0, 1], tcp.node));
    for (host, address) in [
        (&bed.client, web.address()),
        (&bed.node, web.address()),
        (&bed.client, unserved),
        (&bed.node, receiving),
    ] {
        let read = || async move { connect(address).await?.read_u8().await };
        let error = host.run(read).unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{address}");
    }
    assert_eq!(bystander.accepted(), 0);

    // And it is served as soon as there is an endpoint, without anything being opened.
    let server = serve_tcp(&bed.backend, (ENDPOINTS[0], 8080), Behaviour::Greet("web".into()));
    let web = web.with(&[server.address()]);
    assert_eq!(states(&bed.apply(&[&web])), [FrontendState::Listening(Audience::Everyone)]);
    assert_eq!(greeting_from(&bed.client, (OUTSIDE[0], 0), web.address()).unwrap(), "web");
    assert_eq!(states(&bed.apply(&[])), [FrontendState::Removed]);
    assert!(greeting_from(&bed.client, (OUTSIDE[0], 0), web.address()).is_err());
}

#[test]
fn clients_of_a_service_do_not_wait_for_the_accept_rate_of_another() {
    let Some(mut bed) = bed() else { return };
    let server = serve_tcp(&bed.backend, (ENDPOINTS[0], 8080), Behaviour::Greet("web".into()));
    let mut slow = service_at(VIP[0], 80, Protocol::Tcp).with(&[server.address()]);
    slow.settings().limits.accept_rate = NonZeroU32::new(1);
    let fast = service_at(VIP[0], 81, Protocol::Tcp).with(&[server.address()]);
    bed.apply(&[&slow, &fast]);
    let address = slow.address();
    let connect_many = || async move {
        let mut clients = Vec::new();
        // At one in a second they would keep both workers busy for longer than anything here may take.
        for _ in 0..100 {
            clients.push(connect(address).await.unwrap().into_std().unwrap());
        }
        clients
    };
    let _waiting = bed.client.run(connect_many).unwrap();
    assert_eq!(greeting_from(&bed.client, (OUTSIDE[0], 0), fast.address()).unwrap(), "web");
}
