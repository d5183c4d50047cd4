//! What does the kernel know of live connections and of the ways to their peers?

use crate::{
    shared::connection_info::ConnectionInfo,
    sys::sock_diag::{
        dump::{ConnectedSocket, connected_sockets},
        tcp_info::TcpInfo,
    },
};
use std::{collections::HashMap, io, net::SocketAddr, os::fd::RawFd};
use weir_core::Family;

/// What the kernel knows of the two sockets of a connection; `None` of a socket that is gone, or not there yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionPaths {
    /// The socket to the client.
    pub client: Option<TcpInfo>,
    /// The socket to the endpoint.
    pub endpoint: Option<TcpInfo>,
}

/// A socket that is asked about: the position of its connection, and whether it is the client's.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    position: usize,
    of_client: bool,
}

/// Asks the kernel about the sockets of these connections, which are this process's: one answer each, in the same order.
/// Looks at `max` sockets of this network namespace at most, of whichever process; connections beyond get no answer. Blocks
/// for about two microseconds a socket, also one of somebody else: for a thread on which nobody waits, not for each
/// request, and only while somebody looks.
///
/// # Errors
/// Where the kernel cannot be asked (netlink, sock_diag).
pub fn connection_paths(connections: &[ConnectionInfo], max: usize) -> io::Result<Vec<ConnectionPaths>> {
    let mut paths = vec![ConnectionPaths::default(); connections.len()];
    let mut wanted = HashMap::new();
    for (position, connection) in connections.iter().enumerate() {
        let [client, endpoint] = connection.sockets;
        let sockets = [(client, true), (endpoint, false)];
        for (inode, of_client) in sockets.iter().filter_map(|&(socket, of)| Some((inode(socket)?, of))) {
            wanted.insert(inode, Wanted { position, of_client });
        }
    }
    let mut left = max;
    for family in [Family::V4, Family::V6] {
        if wanted.is_empty() {
            break;
        }
        let mut seen = 0;
        connected_sockets(family, left, |ConnectedSocket { inode, peer, info }| {
            seen += 1;
            let Some(Wanted { position, of_client }) = wanted.remove(&inode) else { return };
            // A descriptor may belong to another socket by now.
            if of_client && is_client(&connections[position], peer) {
                paths[position].client = Some(info);
            } else if !of_client && connections[position].endpoint == Some(peer) {
                paths[position].endpoint = Some(info);
            }
        })?;
        left = left.saturating_sub(seen);
    }
    Ok(paths)
}

/// Whether the peer of a socket is the client of a connection, or may be the proxy that speaks for the client.
fn is_client(connection: &ConnectionInfo, peer: SocketAddr) -> bool {
    match connection.via {
        Some(via) => peer.ip() == via,
        None => peer == connection.flow.client,
    }
}

/// Inode of the socket that a descriptor of this process belongs to now.
fn inode(descriptor: RawFd) -> Option<u32> {
    let link = std::fs::read_link(format!("/proc/self/fd/{descriptor}")).ok()?;
    link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}
