//! Has a bridge of this host changed? The kernel notifies of interfaces and their addresses; routes and settings of bridges have
//! to be looked at from time to time.

use super::bridges::{Bridge, network};
use netlink_sys::{AsyncSocket, AsyncSocketExt, TokioSocket, protocols::NETLINK_ROUTE};
use rtnetlink::{
    packet_core::NetlinkMessage, packet_core::NetlinkPayload, packet_route::RouteNetlinkMessage,
};
use rustix::io::Errno;
use std::{fmt, io};

/// Multicast groups of changes of interfaces and addresses: RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR.
const GROUPS: [u32; 3] = [1, 5, 9];

/// Bytes read at once: more than the kernel puts into one datagram.
const MAX_DATAGRAM: usize = 1 << 16;

/// A netlink socket that receives the notifications of changes of interfaces.
pub struct BridgeMonitor(TokioSocket);

impl fmt::Debug for BridgeMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BridgeMonitor").finish_non_exhaustive()
    }
}

impl BridgeMonitor {
    /// Opens the socket; changes from now on are told.
    ///
    /// # Errors
    /// When netlink cannot be used.
    pub fn open() -> io::Result<Self> {
        let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
        socket.socket_mut().bind_auto()?;
        for group in GROUPS {
            socket.socket_ref().add_membership(group)?;
        }
        Ok(Self(socket))
    }

    /// Waits until a bridge or an address may have changed since the last call. Safe to cancel.
    ///
    /// # Errors
    /// When the socket cannot be read any more.
    pub async fn changed(&mut self) -> io::Result<()> {
        let mut datagram = Vec::with_capacity(MAX_DATAGRAM);
        loop {
            datagram.clear();
            match self.0.recv(&mut datagram).await {
                Ok(()) if concerns_bridges(&datagram) => break,
                Ok(()) => {}
                // Some notifications were lost; one about a bridge may have been among them.
                Err(error) if error.raw_os_error() == Some(Errno::NOBUFS.raw_os_error()) => break,
                Err(error) => return Err(error),
            }
        }
        // One look will do for all that has come.
        loop {
            datagram.clear();
            if self.0.socket_ref().recv(&mut datagram, 0).is_err() {
                return Ok(());
            }
        }
    }
}

/// Whether a datagram notifies of a bridge, or of an address that is not link-local. Pods bring many other changes.
fn concerns_bridges(mut datagram: &[u8]) -> bool {
    while !datagram.is_empty() {
        let Ok(message) = NetlinkMessage::<RouteNetlinkMessage>::deserialize(datagram) else { return true };
        // Messages begin at multiples of four bytes (netlink(7)).
        let length = (message.header.length as usize).next_multiple_of(4).max(4);
        datagram = datagram.get(length..).unwrap_or_default();
        let concerns = match &message.payload {
            NetlinkPayload::InnerMessage(
                RouteNetlinkMessage::NewLink(link) | RouteNetlinkMessage::DelLink(link),
            ) => Bridge::of(link).is_some(),
            NetlinkPayload::InnerMessage(
                RouteNetlinkMessage::NewAddress(address) | RouteNetlinkMessage::DelAddress(address),
            ) => network(address).is_some(),
            _ => false,
        };
        if concerns {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_testkit::Namespace;

    /// Whether the kernel has told of a bridge since the last call. It tells before the command that changes something ends.
    fn is_told(monitor: &BridgeMonitor) -> bool {
        let (mut datagram, mut told) = (Vec::with_capacity(MAX_DATAGRAM), false);
        while monitor.0.socket_ref().recv(&mut datagram, 0).is_ok() {
            told |= concerns_bridges(&datagram);
            datagram.clear();
        }
        told
    }

    #[test]
    fn changes_of_bridges_and_addresses_are_told_and_those_of_other_interfaces_are_not() {
        let Some(host) = Namespace::create("host") else { return };
        host.ip_lines("link add cni0 type bridge\n").unwrap();
        let told = host.run(|| async {
            let monitor = BridgeMonitor::open().unwrap();
            let changes = [
                "link set cni0 address 02:00:00:00:00:07",
                "link add veth0 type veth peer name veth1\nlink set veth0 mtu 1400 up",
                "address add 10.244.0.1/24 dev cni0",
                "address add fe80::7/64 dev cni0",
                "link del cni0",
            ];
            changes.map(|change| {
                host.ip_lines(&format!("{change}\n")).unwrap();
                is_told(&monitor)
            })
        });
        assert_eq!(told.unwrap(), [true, false, true, false, true]);
    }

    #[test]
    fn whoever_waits_hears_of_a_bridge() {
        let Some(host) = Namespace::create("host") else { return };
        let heard = host.run(|| async {
            let mut monitor = BridgeMonitor::open().unwrap();
            host.ip_lines("link add cni0 type bridge\n").unwrap();
            let heard = tokio::time::timeout(std::time::Duration::from_secs(30), monitor.changed()).await;
            heard.is_ok() && !is_told(&monitor)
        });
        assert!(heard.unwrap());
    }
}
