//! How are sockets opened? Every socket option of the data plane is set here.

use super::{hop_limit, peer::watch_peer, self_connect, source_filter};
use ipnet::IpNet;
use nix::sys::socket::{
    setsockopt,
    sockopt::{IpBindAddressNoPort, Ipv4OrigDstAddr, Ipv6OrigDstAddr, RcvBufForce, SndBufForce},
};
use rustix::net::sockopt::{self, Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};
use socket2::{Domain, Protocol as Transport, SockAddr, SockRef, Socket, Type};
use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    os::fd::AsFd,
    time::Duration,
};
use weir_core::{Frontend, HopLimit, Protocol, Settings, SourcePortChoice};

/// Connections that may wait to be accepted; the kernel caps this at `net.core.somaxconn`.
pub(crate) const MAX_BACKLOG: usize = 4096;

/// Connections that may wait to be accepted where `connections` may be open. A flood leaves a full queue behind, of
/// clients that are gone, which must not take long to get through.
pub(crate) fn backlog(connections: usize) -> usize {
    connections.saturating_mul(4).clamp(64, MAX_BACKLOG)
}

/// Bytes of room for datagrams that arrive while a worker is busy, or leave faster than a device takes them. The kernel
/// caps this at `net.core.rmem_max` and `net.core.wmem_max`.
const UDP_BUFFER_BYTES: usize = 4 << 20;

/// Bytes of room for datagrams of one flow, as [`UDP_BUFFER_BYTES`].
const UDP_FLOW_BUFFER_BYTES: usize = 1 << 20;

/// Options of a socket that faces clients.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options<'a> {
    /// Networks whose packets get through; `None` means all.
    pub(crate) allowed_sources: Option<&'a [IpNet]>,
    /// Silence after which TCP clients count as dead.
    pub(crate) dead_peer_timeout: Duration,
    /// Mark of packets to clients, for a socket whose address need not be one of this host (node mode).
    pub(crate) foreign: Option<u32>,
}

/// Opens `count` capture sockets on localhost, which receive packets that were sent to other addresses, together with
/// these. Packets to clients have `mark`.
pub(crate) fn open_capture_group(
    address: Frontend,
    mark: u32,
    count: usize,
    backlog: usize,
) -> io::Result<Vec<Socket>> {
    let dead_peer_timeout = Settings::default().dead_peer_timeout;
    let options = Options { allowed_sources: None, dead_peer_timeout, foreign: Some(mark) };
    let group = open_group(address, options, count, backlog)?;
    for socket in group.iter().filter(|_| address.protocol == Protocol::Udp) {
        match address.address {
            SocketAddr::V4(_) => setsockopt(socket, Ipv4OrigDstAddr, &true)?,
            SocketAddr::V6(_) => setsockopt(socket, Ipv6OrigDstAddr, &true)?,
        }
    }
    Ok(group)
}

