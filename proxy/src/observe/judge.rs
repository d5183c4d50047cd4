//! Why does an endpoint of a Service port get new connections, or why not? What Kubernetes says, then what weir has found out.

use super::endpoint_state::EndpointState;
use crate::routing::routing_table::RoutingTable;
use weir_core::{Balancer, Eligibility, Endpoint, Ineligible, ListRule, Load, Traffic};

/// Both kinds of traffic, in the order of all arrays here.
pub(super) const TRAFFIC: [Traffic; 2] = [Traffic::Cluster, Traffic::Local];

/// Judge of the endpoints of one Service port.
pub(super) struct Judge<'a> {
    routing: &'a RoutingTable,
    /// Rules of the kinds of traffic that the Service port serves.
    rules: [Option<ListRule>; 2],
}

/// One endpoint, judged.
pub(super) struct Judged<'a> {
    pub(super) load: Option<&'a Load>,
    pub(super) state: EndpointState,
    /// A word for the cause of the state; `None` if ready.
    pub(super) reason: Option<&'static str>,
    /// For each kind of traffic that is served: a word for why it gives nothing new to the endpoint, `None` if it does.
    pub(super) refusals: [Option<Option<&'static str>>; 2],
    /// Position among those from which each kind of traffic chooses.
    pub(super) positions: [Option<usize>; 2],
    pub(super) last_resort: bool,
}

impl<'a> Judge<'a> {
    pub(super) fn of(routing: &'a RoutingTable) -> Self {
        let (port, node) = (&routing.port, &routing.node_context.node);
        let rules = TRAFFIC.map(|traffic| {
            let set = match traffic {
                Traffic::Cluster => &port.cluster,
                Traffic::Local => &port.local,
            };
            set.as_ref().map(|_| ListRule::of(traffic, &port.merged, node))
        });
        Self { routing, rules }
    }

    pub(super) fn judge(&self, endpoint: &Endpoint) -> Judged<'a> {
        let node = &self.routing.node_context.node;
        let eligible = self.rules.map(|rule| rule.map(|rule| rule.judge(endpoint, node)));
        let found = TRAFFIC.map(|traffic| {
            let balancer = self.routing.balancer(traffic)?;
            Some((balancer, balancer.position(endpoint.address)?))
        });
        let load = found.iter().flatten().find_map(|&(balancer, at)| balancer.targets().get(at));
        // One that gets nothing new may have connections.
        let load = load.map(|target| &*target.load).or_else(|| self.routing.load(endpoint.address));
        let mut refusals = [None; 2];
        for ((refusal, eligible), found) in refusals.iter_mut().zip(eligible).zip(found) {
            *refusal = eligible.map(|eligible| match (eligible, found) {
                (Err(why), _) => Some(why.as_str()),
                // The next Snapshot is being applied.
                (Ok(()), None) => Some(Ineligible::NotReady.as_str()),
                (Ok(()), Some((balancer, at))) => refused(balancer, at),
            });
        }
        let (state, reason) = state(load, eligible, refusals);
        let is_last_resort = |&(balancer, at): &(&Balancer, usize)| {
            balancer.targets().get(at).is_some_and(|target| balancer.is_last_resort(target))
        };
        Judged {
            load,
            state,
            reason,
            refusals,
            positions: found.map(|found| found.map(|(_, at)| at)),
            last_resort: found.iter().flatten().any(is_last_resort),
        }
    }
}

/// A word for why a balancer gives nothing new to the endpoint at a position; `None` if it may.
fn refused(balancer: &Balancer, at: usize) -> Option<&'static str> {
    let target = balancer.targets().get(at)?;
    let load = &target.load;
    match balancer.is_available(at, &[]) {
        // Nothing else is left, or it would be refused for another reason.
        true => None,
        false if load.is_forbidden() => Some("loop"),
        false if load.is_down() => Some("down"),
        false if load.is_ejected() && !balancer.is_last_resort(target) => Some("ejected"),
        false => Some("full"),
    }
}

fn state(
    load: Option<&Load>,
    eligible: [Option<Eligibility>; 2],
    refusals: [Option<Option<&'static str>>; 2],
) -> (EndpointState, Option<&'static str>) {
    if eligible.contains(&Some(Ok(())))
        && let Some(load) = load
    {
        let failure = || Some(load.last_failure().map_or("unknown", |failure| failure.as_str()));
        return match () {
            () if load.is_forbidden() => (EndpointState::Loop, Some("loop")),
            () if load.is_down() => (EndpointState::Down, failure()),
            () if load.is_ejected() && load.ends_at_once() => (EndpointState::Ejected, Some("ends_at_once")),
            () if load.is_ejected() => (EndpointState::Ejected, failure()),
            () if refusals.iter().flatten().all(Option::is_some) => (EndpointState::Full, Some("limit")),
            () => (EndpointState::Ready, None),
        };
    }
    let first = eligible.into_iter().flatten().find_map(Result::err).unwrap_or(Ineligible::NotReady);
    let state = match first {
        Ineligible::NotReady | Ineligible::TerminatedServing => EndpointState::NotReady,
        Ineligible::Terminating | Ineligible::Drained | Ineligible::Maintenance => EndpointState::Draining,
        Ineligible::HintedForOtherNode | Ineligible::HintedForOtherZone | Ineligible::OnOtherNode => {
            EndpointState::Elsewhere
        }
    };
    (state, Some(first.as_str()))
}
