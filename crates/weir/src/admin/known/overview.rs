//! What is there to tell of all Service ports? Looked at anew a few times a second at most, however many ask.

use crate::admin::known::frontends::Frontends;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use weir_core::{Family, PortKey, Protocol, ServicePort, Snapshot};
use weir_proxy::{EndpointState, FrontendState, HistogramReading, Observer, PortTotals, PortView};

/// Time for which what was seen is told again: with 10,000 Services a look takes some ten milliseconds.
const FRESH: Duration = Duration::from_millis(200);

/// Longest time between two looks after which the later one tells when a state began.
const WATCHED: Duration = Duration::from_secs(5);

/// State of a Service port, from the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum PortState {
    NotBound,
    Failing,
    NoEndpoints,
    Degraded,
    Unsupported,
    Ok,
}

impl PortState {
    pub(crate) const WORDS: [(&str, Self); 6] = [
        ("ok", Self::Ok),
        ("degraded", Self::Degraded),
        ("failing", Self::Failing),
        ("no-endpoints", Self::NoEndpoints),
        ("not-bound", Self::NotBound),
        ("unsupported", Self::Unsupported),
    ];

    pub(crate) fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(_, state)| *state == self).map_or("ok", |(word, _)| word)
    }
}

/// A Service port of both families, at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Port {
    pub(crate) key: PortKey,
    /// Name of the port, or its number if it has none.
    pub(crate) label: String,
    /// `NAMESPACE/SERVICE:PORT/PROTOCOL`, by which ports are sorted.
    pub(crate) name: String,
    /// The port in each family that the Service has.
    pub(crate) families: Vec<Arc<ServicePort>>,
    pub(crate) state: PortState,
    /// The look that first found the state; `None` if it may have begun while nobody looked.
    pub(crate) since: Option<Instant>,
    /// A sentence for people; `None` if all is well.
    pub(crate) reason: Option<String>,
    pub(crate) endpoints: [usize; EndpointState::ALL.len()],
    pub(crate) totals: PortTotals,
    /// The most connections that the Service had at once, through all of its TCP ports.
    pub(crate) most_of_service: usize,
    /// Times until endpoints accepted; `None` before the first.
    pub(crate) connect_times: Option<Box<HistogramReading>>,
    pub(crate) waiting: usize,
    /// Frontends that are listened at, that failed, and that have no endpoint.
    pub(crate) frontends: [usize; 3],
}

/// All Service ports, sorted by name.
#[derive(Clone, Debug)]
pub(crate) struct Overview {
    pub(crate) services: usize,
    pub(crate) ports: Vec<Port>,
}

/// An overview that was made, and when.
#[derive(Debug, Default)]
pub(crate) struct LastOverview(Mutex<Option<(Instant, u64, Arc<Overview>)>>);

impl LastOverview {
    /// What is there now, or was a moment ago.
    pub(in crate::admin) fn get(
        &self,
        (frontends, observer): (&Frontends, &Observer),
        snapshot: &Snapshot,
        now: Instant,
    ) -> Arc<Overview> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made, generation, overview)) = &*last
            && *generation == snapshot.generation
            && now.saturating_duration_since(*made) < FRESH
        {
            return Arc::clone(overview);
        }
        let mut overview = Overview::of(frontends, observer, snapshot);
        if let Some((made, _, before)) = &*last
            && now.saturating_duration_since(*made) <= WATCHED
        {
            overview.follow(before, now);
        }
        let overview = Arc::new(overview);
        *last = Some((now, snapshot.generation, Arc::clone(&overview)));
        overview
    }
}

impl Overview {
    fn of(frontends: &Frontends, observer: &Observer, snapshot: &Snapshot) -> Self {
        let mut ports = BTreeMap::<String, Port>::new();
        let mut services = 0;
        for service in snapshot.services() {
            services += 1;
            for port in &service.ports {
                let name = name(&port.key, port);
                match ports.get_mut(&name) {
                    Some(known) => known.families.push(Arc::clone(port)),
                    None => drop(ports.insert(name.clone(), Port::new(name, port))),
                }
            }
        }
        let mut ports: Vec<Port> = ports.into_values().collect();
        ports.iter_mut().for_each(|port| port.look(frontends, observer));
        Self { services, ports }
    }

    /// Notes which states have begun since the look before.
    fn follow(&mut self, before: &Self, now: Instant) {
        for port in &mut self.ports {
            let known = before.ports.binary_search_by(|known| known.name.cmp(&port.name));
            let known =
                known.ok().and_then(|at| before.ports.get(at)).filter(|known| known.state == port.state);
            port.since = known.map_or(Some(now), |known| known.since);
        }
    }
}

impl Port {
    fn new(name: String, port: &Arc<ServicePort>) -> Self {
        Self {
            key: port.key.clone(),
            label: label(&port.key, port),
            name,
            families: vec![Arc::clone(port)],
            state: PortState::Ok,
            since: None,
            reason: None,
            endpoints: [0; EndpointState::ALL.len()],
            totals: PortTotals::default(),
            most_of_service: 0,
            connect_times: None,
            waiting: 0,
            frontends: [0; 3],
        }
    }

