//! What does the kernel know of very many TCP sockets at once? One question, answered in pages.

use super::{SockDiag, message, tcp_info, tcp_info::TcpInfo};
use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::{
    SockDiagMessage,
    inet::{InetResponse, SocketId, StateFlags},
};
use std::{io, net::SocketAddr};
use weir_core::Family;

/// Bytes of room for a page of answers: the kernel fills up to 32 KiB of it (`netlink_dump` of Linux).
const PAGE_BYTES: usize = 32 << 10;

/// States of sockets that have a peer, and a connection that has not ended.
const CONNECTED: StateFlags = StateFlags::ESTABLISHED
    .union(StateFlags::FIN_WAIT1)
    .union(StateFlags::FIN_WAIT2)
    .union(StateFlags::CLOSE_WAIT)
    .union(StateFlags::LAST_ACK)
    .union(StateFlags::CLOSING);

/// One connected socket of this network namespace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectedSocket {
    /// Number of the socket's file, as in `socket:[4711]` of proc(5).
    pub(crate) inode: u32,
    pub(crate) peer: SocketAddr,
    pub(crate) info: TcpInfo,
}

/// Calls `each` for the connected TCP sockets of one family in this network namespace, of whichever process, but looks at
/// `max` sockets at most. Returns whether these were all. Takes about a microsecond for each socket, in the kernel and here:
/// nothing for a thread on which others wait.
///
/// # Errors
/// Where the kernel cannot be asked, or its answer is not understood.
pub(crate) fn connected_sockets(
    family: Family,
    max: usize,
    mut each: impl FnMut(ConnectedSocket),
) -> io::Result<bool> {
    let anybody = match family {
        Family::V4 => SocketId::new_v4(),
        Family::V6 => SocketId::new_v6(),
    };
    // A socket of its own: what is left of a dump that is not read to its end goes with it.
    let SockDiag { socket, .. } = SockDiag::open()?;
    socket.send(&message(NLM_F_REQUEST | NLM_F_DUMP, anybody, CONNECTED), 0)?;
    let mut page = Vec::with_capacity(PAGE_BYTES);
    let mut left = max;
    loop {
        page.clear();
        socket.recv(&mut page, 0)?;
        let mut rest = &page[..];
        while !rest.is_empty() {
            let answer = NetlinkMessage::<SockDiagMessage>::deserialize(rest)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            // Messages begin at multiples of four bytes (netlink(7)).
            let length = (answer.header.length as usize).next_multiple_of(4);
            rest = rest.get(length.max(1)..).unwrap_or_default();
            match answer.payload {
                NetlinkPayload::Done(_) => return Ok(true),
                NetlinkPayload::Error(error) if error.code.is_some() => return Err(error.to_io()),
                NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response)) => {
                    let Some(fewer) = left.checked_sub(1) else { return Ok(false) };
                    left = fewer;
                    if let Some(socket) = connected(&response) {
                        each(socket);
                    }
                }
                _ => {}
            }
        }
    }
}

fn connected(response: &InetResponse) -> Option<ConnectedSocket> {
    let header = &response.header;
    let id = &header.socket_id;
    let info = TcpInfo {
        unacknowledged_bytes: Some(header.send_queue),
        ..TcpInfo::read(tcp_info::of_response(response)?)?
    };
    let peer = SocketAddr::new(id.destination_address.to_canonical(), id.destination_port);
    Some(ConnectedSocket { inode: header.inode, peer, info })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        collections::HashMap,
        io::{Read, Write},
        net::{TcpListener, TcpStream},
        os::fd::AsRawFd,
        time::Instant,
    };

    fn inode(socket: &TcpStream) -> u32 {
        let link = std::fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap();
        link.to_str().unwrap().trim_start_matches("socket:[").trim_end_matches(']').parse().unwrap()
    }

    fn connected_pairs(listener: &TcpListener, count: usize) -> Vec<(TcpStream, TcpStream)> {
        let address = listener.local_addr().unwrap();
        (0..count).map(|_| (TcpStream::connect(address).unwrap(), listener.accept().unwrap().0)).collect()
    }

    #[test]
    fn a_dump_tells_of_all_sockets_however_many_pages_they_take() {
        // Some pages; at full size as many as the figures in docs/ are of.
        let count = if std::env::var_os("WEIR_FULL").is_some() { 5000 } else { 300 };
        for (family, address) in [(Family::V4, "127.0.0.1:0"), (Family::V6, "[::1]:0")] {
            let listener = TcpListener::bind(address).unwrap();
            let mut pairs = connected_pairs(&listener, count);
            let (near, far) = &mut pairs[0];
            near.write_all(b"request").unwrap();
            far.read_exact(&mut [0; 7]).unwrap();
            far.write_all(b"answers!").unwrap();
            let mut found = HashMap::new();
            let began = Instant::now();
            let complete = connected_sockets(family, usize::MAX, |socket| {
                found.insert(socket.inode, socket);
            });
            let took = began.elapsed();
            assert!(complete.unwrap());
            println!("{family:?}: a dump of {} sockets took {took:?}", found.len());
            for (near, far) in &pairs {
                for (socket, peer) in [(near, far), (far, near)] {
                    let found = &found[&inode(socket)];
                    assert_eq!(found.peer, peer.local_addr().unwrap());
                    assert!(found.info.round_trip.is_some(), "{found:?}");
                }
            }
            let near = found[&inode(&pairs[0].0)].info;
            assert_eq!((near.bytes_acknowledged, near.bytes_received), (Some(8), Some(8)), "SYN counts");
            assert_eq!(near.unacknowledged_bytes, Some(0));
        }
    }

    #[test]
    fn a_dump_ends_at_its_bound_and_says_so() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let _pairs = connected_pairs(&listener, 2);
        let mut count = 0;
        assert!(!connected_sockets(Family::V4, 3, |_| count += 1).unwrap());
        assert_eq!(count, 3);
    }

    #[test]
    fn a_socket_that_has_ended_is_in_no_dump() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (near, far) = connected_pairs(&listener, 1).remove(0);
        let ended = inode(&near);
        socket2::SockRef::from(&far).set_linger(Some(std::time::Duration::ZERO)).unwrap();
        drop(far);
        let mut there = false;
        connected_sockets(Family::V4, usize::MAX, |socket| there |= socket.inode == ended).unwrap();
        assert!(!there);
    }
}
