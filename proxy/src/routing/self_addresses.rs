//! Which addresses does this proxy itself answer at? (pure)
//!
//! An endpoint at such an address would bring connections back to this proxy: A -> B -> A, until descriptors run out.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};
use weir_core::{Frontend, Protocol};

/// Addresses of all open sockets, and other addresses that lead to them.
#[derive(Debug, Default)]
pub(crate) struct SelfAddresses {
    /// Addresses that open sockets listen at, each with its Service address if that is another one.
    frontends: HashMap<Frontend, Option<Box<SocketAddr>>>,
    /// Number of open sockets behind each other address.
    others: HashMap<Frontend, usize>,
}

impl SelfAddresses {
    /// Whether a connection to the address comes back to this proxy.
    pub(crate) fn contains(&self, protocol: Protocol, address: SocketAddr) -> bool {
        let frontend = Frontend { protocol, address };
        self.frontends.contains_key(&frontend) || self.others.contains_key(&frontend)
    }

    /// Records the Service address that is served at `listen`, `None` if no socket is open there; returns the addresses
    /// for which [`Self::contains`] may have changed.
    pub(crate) fn update(&mut self, listen: Frontend, frontend: Option<SocketAddr>) -> Vec<SocketAddr> {
        let address = listen.address;
        let before = self.frontends.get(&listen).map(|other| other.as_deref().copied().unwrap_or(address));
        if before == frontend {
            return Vec::new();
        }
        let others = |frontend| other_addresses(address, frontend);
        let (gone, new): (Vec<_>, Vec<_>) =
            (before.into_iter().flat_map(others).collect(), frontend.into_iter().flat_map(others).collect());
        for &address in &new {
            *self.others.entry(Frontend { address, ..listen }).or_default() += 1;
        }
        for &address in &gone {
            if let Entry::Occupied(mut count) = self.others.entry(Frontend { address, ..listen }) {
                *count.get_mut() -= 1;
                if *count.get() == 0 {
                    count.remove();
                }
            }
        }
        match frontend {
            Some(frontend) => {
                self.frontends.insert(listen, (frontend != address).then(|| Box::new(frontend)));
            }
            None => drop(self.frontends.remove(&listen)),
        }
        [vec![address], gone, new].concat()
    }
}

/// Other addresses that lead to a socket: the Service address of a mapped one, and for localhost the unspecified
/// address.
fn other_addresses(listen: SocketAddr, frontend: SocketAddr) -> impl Iterator<Item = SocketAddr> {
    let unspecified = match listen.ip() {
        IpAddr::V4(Ipv4Addr::LOCALHOST) => Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        IpAddr::V6(Ipv6Addr::LOCALHOST) => Some(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        _ => None,
    };
    let unspecified = unspecified.map(|ip| SocketAddr::new(ip, listen.port()));
    [(frontend != listen).then_some(frontend), unspecified].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frontend(address: &str) -> Frontend {
        Frontend { protocol: Protocol::Tcp, address: address.parse().unwrap() }
    }

    fn contains(addresses: &SelfAddresses, address: &str) -> bool {
        addresses.contains(Protocol::Tcp, address.parse().unwrap())
    }

    #[test]
    fn a_mapped_service_answers_at_both_addresses_while_its_socket_is_open() {
        let mut addresses = SelfAddresses::default();
        let (listen, service) = (frontend("127.96.0.10:20080"), "10.96.0.10:80");
        assert_eq!(addresses.update(listen, service.parse().ok()).len(), 2);
        assert!(addresses.update(listen, service.parse().ok()).is_empty(), "nothing has changed");
        assert!(contains(&addresses, "127.96.0.10:20080") && contains(&addresses, service));
        assert!(
            !addresses.contains(Protocol::Udp, listen.address) && !contains(&addresses, "10.96.0.10:20080")
        );
        addresses.update(listen, None);
        assert!(!contains(&addresses, "127.96.0.10:20080") && !contains(&addresses, service));
        assert!(addresses.others.is_empty() && addresses.frontends.is_empty());
    }

    #[test]
    fn an_address_that_two_sockets_stand_for_is_free_when_both_are_closed() {
        let mut addresses = SelfAddresses::default();
        let (first, second) = (frontend("127.0.0.2:80"), frontend("127.0.0.3:80"));
        for listen in [first, second] {
            addresses.update(listen, "10.96.0.10:80".parse().ok());
        }
        addresses.update(first, None);
        assert!(contains(&addresses, "10.96.0.10:80"));
        addresses.update(second, "10.96.0.11:80".parse().ok());
        assert!(!contains(&addresses, "10.96.0.10:80") && contains(&addresses, "10.96.0.11:80"));
    }

    #[test]
    fn localhost_is_reached_by_the_unspecified_address_too() {
        let mut addresses = SelfAddresses::default();
        addresses.update(frontend("127.0.0.1:30080"), "127.0.0.1:30080".parse().ok());
        addresses.update(frontend("[::1]:30080"), "[::1]:30080".parse().ok());
        assert!(contains(&addresses, "0.0.0.0:30080") && contains(&addresses, "[::]:30080"));
    }
}
