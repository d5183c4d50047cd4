//! Which local sockets serve which Service addresses? (bind mode; pure)

pub(crate) mod loopback;
pub(crate) mod mapping;

use crate::routing::binding::Binding;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use weir_core::{
    Claim, Claims, Frontend, FrontendKind, PerFamily, Protocol, ResolvedService, ServiceKey, claims,
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

/// The bindings of one Service. `mapped` are the loopback addresses of cluster IPs that are not local.
pub(crate) fn bindings(
    served: &ResolvedService,
    plan_context: &PlanContext,
    mapped: PerFamily<Option<Ipv4Addr>>,
) -> Vec<Binding> {
    let lowest = plan_context.map_loopback.unwrap_or(1);
    let claims = claims(served, &plan_context.node_addresses);
    let relayed = claims.filter(|claim| claim.frontend.protocol != Protocol::Sctp);
    let binding = |Claim { frontend, kind, port }| Binding {
        listen: listen(frontend, kind, *mapped.get(port.family), lowest),
        frontend: frontend.address,
        kind,
        port,
    };
    relayed.map(binding).collect()
}

/// Where a frontend is listened for. `mapped` is the loopback address of the cluster IP, `lowest` the lowest port that may be
/// bound there.
fn listen(frontend: Frontend, kind: FrontendKind, mapped: Option<Ipv4Addr>, lowest: u16) -> Frontend {
    let (FrontendKind::ClusterIp, Some(ip)) = (kind, mapped) else { return frontend };
    let address = SocketAddr::new(ip.into(), shifted(frontend.address.port(), lowest));
    Frontend { address, ..frontend }
}

/// The port to bind for `port`, shifted up if it is below `lowest`. A port that is too high to shift stays, and its
/// failure to bind is reported.
fn shifted(port: u16, lowest: u16) -> u16 {
    match port >= lowest {
        true => port,
        false => port.checked_add(PORT_SHIFT).unwrap_or(port),
    }
}

#[cfg(test)]
mod tests;
