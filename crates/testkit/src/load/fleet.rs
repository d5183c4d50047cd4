//! How many Services does a cluster have, and of which kinds?

use std::net::{Ipv4Addr, Ipv6Addr};

/// Number of Services in a namespace.
const NAMESPACE: u32 = 20;
/// Offset of the first Service's address in its network: addresses before it are the API server's and a test's own.
const FIRST_ADDRESS: u32 = 256;
/// The node ports that an API server gives out by default.
const NODE_PORTS: std::ops::Range<u16> = 30_000..32_768;

/// A number of Services with a number of endpoints each, all of them different.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// Number of Services: with the default network at most 65,280.
    pub services: u32,
    /// Number of endpoints of each Service at first.
    pub endpoints: u32,
    /// Network of cluster IPs. The Service with index 0 gets the 256th address of the network.
    pub service_network: Ipv4Addr,
    /// Network of the second cluster IPs of dual-stack Services.
    pub second_service_network: Ipv6Addr,
    /// Shares of Services of special kinds.
    pub shares: Shares,
}

/// Percentages of Services of special kinds. A Service may be of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// With a node port, for as long as there are any.
    pub node_ports: u8,
    /// With UDP instead of TCP.
    pub udp: u8,
    /// With both families.
    pub dual_stack: u8,
}

impl Fleet {
    /// Services with one TCP port of IPv4 and a cluster IP in 172.30.0.0/16.
    pub fn new(services: u32, endpoints: u32) -> Self {
        Self {
            services,
            endpoints,
            service_network: Ipv4Addr::new(172, 30, 0, 0),
            second_service_network: Ipv6Addr::new(0xfd00, 0x172, 0x30, 0, 0, 0, 0, 0),
            shares: Shares::default(),
        }
    }

    /// The number of a pod that no Service has at first.
    pub(super) fn first_new_pod(&self) -> u32 {
        self.services * self.endpoints
    }

    /// The Services that share a namespace with this one.
    pub(super) fn neighbours(&self, index: u32) -> std::ops::Range<u32> {
        let first = index / NAMESPACE * NAMESPACE;
        first..self.services.min(first + NAMESPACE)
    }

    pub(super) fn namespace(&self, index: u32) -> String {
        format!("team-{:04}", index / NAMESPACE)
    }

    /// The cluster IP of a Service.
    pub fn cluster_ip(&self, index: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.service_network.to_bits() + FIRST_ADDRESS + index)
    }

    pub(super) fn second_cluster_ip(&self, index: u32) -> Option<Ipv6Addr> {
        let bits = self.second_service_network.to_bits() + u128::from(FIRST_ADDRESS + index);
        // Another step than the other kinds, so that they mix.
        (index / 3 % 100 < self.shares.dual_stack.into()).then(|| Ipv6Addr::from_bits(bits))
    }

    pub(super) fn protocol(&self, index: u32) -> &'static str {
        if index / 7 % 100 < self.shares.udp.into() { "UDP" } else { "TCP" }
    }

    pub(super) fn node_port(&self, index: u32) -> Option<u16> {
        let share = u32::from(self.shares.node_ports);
        let ordinal = index / 100 * share + index % 100;
        let port = u16::try_from(ordinal).ok()?.checked_add(NODE_PORTS.start)?;
        (index % 100 < share && NODE_PORTS.contains(&port)).then_some(port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn forty_four_thousand_services_have_addresses_of_their_own_in_one_network() {
        let fleet = Fleet::new(44_000, 1);
        let addresses: HashSet<Ipv4Addr> = (0..fleet.services).map(|index| fleet.cluster_ip(index)).collect();
        assert_eq!(addresses.len(), 44_000);
        assert!(addresses.iter().all(|address| address.octets()[..2] == [172, 30]));
    }

    #[test]
    fn kinds_have_their_share_and_node_ports_run_out() {
        let shares = Shares { node_ports: 10, udp: 20, dual_stack: 30 };
        let fleet = Fleet { shares, ..Fleet::new(42_000, 1) };
        let count = |of: &dyn Fn(u32) -> bool| (0..42_000).filter(|&index| of(index)).count();
        assert_eq!(count(&|index| fleet.second_cluster_ip(index).is_some()), 12_600);
        assert_eq!(count(&|index| fleet.protocol(index) == "UDP"), 8_400);
        let ports: Vec<u16> = (0..42_000).filter_map(|index| fleet.node_port(index)).collect();
        assert_eq!((ports.len(), ports.iter().collect::<HashSet<_>>().len()), (2768, 2768));
    }
}
