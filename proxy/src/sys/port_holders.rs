//! Which processes of this host have a port? Asked of the kernel (sock_diag(7)), and of /proc for their names.
//!
//! Takes as long as there are sockets and processes, so it is for failures only, and for a thread that may block.

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::{
    SockDiagMessage,
    constants::{AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP},
    inet::{ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags, nlas::Nla},
};
use netlink_sys::{Socket, SocketAddr as NetlinkAddress, protocols::NETLINK_SOCK_DIAG};
use std::{
    collections::{BTreeMap, HashSet},
    fmt, fs, io,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};
use weir_core::{Frontend, Printable, Protocol};

/// Bytes of room for a part of the kernel's answer, which has at most 32 KiB (netlink(7)).
const PART_BYTES: usize = 64 << 10;

/// Longest search for the names of processes.
const MAX_SEARCH: Duration = Duration::from_secs(2);

/// A socket that has a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PortSocket {
    inode: u32,
    /// Mark of its packets; 0 also where this process lacks CAP_NET_ADMIN, by which the kernel tells.
    pub(crate) mark: u32,
}

/// Who has a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PortHolder {
    /// A process that this one may look into.
    Process { name: String, id: u32 },
    /// A process of another container, or one that this process may not look into.
    Hidden,
}

impl fmt::Display for PortHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { name, id } => write!(f, "{} (process {id})", Printable(name)),
            Self::Hidden => f.write_str(
                "a process that weir cannot see (from a container only those of that container are seen, unless it has \
                 hostPID and CAP_SYS_PTRACE; 'ss -lntup' on the host names it)",
            ),
        }
    }
}

/// The listening TCP sockets, or the UDP sockets, that keep a frontend from being bound.
pub(crate) fn sockets_at(frontend: Frontend) -> io::Result<Vec<PortSocket>> {
    let mut sockets = Vec::new();
    // A socket at all IPv6 addresses may have the IPv4 port, too.
    for family in [AF_INET, AF_INET6] {
        for response in dump(family, frontend.protocol)? {
            let (ip, port) =
                (response.header.socket_id.source_address, response.header.socket_id.source_port);
            if port == frontend.address.port() && excludes(ip, frontend.address.ip()) {
                let mark = response.nlas.iter().find_map(|nla| match nla {
                    Nla::Mark(mark) => Some(*mark),
                    _ => None,
                });
                sockets.push(PortSocket { inode: response.header.inode, mark: mark.unwrap_or_default() });
            }
        }
    }
    Ok(sockets)
}

/// Whether a socket at `ip` keeps another one from being bound at `wanted`, with one port.
fn excludes(ip: IpAddr, wanted: IpAddr) -> bool {
    let (ip, wanted) = (ip.to_canonical(), wanted.to_canonical());
    // A socket at all IPv4 addresses and one at an IPv6 address do not meet.
    ip.is_unspecified() || ip == wanted || wanted.is_unspecified() && (wanted.is_ipv6() || ip.is_ipv4())
}

/// All listening TCP sockets, or all UDP sockets, of a family in this network namespace.
fn dump(family: u8, protocol: Protocol) -> io::Result<Vec<InetResponse>> {
    let (protocol, states) = match protocol {
        Protocol::Udp => (IPPROTO_UDP, StateFlags::all()),
        _ => (IPPROTO_TCP, StateFlags::LISTEN),
    };
    let socket_id = if family == AF_INET { SocketId::new_v4() } else { SocketId::new_v6() };
    let request = InetRequest { family, protocol, extensions: ExtensionFlags::empty(), states, socket_id };
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
    message.finalize();
    let mut question = vec![0; message.buffer_len()];
    message.serialize(&mut question);
    let socket = Socket::new(NETLINK_SOCK_DIAG)?;
    socket.connect(&NetlinkAddress::new(0, 0))?;
    // The kernel answers within the calls: nothing need be waited for.
    socket.set_non_blocking(true)?;
    socket.send(&question, 0)?;
    let (mut responses, mut part) = (Vec::new(), Vec::with_capacity(PART_BYTES));
    loop {
        part.clear();
        socket.recv(&mut part, 0)?;
        let mut rest = &part[..];
        while !rest.is_empty() {
            let message = NetlinkMessage::<SockDiagMessage>::deserialize(rest)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            // Messages begin at multiples of four bytes (netlink(7)).
            let length = (message.header.length as usize).next_multiple_of(4).max(4);
            rest = rest.get(length..).unwrap_or_default();
            match message.payload {
                NetlinkPayload::Done(_) => return Ok(responses),
                NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response)) => {
                    responses.push(*response);
                }
                NetlinkPayload::Error(error) if error.code.is_some() => return Err(error.to_io()),
                _ => {}
            }
        }
    }
}

