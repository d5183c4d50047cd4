//! Do UDP clients hear that nobody listens at the endpoints, as with kernel translation?

use crate::{
    bed::{Bed, ENDPOINTS, OUTSIDE, POD, VIP, bed, serve_udp, service_at},
    common::{HANG, TestService, within},
    udp::from,
};
use std::{io::ErrorKind, net::SocketAddr, time::Duration};
use tokio::net::UdpSocket;
use weir_core::Protocol;
use weir_testkit::{Namespace, UdpBehaviour};

/// Ports of the host of endpoints at which nobody listens.
fn refusing(family: usize) -> [SocketAddr; 3] {
    [9991, 9992, 9993].map(|port| SocketAddr::new(ENDPOINTS[family].parse().unwrap(), port))
}

/// Datagrams that a connected client has to send until it hears of a refusal, if it waits so long after each.
fn sent_until_refused(host: &Namespace, source: SocketAddr, frontend: SocketAddr, wait: Duration) -> usize {
    let ask = || async move {
        let client = UdpSocket::bind(source).await.unwrap();
        client.connect(frontend).await.unwrap();
        within(async {
            let mut sent = 0;
            loop {
                client.send(b"ask").await.unwrap();
                sent += 1;
                let mut buffer = [0; 64];
                match tokio::time::timeout(wait, client.recv(&mut buffer)).await {
                    Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => return sent,
                    Ok(other) => panic!("{other:?}"),
                    // Another endpoint is tried next.
                    Err(_) => {}
                }
            }
        })
        .await
    };
    host.run(ask).unwrap()
}

fn dns(family: usize, endpoints: &[SocketAddr]) -> TestService {
    service_at(VIP[family], 53, Protocol::Udp).with(endpoints)
}

/// Clients of each origin.
fn clients(bed: &Bed, family: usize) -> [(&Namespace, SocketAddr); 3] {
    let anywhere = ["0.0.0.0", "::"][family];
    [(&bed.client, from(OUTSIDE[family])), (&bed.client, from(POD[family])), (&bed.node, from(anywhere))]
}

#[test]
fn a_connected_client_hears_a_refusal_when_the_only_endpoint_refuses() {
    let Some(mut bed) = bed() else { return };
    for family in 0..2 {
        let dns = dns(family, &refusing(family)[..1]);
        bed.apply(&[&dns]);
        for (host, source) in clients(&bed, family) {
            let sent = sent_until_refused(host, source, dns.address(), HANG);
            assert_eq!(sent, 1, "{source}");
        }
    }
}

#[test]
fn a_client_of_endpoints_that_all_refuse_hears_it_once_each_was_tried() {
    let Some(mut bed) = bed() else { return };
    for family in 0..2 {
        let dns = dns(family, &refusing(family));
        bed.apply(&[&dns]);
        for (host, source) in clients(&bed, family) {
            let sent = sent_until_refused(host, source, dns.address(), Duration::from_millis(500));
            assert!(sent <= 3, "{source}: {sent}");
        }
    }
}

#[test]
fn a_client_hears_no_refusal_while_another_endpoint_may_answer() {
    let Some(mut bed) = bed() else { return };
    for family in 0..2 {
        let server = serve_udp(&bed.backend, (ENDPOINTS[family], 5300), UdpBehaviour::Echo);
        let dns = dns(family, &[refusing(family)[0], server.address()]);
        bed.apply(&[&dns]);
        let frontend = dns.address();
        let asked = || async move {
            for _ in 0..20 {
                let client = UdpSocket::bind(from(POD[family])).await.unwrap();
                client.connect(frontend).await.unwrap();
                within(async {
                    loop {
                        client.send(b"ask").await.unwrap();
                        let mut buffer = [0; 64];
                        let wait = Duration::from_millis(200);
                        if let Ok(answer) = tokio::time::timeout(wait, client.recv(&mut buffer)).await {
                            break assert_eq!(answer.unwrap(), 3);
                        }
                    }
                })
                .await;
            }
        };
        bed.client.run(asked).unwrap();
    }
}
