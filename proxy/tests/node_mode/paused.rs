//! Does a side that only pauses live, and is one that vanishes noticed, between addresses that are not the node's?

use crate::bed::{Bed, ENDPOINTS, OUTSIDE, POD, VIP, bed, serve_tcp, service_at};
use crate::common::{HANG, TestService};
use crate::rules::ip;
use socket2::{Domain, Socket, Type};
use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};
use weir_core::Protocol;
use weir_testkit::Behaviour;

const TIMEOUT: Duration = Duration::from_secs(2);

/// Bytes for a side that does not read: more than sockets and pipes hold.
const BYTES: u64 = 30 << 20;

fn web(endpoint: SocketAddr, family: usize) -> TestService {
    let mut web = service_at(VIP[family], 80, Protocol::Tcp).with(&[endpoint]);
    web.settings().dead_peer_timeout = TIMEOUT;
    web
}

/// A client at this address, with calls that do not wait for ever.
fn client(bed: &Bed, source: &str, frontend: SocketAddr) -> TcpStream {
    let connect = || {
        let socket = Socket::new(Domain::for_address(frontend), Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(ip(source), 0).into()).unwrap();
        socket.connect(&frontend.into()).unwrap();
        socket.set_read_timeout(Some(3 * TIMEOUT + HANG)).unwrap();
        TcpStream::from(socket)
    };
    bed.client.enter(connect).unwrap()
}

/// Waits for three time-outs: longer than any peer that does not answer may live. The clock is the kernel's.
fn pause(bed: &Bed) {
    bed.client.run(|| async { tokio::time::sleep(3 * TIMEOUT).await }).unwrap();
}

#[test]
fn a_client_that_pauses_for_longer_than_the_time_out_gets_everything() {
    let Some(mut bed) = bed() else { return };
    for family in 0..2 {
        let server = serve_tcp(&bed.backend, (ENDPOINTS[family], 8080), Behaviour::Source { bytes: BYTES });
        let web = web(server.address(), family);
        bed.apply(&[&web]);
        // A pod's address is kept towards the endpoint, another client's is not.
        let mut clients = [OUTSIDE[family], POD[family]].map(|source| client(&bed, source, web.address()));
        pause(&bed);
        for client in &mut clients {
            assert_eq!(std::io::copy(client, &mut std::io::sink()).unwrap(), BYTES);
        }
    }
}

#[test]
fn an_endpoint_that_pauses_lives_until_it_vanishes() {
    let Some(mut bed) = bed() else { return };
    let servers = [0, 1].map(|family| serve_tcp(&bed.backend, (ENDPOINTS[family], 8080), Behaviour::Silent));
    let services = [0, 1].map(|family| web(servers[family].address(), family));
    bed.apply(&[&services[0], &services[1]]);
    let mut clients = Vec::new();
    for (family, service) in services.iter().enumerate() {
        for source in [OUTSIDE[family], POD[family]] {
            let mut client = client(&bed, source, service.address());
            client.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
            while client.write(&[7; 65_536]).is_ok() {}
            clients.push(client);
        }
    }
    pause(&bed);
    for client in &mut clients {
        client.set_nonblocking(true).unwrap();
        assert_eq!(client.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        client.set_nonblocking(false).unwrap();
    }
    bed.backend.ip(&["link", "set", "node", "down"]).unwrap();
    let cut = Instant::now();
    for client in &mut clients {
        assert_eq!(client.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
        println!("time-out {TIMEOUT:?}: a client was reset after {:?}", cut.elapsed());
    }
}
