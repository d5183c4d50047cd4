//! Which local sockets serve which Service addresses? (bind mode; pure)

pub(crate) mod loopback;

use crate::routing::binding::Binding;
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroU16,
};
use weir_core::{
    Claim, Claims, Family, Frontend, FrontendKind, Protocol, ResolvedService, ServiceKey, claims,
};

/// Distance by which a port below the lowest one that may be bound is shifted up (`--map loopback`).
const PORT_SHIFT: u16 = 20_000;

/// All bindings that are wanted, with one winner where several Service ports claim one address.
pub(crate) type Plan = Claims<Frontend, Binding>;

/// Replaces the bindings of one Service; returns the addresses that may be affected.
pub(crate) fn replace(plan: &mut Plan, service: &ServiceKey, bindings: Vec<Binding>) -> Vec<Frontend> {
    plan.replace(service, bindings.into_iter().map(|binding| (binding.listen, binding)))
}

/// Facts about this host that decide, beside the Services, which addresses are bound.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PlanContext {
    /// Addresses at which node ports are served.
    pub(crate) node_addresses: Vec<IpAddr>,
    /// Lowest port that may be bound, with `--map loopback`; `None` without.
    pub(crate) map_loopback: Option<u16>,
}

/// The bindings of one Service. `mapped` is its loopback address if its cluster IPs are not local.
pub(crate) fn bindings(
    served: &ResolvedService,
    plan_context: &PlanContext,
    mapped: Option<Ipv4Addr>,
) -> Vec<Binding> {
    let mut found = Vec::new();
    let both_families = served.ports.iter().any(|port| port.family == Family::V4);
    for Claim { frontend, kind, port } in claims(served, &plan_context.node_addresses) {
        let address = match (kind, mapped) {
            _ if frontend.protocol == Protocol::Sctp => continue,
            // A mapped Service has one address; a second family would claim the same.
            (FrontendKind::ClusterIp, Some(_)) if both_families && port.family == Family::V6 => continue,
            (FrontendKind::ClusterIp, Some(ip)) => {
                SocketAddr::new(ip.into(), shifted(port.port, plan_context.map_loopback.unwrap_or(1)))
            }
            _ => frontend.address,
        };
        let listen = Frontend { protocol: frontend.protocol, address };
        found.push(Binding { listen, frontend: frontend.address, kind, port });
    }
    found
}

/// The port to bind for `port`, shifted up if it is below `lowest`. A port that is too high to shift stays, and its
/// failure to bind is reported.
fn shifted(port: NonZeroU16, lowest: u16) -> u16 {
    let allowed = port.get() >= lowest;
    let shifted = port.checked_add(PORT_SHIFT).filter(|_| !allowed);
    shifted.unwrap_or(port).get()
}

#[cfg(test)]
mod tests;
