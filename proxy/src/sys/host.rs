//! What may this process do on this host, and which addresses does the host have?

use ipnet::IpNet;
use nix::sys::socket::SockaddrStorage;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, SocketAddr, UdpSocket},
};
use weir_core::{Capabilities, Capability, PortRange};

/// Raises the limit of descriptors as far as this process may.
pub(crate) fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "cannot raise the limit of open files to its hard limit");
    }
}

/// Descriptors that this process may have open once its limit is raised (RLIMIT_NOFILE).
pub(crate) fn descriptor_limit() -> usize {
    let limit = getrlimit(Resource::Nofile).maximum;
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(1 << 20)
}

/// Whether an address can be bound on this host. Asks the kernel, which also knows of whole networks routed to `lo`.
pub(crate) fn is_local(ip: IpAddr) -> bool {
    UdpSocket::bind(SocketAddr::new(ip, 0)).is_ok()
}

/// All addresses of this host's interfaces but IPv6 link-local ones: such an address means nothing without an interface
/// (RFC 4007), and on many nodes every pod brings one, at which all Services would be looked at anew.
pub fn interface_addresses() -> BTreeSet<IpAddr> {
    let interfaces = nix::ifaddrs::getifaddrs().into_iter().flatten();
    interfaces.filter_map(|interface| ip_of(interface.address?)).filter(|&ip| !needs_interface(ip)).collect()
}

/// Networks of this host's addresses on interfaces with a wanted name; without IPv6 link-local ones.
pub(crate) fn networks_of(wanted: impl Fn(&str) -> bool) -> Vec<IpNet> {
    let interfaces = nix::ifaddrs::getifaddrs().into_iter().flatten();
    let networks = interfaces.filter(|interface| wanted(&interface.interface_name)).filter_map(|interface| {
        let (address, mask) = (ip_of(interface.address?)?, ip_of(interface.netmask?)?);
        let network = IpNet::with_netmask(address, mask).ok()?.trunc();
        (!needs_interface(address)).then_some(network)
    });
    networks.collect::<BTreeSet<_>>().into_iter().collect()
}

fn ip_of(address: SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
}

fn needs_interface(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

/// The lowest port that this process may bind: 1 with CAP_NET_BIND_SERVICE, else what the kernel leaves unprivileged.
pub(crate) fn lowest_port() -> u16 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    if Capabilities::of_status(&status).contains(Capability::NetBindService) {
        return 1;
    }
    let unprivileged = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    unprivileged.ok().and_then(|start| start.trim().parse().ok()).unwrap_or(1024)
}

/// UDP ports on which tunnels between nodes listen at all addresses of a host: VXLAN, Geneve, and VXLAN as Linux has it by
/// default. A tunnel could not be set up while a socket has its port at any address.
const TUNNEL_PORTS: [u16; 3] = [4789, 6081, 8472];

/// Ports that are not to be used as a matter of chance: those that the operator has reserved for programs of the host
/// (`net.ipv4.ip_local_reserved_ports`, for both families), and those of tunnels.
pub(crate) fn reserved_ports() -> Vec<PortRange> {
    let reserved = fs::read_to_string("/proc/sys/net/ipv4/ip_local_reserved_ports").unwrap_or_default();
    let reserved = reserved.trim().split(',').filter_map(|range| range.parse().ok());
    reserved.chain(TUNNEL_PORTS.map(|port| PortRange { first: port, last: port })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ipv6_link_local_addresses_need_an_interface() {
        for (text, needs) in [("fe80::1", true), ("febf::1", true), ("fec0::1", false), ("::1", false)] {
            assert_eq!(needs_interface(text.parse().unwrap()), needs, "{text}");
        }
        assert!(!needs_interface([169, 254, 0, 1].into()));
        assert!(interface_addresses().contains(&IpAddr::from([127, 0, 0, 1])));
    }
}
