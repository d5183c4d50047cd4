//! What does an operator hear of endpoints and Service ports that fail, and that work again?
//!
//! Whoever finds something out only counts a change. The steering thread looks once a second, if there was one: so nothing
//! is logged for a connection, and nothing is said twice.

mod events;
mod fault;

use crate::{
    routing::{
        endpoints::Endpoints,
        port_runtime::{PortRuntime, PortRuntimes},
    },
    shared::event_log::EventLog,
};
use fault::{EndpointFault, Port, PortFault, State, rounded};
use std::{collections::BTreeMap, net::SocketAddr, num::NonZeroU16, time::Instant};
use weir_core::{Journal, Line, PortKey, Protocol, ServicePort, Target, Traffic};

/// Lines that one look may add to the log.
const MAX_LINES: usize = 20;

/// What was said of the health of endpoints and Service ports.
#[derive(Debug, Default)]
pub(super) struct HealthReport {
    /// Service ports without any usable endpoint in the whole cluster, with their number.
    empty: BTreeMap<Port, NonZeroU16>,
    /// Whether the last look found an endpoint or a Service port that fails.
    is_failing: bool,
    /// Whether [`Self::empty`] or the endpoints of a Service port changed since the last look.
    is_updated: bool,
    /// Counts of changes of endpoints, and of clients that were not served, up to which everything is known.
    seen: (u64, u64),
    ports: Journal<Port, PortFault>,
    endpoints: Journal<(SocketAddr, Protocol), EndpointFault>,
}

impl HealthReport {
    /// Takes note of a Service port as it is from now on.
    pub(super) fn update(&mut self, port: &ServicePort) {
        // A Local policy without an endpoint on this node is no fault.
        if port.key.protocol != Protocol::Sctp && !port.has_any {
            self.empty.insert((port.key.clone(), port.family), port.port);
        } else {
            self.empty.remove(&(port.key.clone(), port.family));
        }
        self.is_updated = true;
    }

    /// Forgets a Service port.
    pub(super) fn remove(&mut self, port: &ServicePort) {
        self.empty.remove(&(port.key.clone(), port.family));
        self.is_updated = true;
    }

    /// Logs what has changed at `now`, and remembers it. Costs nothing if nothing has.
    pub(super) fn look(
        &mut self,
        now: Instant,
        runtimes: &PortRuntimes,
        endpoints: &Endpoints,
        events: &EventLog,
    ) {
        let seen = (endpoints.standings().count(), endpoints.unserved().count());
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let is_due = is_due(self.ports.next_look()) || is_due(self.endpoints.next_look());
        if !self.is_updated && self.seen == seen && !is_due {
            return;
        }
        let mut faults = Faults::default();
        if self.is_failing || self.seen != seen {
            runtimes.iter().for_each(|(port, runtime)| faults.add(port, runtime));
        }
        self.is_failing = !(faults.ports.is_empty() && faults.endpoints.is_empty());
        (self.is_updated, self.seen) = (false, seen);
        let empty = self.empty.iter().map(|(port, &number)| (port.clone(), PortFault::Empty { number }));
        faults.ports.extend(empty);
        let ports =
            self.ports.observe(now, faults.ports, PortFault::is_same, |port| runtimes.contains_key(port));
        let is_same = |one: &EndpointFault, other: &EndpointFault| one.state == other.state;
        let exists = |&(address, protocol): &(SocketAddr, Protocol)| endpoints.contains(protocol, address);
        let endpoints = self.endpoints.observe(now, faults.endpoints, is_same, exists);
        ports.iter().for_each(|(port, line)| events.record(events::of_port(port, line)));
        endpoints.iter().for_each(|(endpoint, line)| events.record(events::of_endpoint(endpoint, line)));
        let hidden = (ports.len() + endpoints.len()).saturating_sub(MAX_LINES);
        let room = MAX_LINES.saturating_sub(ports.len());
        ports.iter().take(MAX_LINES).for_each(|(port, line)| log_port(port, line));
        endpoints.iter().take(room).for_each(|((address, _), line)| log_endpoint(*address, line));
        if hidden > 0 {
            tracing::warn!(
                hidden,
                "more Services and endpoints have failed, or work again; metrics count them"
            );
        }
    }
}