/// Opens a UDP socket for replies that must come from `address`, which need not be one of this host. Nothing is
/// received there: what the rules do not bring to a capture socket is not for weir. Workers share the address.
pub(crate) fn udp_replying(address: SocketAddr, mark: Option<u32>) -> io::Result<std::net::UdpSocket> {
    let protocol = Protocol::Udp;
    let options = Options { allowed_sources: Some(&[]), dead_peer_timeout: Duration::MAX, foreign: mark };
    let socket = unbound(Frontend { protocol, address }, options)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Opens `count` sockets on one address, for as many workers; the kernel spreads clients over them.
///
/// The first socket is bound alone: SO_REUSEPORT from the start would silently share the address with any other process of
/// the same user, a second weir for instance.
///
/// `backlog` TCP clients may wait on each socket.
pub(crate) fn open_group(
    address: Frontend,
    options: Options<'_>,
    count: usize,
    backlog: usize,
) -> io::Result<Vec<Socket>> {
    let first = unbound(address, options)?;
    first.bind(&address.address.into())?;
    first.set_reuse_port(true)?;
    // The kernel may have chosen the port.
    let bound = first.local_addr()?;
    let mut group = vec![first];
    for _ in 1..count {
        group.push(sharing(address, &bound, options)?);
    }
    if address.protocol == Protocol::Tcp {
        group.iter().try_for_each(|socket| socket.listen(backlog as i32))?;
    }
    Ok(group)
}

/// The port of a bound socket.
pub(crate) fn port(socket: &Socket) -> io::Result<u16> {
    let address = socket.local_addr()?.as_socket();
    Ok(address.map_or(0, |address| address.port()))
}

/// Opens another socket of a group at `bound`.
pub(super) fn sharing(address: Frontend, bound: &SockAddr, options: Options<'_>) -> io::Result<Socket> {
    let socket = unbound(address, options)?;
    socket.set_reuse_port(true)?;
    socket.bind(bound)?;
    Ok(socket)
}

fn unbound(address: Frontend, options: Options<'_>) -> io::Result<Socket> {
    let (kind, transport) = match address.protocol {
        Protocol::Udp => (Type::DGRAM, Transport::UDP),
        _ => (Type::STREAM, Transport::TCP),
    };
    let socket = Socket::new(Domain::for_address(address.address), kind.nonblocking(), Some(transport))?;
    if address.address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    set_options(&socket, address, options)?;
    if options.allowed_sources.is_some() {
        set_allowed_sources(&socket, address, options.allowed_sources)?;
    }
    Ok(socket)
}

/// Sets the options of a socket that faces clients, bound or not.
pub(super) fn set_options(socket: &Socket, address: Frontend, options: Options<'_>) -> io::Result<()> {
    let Options { dead_peer_timeout, foreign, .. } = options;
    if let Some(mark) = foreign {
        set_transparent(socket, address.address)?;
        socket.set_mark(mark)?;
    }
    if address.protocol == Protocol::Udp {
        set_datagram_options(socket, address.address, UDP_BUFFER_BYTES, foreign.is_some())?;
        hop_limit::receive_with_datagrams(socket, address.address.is_ipv4())?;
    } else {
        socket.set_reuse_address(true)?;
        // Accepted connections inherit these from the listening socket, which saves the calls for each of them.
        socket.set_tcp_nodelay(true)?;
        socket.set_out_of_band_inline(true)?;
        watch_peer(socket, dead_peer_timeout)?;
    }
    Ok(())
}

/// Makes the kernel drop packets from sources that are not allowed, from now on. A list too long for a filter is
/// checked for each connection instead.
pub(crate) fn set_allowed_sources(
    socket: &impl AsFd,
    address: Frontend,
    allowed_sources: Option<&[IpNet]>,
) -> io::Result<()> {
    let socket = SockRef::from(socket);
    match allowed_sources.and_then(|sources| source_filter::program(sources, address.address.is_ipv4())) {
        Some(program) => socket.attach_filter(&program),
        None => match socket.detach_filter() {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            // ENOENT: there was no filter.
            _ => Ok(()),
        },
    }
}

/// Mark, source address and hop limit of a socket to an endpoint.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Egress<'a> {
    /// Mark of packets that leave the socket (socket(7), SO_MARK).
    pub(crate) mark: Option<u32>,
    /// Address that the endpoint is to see; port 0 means any port. `None` leaves both to the kernel.
    pub(crate) source: Option<SocketAddr>,
    /// Ports to use instead of the source's own, which is a client's (semantics M4).
    pub(crate) ports: Option<SourcePortChoice<'a>>,
    /// Hop limit of packets that leave the socket; `None` for this host's own.
    pub(crate) hop_limit: Option<HopLimit>,
    /// Whether bytes wait that leave as soon as the endpoint has accepted: the handshake's ACK leaves with them.
    pub(crate) bytes_wait: bool,
}

impl Egress<'_> {
    /// Marks a socket and gives it the hop limit and the source address.
    fn apply(self, socket: &Socket, endpoint: SocketAddr) -> io::Result<()> {
        if let Some(hop_limit) = self.hop_limit {
            hop_limit::set(socket, endpoint.is_ipv4(), hop_limit)?;
        }
        if let Some(mark) = self.mark {
            socket.set_mark(mark)?;
            // Also for a socket with an address of this host: by this option the rules know, even in TIME_WAIT, that
            // packets from an endpoint are for weir.
            set_transparent(socket, endpoint)?;
        }
        let Some(source) = self.source else { return Ok(()) };
        if source.port() == 0 {
            // The port is chosen when the socket connects: it need only be free towards that endpoint (ip(7)).
            setsockopt(socket, IpBindAddressNoPort, &true)?;
        }
        socket.bind(&source.into())
    }

    /// Opens a socket from one of the ports, whichever is free towards the endpoint. The kernel knows, also of sockets of
    /// another weir: TCP fails when it connects from an address and port that are in use towards that very endpoint, and UDP
    /// when it is bound where any other socket is (no SO_REUSEADDR, by which two might hear the same endpoint).
    fn open<T>(self, open: impl Fn(Self) -> io::Result<T>) -> io::Result<T> {
        let (Some(source), Some(ports)) = (self.source, self.ports) else { return open(self) };
        let taken =
            |error: &io::Error| matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable);
        for port in ports.candidates() {
            match open(Self { source: Some(SocketAddr::new(source.ip(), port)), ports: None, ..self }) {
                Err(error) if taken(&error) => {}
                opened => return opened,
            }
        }
        Err(ErrorKind::AddrNotAvailable.into())
    }
}

