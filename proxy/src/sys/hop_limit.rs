//! With which hop limit did a client's packets arrive, and with which do others leave? (TTL of IPv4)

use nix::sys::socket::{
    setsockopt,
    sockopt::{Ipv4RecvTtl, Ipv6RecvHopLimit},
};
use socket2::{Domain, SockRef, Socket, Type};
use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    os::fd::AsFd,
    sync::OnceLock,
};
use weir_core::HopLimit;

/// Asks the kernel for the hop limit of each datagram that a socket receives (ip(7), IP_RECVTTL; IPV6_RECVHOPLIMIT).
pub(super) fn receive_with_datagrams(socket: &impl AsFd, ipv4: bool) -> nix::Result<()> {
    if ipv4 { setsockopt(socket, Ipv4RecvTtl, &true) } else { setsockopt(socket, Ipv6RecvHopLimit, &true) }
}

/// Sets the hop limit of packets that leave a socket from now on.
pub(crate) fn set(socket: &impl AsFd, ipv4: bool, hop_limit: HopLimit) -> io::Result<()> {
    let (socket, hops) = (SockRef::from(socket), hop_limit.get().into());
    if ipv4 { socket.set_ttl_v4(hops) } else { socket.set_unicast_hops_v6(hops) }
}

/// The hop limit with which the handshake of an accepted connection arrived; `None` where the kernel does not tell.
///
/// Linux keeps that of the segment which completed the handshake in a place that a connection has no other use for: the
/// TTL of multicasts (`tcp_v4_syn_recv_sock`, `tcp_v6_syn_recv_sock`, which `IP_PKTOPTIONS` reads, too). In a kernel that
/// does not, such as gVisor's, the place has its default, which is 1.
pub(crate) fn of_handshake(accepted: &impl AsFd, ipv4: bool) -> Option<u8> {
    match stored(accepted, ipv4).ok()? {
        ..=1 if !keeps_that_of_handshakes(ipv4) => None,
        hop_limit => hop_limit.try_into().ok(),
    }
}

fn stored(accepted: &impl AsFd, ipv4: bool) -> io::Result<u32> {
    let socket = SockRef::from(accepted);
    if ipv4 { socket.multicast_ttl_v4() } else { socket.multicast_hops_v6() }
}

/// Whether this kernel keeps the hop limits of handshakes. Found out by a connection to this host itself, once, and only
/// if it matters.
fn keeps_that_of_handshakes(ipv4: bool) -> bool {
    static KEEPS: [OnceLock<bool>; 2] = [OnceLock::new(), OnceLock::new()];
    *KEEPS[usize::from(ipv4)].get_or_init(|| is_kept(ipv4).unwrap_or(false))
}

fn is_kept(ipv4: bool) -> io::Result<bool> {
    /// As no system begins with.
    const UNUSUAL: u8 = 58;
    let localhost = if ipv4 { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
    let listener = TcpListener::bind(SocketAddr::new(localhost, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let client = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), None)?;
    HopLimit::after(UNUSUAL + 1).map_or(Ok(()), |hop_limit| set(&client, ipv4, hop_limit))?;
    // Within one host the handshake is over when this returns, whatever it says.
    let _ = client.connect(&address.into());
    let (accepted, _) = listener.accept()?;
    Ok(stored(&accepted, ipv4)? == u32::from(UNUSUAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accepted_connection_tells_with_which_hop_limit_its_handshake_arrived() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let address = listener.local_addr().unwrap();
            for hops in [1, 2, 57, 254] {
                let client = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
                set(&client, address.is_ipv4(), HopLimit::after(hops + 1).unwrap()).unwrap();
                client.connect(&address.into()).unwrap();
                let (accepted, _) = listener.accept().unwrap();
                assert_eq!(of_handshake(&accepted, address.is_ipv4()), Some(hops), "{address}");
            }
        }
    }
}
