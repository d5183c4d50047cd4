//! What does the kernel know of one TCP connection? Asked over netlink (sock_diag(7)); needs no capability.
//!
//! It says less of a connection that has ended, and then nothing: an own socket says the same for as long as it is open, by
//! TCP_INFO ([`tcp_info::TcpInfo::of`]).

pub(crate) mod dump;
pub(crate) mod send_queue;
pub(crate) mod tcp_info;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::{
    SockDiagMessage,
    constants::{AF_INET, AF_INET6, IPPROTO_TCP, TCP_ESTABLISHED},
    inet::{ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags},
};
use netlink_sys::{Socket, SocketAddr as NetlinkAddress, protocols::NETLINK_SOCK_DIAG};
use socket2::SockRef;
use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::fd::AsFd,
    sync::OnceLock,
};
use weir_core::PeerReport;

/// Bytes of room for an answer; one is about 500 bytes long.
const ANSWER_BYTES: usize = 8 << 10;

/// Addresses and cookie of a connected socket, by which the kernel finds it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SocketKey {
    local: SocketAddr,
    peer: SocketAddr,
    cookie: u64,
}

impl SocketKey {
    /// The key of a connected socket.
    pub(crate) fn of(socket: &impl AsFd) -> io::Result<Self> {
        let socket = SockRef::from(socket);
        let address = |address: socket2::SockAddr| address.as_socket().ok_or(io::ErrorKind::Unsupported);
        let (local, peer) = (address(socket.local_addr()?)?, address(socket.peer_addr()?)?);
        Ok(Self { local, peer, cookie: socket.cookie()? })
    }

    fn id(&self) -> SocketId {
        SocketId {
            source_port: self.local.port(),
            destination_port: self.peer.port(),
            source_address: self.local.ip(),
            destination_address: self.peer.ip(),
            interface_id: match self.peer {
                SocketAddr::V6(peer) => peer.scope_id(),
                SocketAddr::V4(_) => 0,
            },
            cookie: self.cookie.to_ne_bytes(),
        }
    }
}

/// A netlink socket for questions about TCP connections of this network namespace.
pub(crate) struct SockDiag {
    socket: Socket,
    answer: Vec<u8>,
}

impl SockDiag {
    /// Opens the socket.
    pub(crate) fn open() -> io::Result<Self> {
        let socket = Socket::new(NETLINK_SOCK_DIAG)?;
        socket.connect(&NetlinkAddress::new(0, 0))?;
        // The kernel answers within the call that asks: nothing need be waited for.
        socket.set_non_blocking(true)?;
        Ok(Self { socket, answer: Vec::with_capacity(ANSWER_BYTES) })
    }

    /// Asks about the peer of one connection. Fails with [`io::ErrorKind::NotFound`] if the connection has ended.
    pub(crate) fn report(&mut self, key: &SocketKey) -> io::Result<PeerReport> {
        report(&*self.response(key)?)
    }

    /// Asks for the bytes of one connection, and the end of its stream as one more, that its peer has not acknowledged.
    /// Fails with [`io::ErrorKind::NotFound`] if the connection has ended.
    pub(crate) fn unacknowledged_bytes(&mut self, key: &SocketKey) -> io::Result<u32> {
        Ok(self.response(key)?.header.send_queue)
    }

    fn response(&mut self, key: &SocketKey) -> io::Result<Box<InetResponse>> {
        match self.ask(NLM_F_REQUEST, key.id(), StateFlags::all())? {
            NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response)) => Ok(response),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Asks about connections in none of all states, which succeeds where connections can be asked about.
    fn check(&mut self) -> io::Result<()> {
        let nobody = SocketKey {
            local: (Ipv4Addr::UNSPECIFIED, 0).into(),
            peer: (Ipv4Addr::UNSPECIFIED, 0).into(),
            cookie: u64::MAX,
        };
        self.ask(NLM_F_REQUEST | NLM_F_DUMP, nobody.id(), StateFlags::empty()).map(drop)
    }

    fn ask(
        &mut self,
        flags: u16,
        socket_id: SocketId,
        states: StateFlags,
    ) -> io::Result<NetlinkPayload<SockDiagMessage>> {
        self.socket.send(&message(flags, socket_id, states), 0)?;
        self.answer.clear();
        self.socket.recv(&mut self.answer, 0)?;
        let answer = NetlinkMessage::deserialize(&self.answer)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        match answer.payload {
            NetlinkPayload::Error(error) if error.code.is_some() => Err(error.to_io()),
            payload => Ok(payload),
        }
    }
}

/// A question about TCP sockets in these states.
fn message(flags: u16, socket_id: SocketId, states: StateFlags) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = flags;
    let request = InetRequest {
        family: if matches!(socket_id.source_address, IpAddr::V4(_)) { AF_INET } else { AF_INET6 },
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::INFO,
        states,
        socket_id,
    };
    let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
    message.finalize();
    let mut question = vec![0; message.buffer_len()];
    message.serialize(&mut question);
    question
}

/// Whether the kernel can be asked about TCP connections of this network namespace. Found out once.
///
/// # Errors
/// Why not: netlink is blocked, or the module `tcp_diag` is missing.
pub fn availability() -> Result<(), &'static str> {
    static AVAILABILITY: OnceLock<Result<(), String>> = OnceLock::new();
    let check =
        || SockDiag::open().and_then(|mut sock_diag| sock_diag.check()).map_err(|error| error.to_string());
    AVAILABILITY.get_or_init(check).as_ref().map(|&()| ()).map_err(String::as_str)
}

fn report(response: &InetResponse) -> io::Result<PeerReport> {
    let liveness = tcp_info::of_response(response).and_then(tcp_info::liveness);
    let (probes, silence, retransmitted) = liveness.ok_or(io::ErrorKind::InvalidData)?;
    Ok(PeerReport {
        outstanding: response.header.send_queue > 0,
        established: response.header.state == TCP_ESTABLISHED,
        silence,
        retransmitted,
        probes: probes.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::Write,
        net::{TcpListener, TcpStream},
        time::Duration,
    };

    fn connected(address: &str) -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind(address).unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (near, listener.accept().unwrap().0)
    }

    #[test]
    fn the_kernel_says_whether_bytes_wait_for_a_peer_that_does_not_read() {
        assert_eq!(availability(), Ok(()));
        let mut sock_diag = SockDiag::open().unwrap();
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let (mut near, far) = connected(address);
            let key = SocketKey::of(&near).unwrap();
            let report = sock_diag.report(&key).unwrap();
            assert!(!report.outstanding && report.established && report.probes == 0, "{report:?}");
            assert!(report.silence < Duration::from_secs(60), "{report:?}");
            near.set_nonblocking(true).unwrap();
            while near.write(&[0; 65_536]).is_ok() {}
            assert!(sock_diag.report(&key).unwrap().outstanding);
            drop((near, far));
            assert_eq!(sock_diag.report(&key).unwrap_err().kind(), io::ErrorKind::NotFound);
        }
    }
}