    fn look(&mut self, frontends: &Frontends, observer: &Observer) {
        let view = |port: &Arc<ServicePort>| observer.port(&port.key, port.family);
        let views: Vec<PortView> = self.families.iter().filter_map(view).collect();
        for view in &views {
            for (sum, count) in self.endpoints.iter_mut().zip(view.endpoints) {
                *sum += count;
            }
            self.waiting += view.waiting;
        }
        // Both families are counted together.
        if let Some(view) = views.first() {
            (self.totals, self.connect_times) = (view.totals, view.connect_times.clone());
            self.most_of_service = view.most_of_service;
        }
        for known in frontends.of(&self.key.service).iter().filter(|known| known.row.port == self.key) {
            let index = match known.row.state {
                FrontendState::Listening(_) => 0,
                FrontendState::Failed(_) => 1,
                FrontendState::NoEndpoints => 2,
                FrontendState::Removed => continue,
            };
            if let Some(count) = self.frontends.get_mut(index) {
                *count += 1;
            }
        }
        (self.state, self.reason) = self.judge(&views);
    }

    fn judge(&self, views: &[PortView]) -> (PortState, Option<String>) {
        let count = |state| views.iter().map(|view| view.count(state)).sum::<usize>();
        let of = |states: &[EndpointState]| states.iter().map(|&state| count(state)).sum::<usize>();
        let total = self.total();
        let [_, failed, _] = self.frontends;
        let (ready, bad) = (
            of(&[EndpointState::Ready, EndpointState::Full]),
            of(&[EndpointState::Ejected, EndpointState::Down, EndpointState::Full, EndpointState::Loop]),
        );
        let serve = ready + of(&[EndpointState::Ejected, EndpointState::Down, EndpointState::Loop]);
        match () {
            () if self.key.protocol == Protocol::Sctp => {
                (PortState::Unsupported, Some("weir relays no SCTP".to_owned()))
            }
            () if failed > 0 => (
                PortState::NotBound,
                Some(format!(
                    "{failed} of its addresses cannot be listened at; the log and its frontends say why"
                )),
            ),
            () if serve == 0 => {
                let why = match total {
                    0 => "it has no endpoint".to_owned(),
                    _ => format!("none of {total} endpoints may serve here"),
                };
                (PortState::NoEndpoints, Some(why))
            }
            () if ready == 0 => (PortState::Failing, Some(format!("none of {serve} endpoints works"))),
            () if views.iter().any(|view| view.unserved.is_some()) => {
                (PortState::Failing, Some("the last client was not served".to_owned()))
            }
            () if bad > 0 => {
                let verb = if bad == 1 { "is" } else { "are" };
                (PortState::Degraded, Some(format!("{bad} of {total} endpoints {verb} {}", self.worst())))
            }
            () => (PortState::Ok, None),
        }
    }

    /// Words for the states that make the port degraded.
    fn worst(&self) -> String {
        let bad = [EndpointState::Ejected, EndpointState::Down, EndpointState::Full, EndpointState::Loop];
        let words = bad.into_iter().filter(|&state| self.count(state) > 0).map(EndpointState::as_str);
        words.collect::<Vec<_>>().join(" or ")
    }

    /// Number of endpoints in a state.
    pub(crate) fn count(&self, state: EndpointState) -> usize {
        let pairs = EndpointState::ALL.into_iter().zip(self.endpoints);
        pairs.filter(|(known, _)| *known == state).map(|(_, count)| count).sum()
    }

    /// Number of endpoints.
    pub(crate) fn total(&self) -> usize {
        self.endpoints.iter().sum()
    }

    /// The port in one of its families.
    pub(crate) fn any(&self) -> Option<&Arc<ServicePort>> {
        self.families.first()
    }

    /// Families of the port.
    pub(crate) fn family_words(&self) -> Vec<&'static str> {
        Family::ALL
            .into_iter()
            .filter(|&family| self.families.iter().any(|port| port.family == family))
            .map(Family::as_str)
            .collect()
    }
}

fn label(key: &PortKey, port: &ServicePort) -> String {
    if key.name.is_empty() { port.port.to_string() } else { key.name.to_string() }
}

fn name(key: &PortKey, port: &ServicePort) -> String {
    format!("{}:{}/{}", key.service, label(key, port), key.protocol)
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_core::ServiceKey;

    /// Ports in these states, in the order of their names.
    fn overview(ports: &[(&str, PortState)]) -> Overview {
        let port = |&(name, state): &(&str, PortState)| Port {
            key: PortKey {
                service: ServiceKey::new("default", name),
                name: "".into(),
                protocol: Protocol::Tcp,
            },
            label: "80".to_owned(),
            name: name.to_owned(),
            families: Vec::new(),
            state,
            since: None,
            reason: None,
            endpoints: [0; EndpointState::ALL.len()],
            totals: PortTotals::default(),
            most_of_service: 0,
            connect_times: None,
            waiting: 0,
            frontends: [0; 3],
        };
        Overview { services: ports.len(), ports: ports.iter().map(port).collect() }
    }

    #[test]
    fn a_state_has_begun_with_the_look_that_found_it_and_one_found_at_first_at_no_known_time() {
        use PortState::{Degraded, Failing, Ok};
        let now = Instant::now();
        let mut last = overview(&[("a", Ok), ("b", Ok)]);
        let states =
            [[("a", Degraded), ("b", Ok)], [("a", Degraded), ("c", Ok)], [("a", Failing), ("c", Ok)]];
        let mut sinces = Vec::new();
        for (states, second) in states.iter().zip(1..) {
            let mut next = overview(states);
            next.follow(&last, now + Duration::from_secs(second));
            let seconds = |port: &Port| port.since.map(|at| (at - now).as_secs());
            sinces.push(next.ports.iter().map(seconds).collect::<Vec<_>>());
            last = next;
        }
        assert_eq!(sinces, [[Some(1), None], [Some(1), Some(2)], [Some(3), Some(2)]]);
    }
}