/// Lets a socket have an address that is not this host's (ip(7), IP_TRANSPARENT; needs CAP_NET_ADMIN).
pub(super) fn set_transparent(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    match address {
        SocketAddr::V4(_) => socket.set_ip_transparent_v4(true),
        SocketAddr::V6(_) => socket.set_ip_transparent_v6(true),
    }
}

/// Opens a socket that begins to connect to an endpoint.
///
/// The peer is not watched yet: connections that end at once need no watch, and four system calls are saved for each of
/// them.
pub(crate) fn tcp_connecting(endpoint: SocketAddr, egress: Egress<'_>) -> io::Result<std::net::TcpStream> {
    egress.open(|egress| tcp_from(egress, endpoint))
}

fn tcp_from(egress: Egress<'_>, endpoint: SocketAddr) -> io::Result<std::net::TcpStream> {
    let socket =
        Socket::new(Domain::for_address(endpoint), Type::STREAM.nonblocking(), Some(Transport::TCP))?;
    socket.set_tcp_nodelay(true)?;
    // An urgent byte is one like others, and nobody asks for it by itself.
    socket.set_out_of_band_inline(true)?;
    if egress.source.is_some() {
        // One port serves towards many endpoints.
        socket.set_reuse_address(true)?;
    }
    egress.apply(&socket, endpoint)?;
    if egress.bytes_wait {
        socket.set_tcp_quickack(false)?;
    }
    match socket.connect(&endpoint.into()) {
        Err(error) if error.raw_os_error() != Some(EINPROGRESS) => Err(error),
        _ => Ok(socket.into()),
    }
}

const EINPROGRESS: i32 = rustix::io::Errno::INPROGRESS.raw_os_error();

/// Opens a UDP socket that is connected to one endpoint.
pub(crate) fn udp_connected(endpoint: SocketAddr, egress: Egress<'_>) -> io::Result<std::net::UdpSocket> {
    egress.open(|egress| udp_from(egress, endpoint))
}

fn udp_from(egress: Egress<'_>, endpoint: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let socket = Socket::new(Domain::for_address(endpoint), Type::DGRAM.nonblocking(), Some(Transport::UDP))?;
    set_datagram_options(&socket, endpoint, UDP_FLOW_BUFFER_BYTES, egress.mark.is_some())?;
    egress.apply(&socket, endpoint)?;
    socket.connect(&endpoint.into())?;
    match self_connect::refusal(&socket, endpoint) {
        Some(error) => Err(error),
        None => Ok(socket.into()),
    }
}

/// Sets the options of both sides of a flow: datagrams keep their DSCP and ECN, and may be fragmented. The size of a
/// datagram is the choice of its sender; with path MTU discovery datagrams that do not fit would vanish, and only weir
/// would hear why.
fn set_datagram_options(
    socket: &Socket,
    address: SocketAddr,
    buffer_bytes: usize,
    in_node_mode: bool,
) -> io::Result<()> {
    if address.is_ipv4() {
        sockopt::set_ip_recvtos(socket, true)?;
        sockopt::set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::DONT)?;
    } else {
        sockopt::set_ipv6_recvtclass(socket, true)?;
        sockopt::set_ipv6_mtu_discover(socket, Ipv6PathMtuDiscovery::DONT)?;
    }
    // Less room than asked for is still a working socket.
    if in_node_mode {
        // The capability that node mode needs goes beyond what the kernel allows to others.
        let _ =
            (setsockopt(socket, RcvBufForce, &buffer_bytes), setsockopt(socket, SndBufForce, &buffer_bytes));
    } else {
        let _ = (socket.set_recv_buffer_size(buffer_bytes), socket.set_send_buffer_size(buffer_bytes));
    }
    Ok(())
}
