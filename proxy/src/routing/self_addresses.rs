//! Which addresses does this proxy itself answer at? (pure)
//!
//! An endpoint at such an address would bring connections back to where they come from: A -> B -> A, until descriptors
//! run out.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};
use weir_core::{Frontend, Protocol};

/// The addresses of all open sockets, and the others that clients reach them by.
#[derive(Debug, Default)]
pub(crate) struct SelfAddresses {
    /// The open sockets, and the Service address of each one for which that is another one than its own.
    frontends: HashMap<Frontend, Option<Box<SocketAddr>>>,
    /// By how many open sockets each other address is answered.
    others: HashMap<Frontend, usize>,
}

impl SelfAddresses {
    /// Whether a connection to this address comes back here.
    pub(crate) fn contains(&self, protocol: Protocol, address: SocketAddr) -> bool {
        let frontend = Frontend { protocol, address };
        self.frontends.contains_key(&frontend) || self.others.contains_key(&frontend)
    }

    /// Takes note of the Service address that a socket serves now, `None` if it is not open; returns the addresses for
    /// which that may have changed something.
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

/// A mapped Service has two addresses. Whoever connects to no address in particular reaches localhost.
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
