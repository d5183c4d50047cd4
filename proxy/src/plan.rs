//! Which local sockets serve which Service addresses? (bind mode; pure)

pub(crate) mod loopback;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroU16,
    sync::Arc,
};
use weir_core::{
    Audience, Claim, Claimant, Claims, Family, FrontendKind, Protocol, Rank, ServedService, ServiceKey,
    ServicePort, claims,
};

/// A port below the lowest one that may be bound is served this much higher (with `--map loopback`).
const PORT_SHIFT: u16 = 20_000;

/// The address of a listening socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Socket {
    pub(crate) protocol: Protocol,
    pub(crate) address: SocketAddr,
}

/// What one listening socket serves.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Binding {
    /// Where it listens.
    pub(crate) socket: Socket,
    /// The Service address that it stands for: the same unless it is mapped.
    pub(crate) frontend: SocketAddr,
    /// What kind of address that is.
    pub(crate) kind: FrontendKind,
    /// The Service port behind it.
    pub(crate) port: Arc<ServicePort>,
}

impl Binding {
    /// Who can be served now; `None` means that the socket must not be open (semantics N1).
    pub(crate) fn audience(&self) -> Option<Audience> {
        self.port.audience(self.kind)
    }
}

impl Claimant for Binding {
    fn rank(&self) -> Rank<'_> {
        Rank::of(self.kind, &self.port.key)
    }
}

/// All bindings wanted, with one winner where several Service ports claim the same socket.
pub(crate) type Plan = Claims<Socket, Binding>;

/// Puts the bindings of one Service in place of its earlier ones; returns the sockets that may be affected.
pub(crate) fn replace(plan: &mut Plan, service: &ServiceKey, bindings: Vec<Binding>) -> Vec<Socket> {
    plan.replace(service, bindings.into_iter().map(|binding| (binding.socket, binding)))
}

/// What decides about addresses besides the Services themselves.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Surroundings {
    /// The addresses that node ports are served on.
    pub(crate) node_addresses: Vec<IpAddr>,
    /// With `--map loopback`: the lowest port that may be bound.
    pub(crate) map_loopback: Option<u16>,
}

/// The sockets that serve one Service. `mapped` is its loopback address when its cluster IPs are not local.
pub(crate) fn bindings(
    served: &ServedService,
    around: &Surroundings,
    mapped: Option<Ipv4Addr>,
) -> Vec<Binding> {
    let mut found = Vec::new();
    let both_families = served.ports.iter().any(|port| port.family == Family::V4);
    for Claim { frontend, kind, port } in claims(served, &around.node_addresses) {
        let listen = match (kind, mapped) {
            _ if frontend.protocol == Protocol::Sctp => continue,
            // A mapped Service has one address; a second family would claim the same.
            (FrontendKind::ClusterIp, Some(_)) if both_families && port.family == Family::V6 => continue,
            (FrontendKind::ClusterIp, Some(ip)) => {
                SocketAddr::new(ip.into(), shifted(port.port, around.map_loopback.unwrap_or(1)))
            }
            _ => frontend.address,
        };
        let socket = Socket { protocol: frontend.protocol, address: listen };
        found.push(Binding { socket, frontend: frontend.address, kind, port });
    }
    found
}

/// A port that may be bound. One that is too high to shift stays as it is, and its failure to bind is reported.
fn shifted(port: NonZeroU16, lowest: u16) -> u16 {
    let allowed = port.get() >= lowest;
    let shifted = port.checked_add(PORT_SHIFT).filter(|_| !allowed);
    shifted.unwrap_or(port).get()
}

#[cfg(test)]
mod tests;
