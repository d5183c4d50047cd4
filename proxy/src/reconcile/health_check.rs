//! Which endpoints are checked actively, for which Service ports? One prober for each endpoint, however many use it.
//!
//! Everything here runs on the thread that steers the workers; workers only see that an endpoint is down.

mod prober;

use crate::{routing::endpoints::Endpoints, sys::socket::Egress, telemetry::port_directory::PortDirectory};
use prober::{CheckTerms, Prober, Shared};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::SocketAddr,
    num::NonZeroU16,
    sync::Arc,
};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use weir_core::{ActiveCheck, Family, PortKey, Protocol, ServicePort};

/// A Service port in one family.
type Port = (PortKey, Family);

/// The probers of all endpoints that are checked.
#[derive(Debug)]
pub(crate) struct HealthChecks {
    /// Checks that each Service port wants.
    wanted: HashMap<Port, Wanted>,
    probed: HashMap<SocketAddr, Probed>,
    shared: Arc<Shared>,
}

#[derive(Clone, Debug, PartialEq)]
struct Wanted {
    claim: Claim,
    endpoints: BTreeSet<SocketAddr>,
}

/// What a Service port with checks wants.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Claim {
    check: ActiveCheck,
    /// Number of the Service port.
    number: NonZeroU16,
}

/// An endpoint that is checked.
#[derive(Debug)]
struct Probed {
    /// Service ports that want the endpoint checked, each with its settings.
    claims: BTreeMap<Port, Claim>,
    terms: watch::Sender<CheckTerms>,
    _task: AbortOnDropHandle<()>,
}

impl HealthChecks {
    /// Creates an empty set of checks, whose connects leave this host as `egress` says.
    pub(crate) fn new(egress: Egress<'static>, directory: &Arc<PortDirectory>) -> Self {
        Self { wanted: HashMap::new(), probed: HashMap::new(), shared: Shared::new(egress, directory) }
    }

    /// Checks the endpoints of a Service port as it is now. Costs nothing without a health check.
    pub(crate) fn update(&mut self, port: &ServicePort, endpoints: &mut Endpoints) {
        let key = (port.key.clone(), port.family);
        let check = port.settings.health_check.filter(|_| port.key.protocol == Protocol::Tcp);
        let Some(check) = check else { return self.remove(&key) };
        let reachable = port.reachable().iter().map(|endpoint| endpoint.address).collect();
        let claim = Claim { check, number: port.port };
        let wanted = Wanted { claim, endpoints: reachable };
        if self.wanted.get(&key) == Some(&wanted) {
            return;
        }
        let before = self.wanted.insert(key.clone(), wanted.clone());
        let before = before.map(|before| before.endpoints).unwrap_or_default();
        before.difference(&wanted.endpoints).for_each(|&gone| self.release(&key, gone));
        wanted.endpoints.iter().for_each(|&endpoint| self.claim(&key, endpoint, claim, endpoints));
    }

    /// Ends the checks of a Service port.
    pub(crate) fn remove(&mut self, key: &Port) {
        if let Some(before) = self.wanted.remove(key) {
            before.endpoints.iter().for_each(|&endpoint| self.release(key, endpoint));
        }
    }

    fn claim(&mut self, key: &Port, endpoint: SocketAddr, claim: Claim, endpoints: &mut Endpoints) {
        if let Some(probed) = self.probed.get_mut(&endpoint) {
            probed.claims.insert(key.clone(), claim);
            return probed.agree();
        }
        let (terms, agreed) =
            watch::channel(CheckTerms { check: claim.check, service: key.0.clone(), number: claim.number });
        let load = endpoints.load(Protocol::Tcp, endpoint);
        let prober = Prober::new(endpoint, load, Arc::clone(&self.shared));
        let task = AbortOnDropHandle::new(tokio::spawn(prober.run(agreed)));
        let claims = BTreeMap::from([(key.clone(), claim)]);
        self.probed.insert(endpoint, Probed { claims, terms, _task: task });
    }

    fn release(&mut self, key: &Port, endpoint: SocketAddr) {
        let Some(probed) = self.probed.get_mut(&endpoint) else { return };
        probed.claims.remove(key);
        if probed.claims.is_empty() {
            self.probed.remove(&endpoint);
        } else {
            probed.agree();
        }
    }
}

impl Probed {
    /// Sends the strictest of all claims to the prober.
    fn agree(&self) {
        let check = self.claims.values().map(|claim| claim.check).reduce(ActiveCheck::strictest);
        let first = self.claims.iter().next();
        let Some((check, ((service, _), Claim { number, .. }))) = check.zip(first) else { return };
        self.terms.send_if_modified(|terms| {
            let agreed = CheckTerms { check, service: service.clone(), number: *number };
            let changed = *terms != agreed;
            *terms = agreed;
            changed
        });
    }
}

#[cfg(test)]
mod tests;
