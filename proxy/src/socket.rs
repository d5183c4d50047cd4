//! How are sockets opened? Every socket option of the data plane is set here.

use crate::{filter, plan::Socket as Address};
use ipnet::IpNet;
use rustix::net::sockopt::{self, Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};
use socket2::{Domain, Protocol as Transport, SockRef, Socket, TcpKeepalive, Type};
use std::{io, net::SocketAddr, os::fd::AsFd, time::Duration};
use weir_core::Protocol;

/// Connections waiting to be accepted; the kernel caps it at `net.core.somaxconn`.
pub(crate) const BACKLOG: usize = 4096;

/// How many may wait where `connections` may be open. A flood leaves a full queue behind, of clients that are gone: it
/// must not take long to get through.
pub(crate) fn backlog(connections: usize) -> usize {
    connections.saturating_mul(4).clamp(64, BACKLOG)
}

/// Room for datagrams that arrive while a worker is busy, or leave faster than a device takes them. The kernel caps it
/// at `net.core.rmem_max` and `net.core.wmem_max`.
const UDP_BUFFER: usize = 4 << 20;

/// The same for the datagrams of one flow.
const UDP_FLOW_BUFFER: usize = 1 << 20;

/// Opens `count` sockets on one address, for as many workers; the kernel spreads clients over them.
///
/// The first is bound alone: SO_REUSEPORT from the start would silently share the address with any other process of
/// the same user, a second weir for instance.
///
/// Only packets from `admitted` get through; `None` means all. TCP clients that are silent for `dead_peer_timeout` are dead.
/// `backlog` of them may wait on each socket.
pub(crate) fn open_group(
    address: Address,
    admitted: Option<&[IpNet]>,
    dead_peer_timeout: Duration,
    count: usize,
    backlog: usize,
) -> io::Result<Vec<Socket>> {
    let unbound = || unbound(address, admitted, dead_peer_timeout);
    let first = unbound()?;
    first.bind(&address.address.into())?;
    first.set_reuse_port(true)?;
    let mut group = vec![first];
    for _ in 1..count {
        let next = unbound()?;
        next.set_reuse_port(true)?;
        next.bind(&address.address.into())?;
        group.push(next);
    }
    if address.protocol == Protocol::Tcp {
        group.iter().try_for_each(|socket| socket.listen(backlog as i32))?;
    }
    Ok(group)
}

fn unbound(address: Address, admitted: Option<&[IpNet]>, dead_peer_timeout: Duration) -> io::Result<Socket> {
    let (kind, transport) = match address.protocol {
        Protocol::Udp => (Type::DGRAM, Transport::UDP),
        _ => (Type::STREAM, Transport::TCP),
    };
    let socket = Socket::new(Domain::for_address(address.address), kind.nonblocking(), Some(transport))?;
    if address.address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if address.protocol == Protocol::Udp {
        set_datagram_options(&socket, address.address, UDP_BUFFER)?;
    } else {
        socket.set_reuse_address(true)?;
        // Accepted connections inherit these from the listening socket, which saves the calls for each of them.
        socket.set_tcp_nodelay(true)?;
        watch_peer(&socket, dead_peer_timeout)?;
    }
    if admitted.is_some() {
        admit(&socket, address, admitted)?;
    }
    Ok(socket)
}

/// Has the kernel drop what is not admitted, from now on. A list too long for it is checked for each connection
/// instead.
pub(crate) fn admit(socket: &impl AsFd, address: Address, admitted: Option<&[IpNet]>) -> io::Result<()> {
    let socket = SockRef::from(socket);
    match admitted.and_then(|sources| filter::program(sources, address.address.is_ipv4())) {
        Some(program) => socket.attach_filter(&program),
        None => match socket.detach_filter() {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            // ENOENT: it had none.
            _ => Ok(()),
        },
    }
}

/// Has the kernel end a connection whose peer leaves data or probes unacknowledged for `timeout` (tcp(7),
/// TCP_USER_TIMEOUT; it overrides the number of probes). A silent peer is probed twice in that time (TCP_KEEPIDLE and
/// TCP_KEEPINTVL, whole seconds).
pub(crate) fn watch_peer(socket: &impl AsFd, timeout: Duration) -> io::Result<()> {
    let socket = SockRef::from(socket);
    let interval = (timeout / 2).max(Duration::from_secs(1));
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(interval).with_interval(interval))?;
    socket.set_tcp_user_timeout(Some(timeout))
}

/// Begins to connect to an endpoint.
///
/// Its peer is not watched yet: connections that end at once need not be, and four calls are saved for each of them.
pub(crate) fn tcp_connecting(endpoint: SocketAddr) -> io::Result<std::net::TcpStream> {
    let socket =
        Socket::new(Domain::for_address(endpoint), Type::STREAM.nonblocking(), Some(Transport::TCP))?;
    socket.set_tcp_nodelay(true)?;
    match socket.connect(&endpoint.into()) {
        Err(error) if error.raw_os_error() != Some(EINPROGRESS) => Err(error),
        _ => Ok(socket.into()),
    }
}

const EINPROGRESS: i32 = rustix::io::Errno::INPROGRESS.raw_os_error();

/// A UDP socket that exchanges datagrams with one endpoint only.
pub(crate) fn udp_connected(endpoint: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let socket = Socket::new(Domain::for_address(endpoint), Type::DGRAM.nonblocking(), Some(Transport::UDP))?;
    set_datagram_options(&socket, endpoint, UDP_FLOW_BUFFER)?;
    socket.connect(&endpoint.into())?;
    Ok(socket.into())
}

/// Options of both sides of a flow: datagrams keep their DSCP and ECN, and may be fragmented. The size of a datagram is
/// the sender's choice; with path MTU discovery those that do not fit would vanish, and only weir would hear why.
fn set_datagram_options(socket: &Socket, address: SocketAddr, buffer: usize) -> io::Result<()> {
    if address.is_ipv4() {
        sockopt::set_ip_recvtos(socket, true)?;
        sockopt::set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::DONT)?;
    } else {
        sockopt::set_ipv6_recvtclass(socket, true)?;
        sockopt::set_ipv6_mtu_discover(socket, Ipv6PathMtuDiscovery::DONT)?;
    }
    // Less room than asked for is still a working socket.
    let _ = (socket.set_recv_buffer_size(buffer), socket.set_send_buffer_size(buffer));
    Ok(())
}