/// What is at fault at one moment.
#[derive(Default)]
struct Faults {
    ports: BTreeMap<Port, PortFault>,
    endpoints: BTreeMap<(SocketAddr, Protocol), EndpointFault>,
}

impl Faults {
    /// Adds what is wrong with a Service port and its endpoints.
    fn add(&mut self, port: &Port, runtime: &PortRuntime) {
        let routing = runtime.routing();
        let number = routing.port.port;
        let balancers = [Traffic::Cluster, Traffic::Local].map(|traffic| routing.balancer(traffic));
        let mut failing = None;
        let mut works = false;
        for balancer in balancers.into_iter().flatten() {
            let any_works = balancer.targets().iter().any(|target| !is_failing(target));
            works |= any_works;
            for target in balancer.targets().iter().filter(|target| is_failing(target)) {
                let mut fault = EndpointFault::of((&port.0, number), balancer, target);
                if fault.state == State::LastResort && any_works {
                    fault.state = State::Spared;
                }
                failing = Some(fault.reason);
                self.add_endpoint((target.address, port.0.protocol), fault);
            }
        }
        let unserved = runtime.unserved.failure().map(|failure| failure.as_str());
        if let Some(reason) = unserved.or(failing.filter(|_| !works)) {
            let endpoints = balancers.into_iter().flatten().map(|balancer| balancer.targets().len()).max();
            let fault = PortFault::Fails { number, endpoints: endpoints.unwrap_or_default(), reason };
            self.ports.insert(port.clone(), fault);
        }
    }

    /// Adds what is wrong with an endpoint: of several Service ports the first by name is said.
    fn add_endpoint(&mut self, endpoint: (SocketAddr, Protocol), fault: EndpointFault) {
        match self.endpoints.get(&endpoint) {
            Some(known) if known.port <= fault.port => {}
            _ => drop(self.endpoints.insert(endpoint, fault)),
        }
    }
}

fn is_failing(target: &Target) -> bool {
    target.load.is_ejected() || target.load.is_down()
}

fn log_port((port, family): &Port, line: &Line<PortFault>) {
    let (Line::Began(fault) | Line::Changed(fault) | Line::Ended(fault, _)) = line;
    let (service, protocol, family) = (&port.service, port.protocol, family.as_str());
    let port = name_of(port, fault.number());
    match (line, fault) {
        (Line::Ended(_, after), _) => {
            let after = rounded(*after);
            tracing::info!(%service, %port, %protocol, %family, %after, "the Service has a working endpoint again");
        }
        (_, PortFault::Empty { .. }) => {
            tracing::warn!(%service, %port, %protocol, %family, "the Service has no endpoint: its clients are refused");
        }
        (_, PortFault::Fails { endpoints, reason, .. }) => tracing::warn!(
            %service, %port, %protocol, %family, endpoints, %reason,
            "the Service has no working endpoint: failing ones are used all the same, as nothing else is left"
        ),
    }
}

fn log_endpoint(endpoint: SocketAddr, line: &Line<EndpointFault>) {
    let (Line::Began(fault) | Line::Changed(fault) | Line::Ended(fault, _)) = line;
    let EndpointFault { port, number, reason, state } = fault;
    let (service, port) = (&port.service, name_of(port, *number));
    let what = match (line, state) {
        (Line::Ended(_, after), _) => {
            let after = rounded(*after);
            tracing::info!(%endpoint, %service, %port, %reason, %after, "endpoint works again");
            return;
        }
        (_, state) => state.as_str(),
    };
    tracing::warn!(%endpoint, %service, %port, %reason, "{what}");
}

/// Name of a port; its number without one.
fn name_of(port: &PortKey, number: NonZeroU16) -> String {
    if port.name.is_empty() { number.to_string() } else { port.name.to_string() }
}

#[cfg(test)]
mod tests;
