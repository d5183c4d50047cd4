//! How does a client hear that nobody listens at an endpoint's port? (node mode)
//!
//! The kernel would pass on the endpoint's ICMP error if it translated addresses. An ICMP error of weir's own would need
//! CAP_NET_RAW. Instead weir sends a datagram as the client would: from the client's address and port to the Service's, with
//! a mark by which the rules of the host reject it before it leaves. The kernel then writes the error to the client, about a
//! packet that looks like the client's, within its own limits (`icmp_ratelimit`, `icmp_msgs_per_sec`).

use super::socket::set_transparent;
use nix::{
    errno::Errno,
    libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo},
    sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg},
};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io::{self, ErrorKind, IoSlice},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::AsRawFd,
};

/// The dummy address of IPv4 (RFC 7600) and one of IPv6's discard-only addresses (RFC 6666), which no host has; addresses of
/// documentation are in use in many labs. The socket is bound there and each datagram names
/// its source: the client's own address and port may be taken, by a client on this host or by weir towards an endpoint.
const NOBODY: (Ipv4Addr, Ipv6Addr) = (Ipv4Addr::new(192, 0, 0, 8), Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 1));

/// Makes the kernel send `client` an ICMP port unreachable for `frontend`. The rules of the host must reject datagrams with
/// `mark`. Fails if they do not, if there is no route to the frontend, or if the port of the client is taken at all addresses
/// of this host.
pub(crate) fn send_port_unreachable(client: SocketAddr, frontend: SocketAddr, mark: u32) -> io::Result<()> {
    let socket = Socket::new(Domain::for_address(client), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    set_transparent(&socket, client)?;
    socket.set_mark(mark)?;
    socket.set_reuse_address(true)?;
    let nobody: IpAddr = if client.is_ipv4() { NOBODY.0.into() } else { NOBODY.1.into() };
    socket.bind(&SocketAddr::new(nobody, client.port()).into())?;
    let (v4, v6);
    let source = match client.ip() {
        IpAddr::V4(ip) => {
            let ip = in_addr { s_addr: u32::from_ne_bytes(ip.octets()) };
            v4 = in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: ip, ipi_addr: in_addr { s_addr: 0 } };
            ControlMessage::Ipv4PacketInfo(&v4)
        }
        IpAddr::V6(ip) => {
            v6 = in6_pktinfo { ipi6_addr: in6_addr { s6_addr: ip.octets() }, ipi6_ifindex: 0 };
            ControlMessage::Ipv6PacketInfo(&v6)
        }
    };
    let to = SockaddrStorage::from(frontend);
    match sendmsg(socket.as_raw_fd(), &[IoSlice::new(&[])], &[source], MsgFlags::empty(), Some(&to)) {
        // Rejected by the rules, as it should be.
        Err(Errno::EPERM) => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => Err(io::Error::new(ErrorKind::NotFound, "no rule rejects datagrams with weir's two marks")),
    }
}
