//! Does a UDP flow end when it should, in simulated time?

use crate::{
    session::termination::MAX_BURST_ENDS,
    shared::command::TICK,
    udp::{
        context::UdpContext,
        fixture::{Fixture, bound, frontend, udp},
        flow::MIN_ASSURED_DATAGRAMS,
        requests::forward_waiting,
        sessions::{ForwardContext, Sessions},
    },
};
use std::{future::poll_fn, rc::Rc, time::Duration};
use tokio::{net::UdpSocket, task::LocalSet, time::Instant};

const IDLE: Duration = Duration::from_secs(30);
const ASSURED_IDLE: Duration = Duration::from_secs(120);

/// Sends a datagram to the frontend, which is forwarded.
async fn ask(client: &UdpSocket, Fixture { udp, sessions }: &Fixture) {
    let address = sessions.frontend.borrow().address;
    client.send_to(b"ask", address).await.unwrap();
    let socket = sessions.bound().unwrap();
    poll_fn(|context| socket.poll_readable(context)).await.unwrap();
    assert!(!forward_waiting(&socket, udp, |scratch| sessions.forward(udp, scratch, &socket, None)));
}

/// Ticks the clock of the worker until the frontend has no flow.
async fn end_of_flows(udp: &UdpContext) {
    while !udp.flows.borrow().is_empty() {
        tokio::time::sleep(TICK).await;
        udp.worker.tick();
        udp.flows.borrow_mut().end_idle(udp.worker.clock.get().into_std(), MAX_BURST_ENDS);
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_flow_without_an_answer_ends_after_30_seconds() {
    let test = async {
        let endpoint = UdpSocket::bind("127.0.0.2:0").await.unwrap();
        let fixture = bound(&endpoint);
        let start = Instant::now();
        ask(&UdpSocket::bind("127.0.0.1:0").await.unwrap(), &fixture).await;
        end_of_flows(&fixture.udp).await;
        let idle = IDLE.as_secs();
        assert!((idle..=idle + 1).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
        assert!(fixture.sessions.flows.borrow().is_empty());
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test(start_paused = true)]
async fn every_datagram_restarts_the_time_out_and_a_conversation_may_pause_for_longer() {
    let test = async {
        let endpoint = UdpSocket::bind("127.0.0.2:0").await.unwrap();
        let fixture = bound(&endpoint);
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let start = Instant::now();
        let mut buffer = [0; 8];
        for _ in 0..MIN_ASSURED_DATAGRAMS {
            ask(&client, &fixture).await;
            let (length, from) = endpoint.recv_from(&mut buffer).await.unwrap();
            endpoint.send_to(&buffer[..length], from).await.unwrap();
            client.recv_from(&mut buffer).await.unwrap();
            tokio::time::advance(IDLE - Duration::from_secs(1)).await;
        }
        let spoken = start.elapsed();
        end_of_flows(&fixture.udp).await;
        let quiet = (start.elapsed() - spoken).as_secs();
        let expected = (ASSURED_IDLE - IDLE).as_secs() + 1;
        assert!((expected..=expected + 1).contains(&quiet), "{quiet} s");
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn a_flow_that_is_signalled_to_end_gives_its_load_back() {
    let test = async {
        let endpoint = UdpSocket::bind("127.0.0.2:0").await.unwrap();
        let fixture = bound(&endpoint);
        ask(&UdpSocket::bind("127.0.0.1:0").await.unwrap(), &fixture).await;
        let live = || {
            let routing = fixture.sessions.frontend.borrow().runtime.routing();
            routing.balancer(weir_core::Traffic::Cluster).unwrap().targets()[0].load.live()
        };
        assert_eq!(live(), 1);
        fixture.sessions.end_flows().await;
        assert_eq!((live(), Rc::strong_count(&fixture.sessions)), (0, 1));
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test(start_paused = true)]
async fn flows_of_a_captured_frontend_share_a_socket_for_replies_that_is_closed_with_the_last() {
    let test = async {
        let endpoint = UdpSocket::bind("127.0.0.2:0").await.unwrap();
        let free = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let frontend = frontend(free, endpoint.local_addr().unwrap());
        let sessions = Sessions::captured(Rc::clone(&frontend));
        let udp = udp();
        let open = |client| {
            let routing = &frontend.runtime.routing();
            sessions.flow(ForwardContext { udp: &udp, frontend: &frontend, routing }, client, None).is_some()
        };
        let used = || udp.worker.admission.descriptors.used();
        for (port, expected) in [(1, 2), (2, 3)] {
            let client = ([127, 0, 0, 1], port).into();
            assert!(open(client));
            assert_eq!(used(), expected, "one for each flow and one for replies");
        }
        end_of_flows(&udp).await;
        assert_eq!((used(), UdpSocket::bind(free).await.is_ok()), (0, true));
        // And it is opened again.
        let client = ([127, 0, 0, 1], 3).into();
        assert!(open(client));
        assert_eq!(used(), 2);
    };
    LocalSet::new().run_until(test).await;
}