/// The processes that have these sockets open, as far as this process may know.
pub(crate) fn holders(sockets: &[PortSocket]) -> Vec<PortHolder> {
    let wanted: HashSet<u32> = sockets.iter().map(|socket| socket.inode).collect();
    let mut found = BTreeMap::new();
    let deadline = Instant::now() + MAX_SEARCH;
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        if found.len() == wanted.len() || Instant::now() > deadline {
            break;
        }
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        for inode in sockets_of(id).filter(|inode| wanted.contains(inode)) {
            let name = fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
            found.insert(inode, PortHolder::Process { name: name.trim().to_owned(), id });
        }
    }
    let mut holders: Vec<PortHolder> =
        wanted.iter().map(|inode| found.get(inode).cloned().unwrap_or(PortHolder::Hidden)).collect();
    holders.sort();
    holders.dedup();
    holders
}

/// Names of the processes that keep `address` from being listened at over TCP; `None` if the kernel knows of none, or does not
/// tell. Takes as long as there are sockets and processes: for failures, and threads that may block.
pub fn listeners_at(address: SocketAddr) -> Option<String> {
    let sockets = sockets_at(Frontend { protocol: Protocol::Tcp, address }).ok()?;
    (!sockets.is_empty()).then(|| named(&holders(&sockets)))
}

/// Names of the holders of a port.
pub(crate) fn named(holders: &[PortHolder]) -> String {
    holders.iter().map(PortHolder::to_string).collect::<Vec<_>>().join(", ")
}

/// Inodes of the sockets that a process has open; none if this process may not look.
fn sockets_of(process: u32) -> impl Iterator<Item = u32> {
    let descriptors = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    descriptors.filter_map(|descriptor| {
        let target = fs::read_link(descriptor.path()).ok()?;
        target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, UdpSocket};

    #[test]
    fn who_holds_a_port_is_named_whatever_address_it_has_bound() {
        let tcp = TcpListener::bind("[::]:0").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let of =
            |protocol, port: u16| Frontend { protocol, address: SocketAddr::from(([127, 0, 0, 1], port)) };
        let own = fs::read_to_string("/proc/self/comm").unwrap();
        let own = PortHolder::Process { name: own.trim().to_owned(), id: std::process::id() };
        for frontend in [
            of(Protocol::Tcp, tcp.local_addr().unwrap().port()),
            of(Protocol::Udp, udp.local_addr().unwrap().port()),
        ] {
            let sockets = sockets_at(frontend).unwrap();
            assert_eq!((sockets.len(), holders(&sockets)), (1, vec![own.clone()]), "{frontend}");
        }
        let port = tcp.local_addr().unwrap().port();
        drop(tcp);
        assert_eq!(sockets_at(of(Protocol::Tcp, port)).unwrap(), []);
    }

    #[test]
    fn a_socket_excludes_those_at_its_address_and_one_at_all_addresses_those_at_any() {
        let excludes = |ip: &str, wanted: &str| excludes(ip.parse().unwrap(), wanted.parse().unwrap());
        for ip in ["127.0.0.1", "0.0.0.0", "::ffff:127.0.0.1", "::"] {
            assert!(excludes(ip, "127.0.0.1") && excludes(ip, "0.0.0.0") && excludes(ip, "::"), "{ip}");
        }
        assert!(
            !excludes("127.0.0.2", "127.0.0.1")
                && !excludes("::1", "127.0.0.1")
                && !excludes("::1", "0.0.0.0")
        );
        assert!(excludes("::1", "::") && excludes("0.0.0.0", "::"));
    }

    #[test]
    fn a_socket_that_no_visible_process_has_is_said_to_be_hidden() {
        let hidden = holders(&[PortSocket { inode: u32::MAX, mark: 0 }]);
        assert_eq!(hidden, [PortHolder::Hidden]);
        assert!(hidden[0].to_string().contains("hostPID"), "{}", hidden[0]);
        let named = PortHolder::Process { name: "ng\nx".into(), id: 7 }.to_string();
        assert!(named.contains("(process 7)") && !named.contains('\n'), "{named}");
    }
}
