//! Which flow is it, and which hash does it have on every node and in every release?

use super::service::Protocol;
use siphasher::sip::SipHasher13;
use std::{
    hash::Hasher,
    net::{IpAddr, SocketAddr},
};

/// The 5-tuple of a connection or UDP flow, as the client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// The transport protocol.
    pub protocol: Protocol,
    /// The client's address and port.
    pub client: SocketAddr,
    /// The address and port that the client dialled.
    pub frontend: SocketAddr,
}

impl Flow {
    /// A hash that is the same on every node and in every release: another one would move flows while a cluster is upgraded
    /// node by node.
    pub fn hash(&self) -> u64 {
        let mut hasher = stable_hasher(FLOW_KEY);
        hasher.write(&[self.protocol.number()]);
        hasher.write(&address_bytes(self.client));
        hasher.write(&address_bytes(self.frontend));
        hasher.finish()
    }
}

/// The purpose of flow hashes.
const FLOW_KEY: u64 = 0;

/// SipHash-1-3 with a fixed key, the same on every node and in every release. Hashes for different `purpose`s are independent.
pub(crate) fn stable_hasher(purpose: u64) -> SipHasher13 {
    SipHasher13::new_with_keys(0x7765_6972_2e66_6c6f, purpose)
}

/// Address and port as 18 bytes in network byte order, IPv4 in its mapped form.
pub(crate) fn address_bytes(address: SocketAddr) -> [u8; 18] {
    let ip = match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    let mut bytes = [0; 18];
    bytes[..16].copy_from_slice(&ip.octets());
    bytes[16..].copy_from_slice(&address.port().to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(client: &str, frontend: &str) -> Flow {
        Flow { protocol: Protocol::Tcp, client: client.parse().unwrap(), frontend: frontend.parse().unwrap() }
    }

    #[test]
    fn the_hash_is_the_same_on_every_node_and_release() {
        assert_eq!(flow("10.244.0.1:40000", "10.96.0.10:80").hash(), 0xa841_b96f_673c_2aa5);
        assert_eq!(flow("[fd00::1]:40000", "[fd00:96::a]:80").hash(), 0xca60_1222_3f6b_646f);
    }

    #[test]
    fn every_part_of_the_tuple_counts() {
        let base = flow("10.244.0.1:40000", "10.96.0.10:80");
        let udp = Flow { protocol: Protocol::Udp, ..base };
        let others =
            [flow("10.244.0.1:40001", "10.96.0.10:80"), flow("10.244.0.1:40000", "10.96.0.10:81"), udp];
        for other in others {
            assert_ne!(base.hash(), other.hash(), "{other:?}");
        }
    }
}
