//! With how many hops do datagrams go on?

use crate::udp::{
    fixture::{Fixture, bound},
    requests::forward_waiting,
};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt::Ipv4RecvTtl};
use socket2::SockRef;
use std::{future::poll_fn, io::IoSliceMut, os::fd::AsRawFd};
use tokio::{net::UdpSocket, task::LocalSet};

/// The hop limit with which the next datagram arrives at an endpoint.
async fn next_hop_limit(endpoint: &UdpSocket) -> Option<i32> {
    endpoint.readable().await.unwrap();
    let (mut buffer, mut control) = ([0; 16], nix::cmsg_space!(i32));
    let mut space = [IoSliceMut::new(&mut buffer)];
    let message =
        recvmsg::<()>(endpoint.as_raw_fd(), &mut space, Some(&mut control), MsgFlags::empty()).unwrap();
    message.cmsgs().unwrap().find_map(|control| match control {
        ControlMessageOwned::Ipv4Ttl(hops) => Some(hops),
        _ => None,
    })
}

#[tokio::test]
async fn a_flow_follows_the_hop_limits_of_its_client_and_the_last_hop_ends_here() {
    let test = async {
        let endpoint = UdpSocket::bind("127.0.0.2:0").await.unwrap();
        setsockopt(&endpoint, Ipv4RecvTtl, &true).unwrap();
        let Fixture { udp, sessions } = bound(&endpoint);
        let address = sessions.frontend.borrow().address;
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let forward = async |hops: u32| {
            SockRef::from(&client).set_ttl_v4(hops).unwrap();
            client.send_to(b"ask", address).await.unwrap();
            let socket = sessions.bound().unwrap();
            poll_fn(|context| socket.poll_readable(context)).await.unwrap();
            forward_waiting(&socket, &udp, |scratch| sessions.forward(&udp, scratch, &socket, None));
        };
        for hops in [20, 20, 2, 255] {
            forward(hops).await;
            assert_eq!(next_hop_limit(&endpoint).await, Some(hops as i32 - 1));
        }
        forward(1).await;
        forward(30).await;
        assert_eq!(next_hop_limit(&endpoint).await, Some(29), "nothing came of the last hop");
        assert_eq!(sessions.flows.borrow().len(), 1);
    };
    LocalSet::new().run_until(test).await;
}
