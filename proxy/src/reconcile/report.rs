//! What does an operator hear of frontends?

use super::{bind_failure::BindFailure, plan::Plan};
use crate::{routing::binding::Binding, sys::port_holders};
use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    hash::{BuildHasher, RandomState},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};
use weir_core::{
    Audience, EventReason, Frontend, FrontendKind, NoLocalEndpoints, PortKey, Quota, RateLimiter,
    ResolvedService, ServicePort,
};

/// Outcome of one step of reconciling.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// Frontends whose state changed.
    pub rows: Vec<FrontendRow>,
    /// Addresses at which node ports are served now.
    pub node_port_addresses: Vec<IpAddr>,
    /// Frontends whose port a process of this host holds, and the ports of their addresses that are listened at instead. The
    /// rules are to bring clients there (node mode, where frontends are bound).
    pub stand_in_ports: Arc<BTreeMap<Frontend, u16>>,
    /// Number of Services that were looked at.
    pub visited: usize,
    /// Number of frontends that are not served because their sockets could not be opened.
    pub failed: usize,
}

/// One frontend and its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrontendRow {
    /// Service port behind the frontend.
    pub port: PortKey,
    /// Kind of the Service address.
    pub kind: FrontendKind,
    /// Service address that clients dial.
    pub frontend: SocketAddr,
    /// Address that weir listens at; differs from `frontend` if mapped (`--map loopback`).
    pub listen: SocketAddr,
    /// State of the frontend.
    pub state: FrontendState,
}

/// Whether a frontend is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrontendState {
    /// Sockets are open for these clients.
    Listening(Audience),
    /// No usable endpoint, so no socket is open and the kernel refuses clients.
    NoEndpoints,
    /// Sockets cannot be opened; this is tried again.
    Failed(BindFailure),
    /// The frontend is no longer served.
    Removed,
}

impl fmt::Display for FrontendState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening(Audience::Everyone) => f.write_str("listening"),
            Self::Listening(Audience::NodeOnly) => f.write_str("listening for this node only"),
            Self::NoEndpoints => f.write_str("no endpoints"),
            Self::Failed(why) => write!(f, "failed: {why}"),
            Self::Removed => f.write_str("removed"),
        }
    }
}

impl FrontendRow {
    pub(super) fn of(binding: &Binding, state: FrontendState) -> Self {
        Self {
            port: binding.port.key.clone(),
            kind: binding.kind,
            frontend: binding.frontend,
            listen: binding.listen.address,
            state,
        }
    }

    /// Sentence that says why the frontend is not served.
    pub(super) fn failure(&self, why: BindFailure) -> String {
        format!("cannot serve {} {} of {}: {why}", self.kind.as_str(), self.listen, self.port)
    }
}

/// Failures that are logged one by one; more are only counted.
const MAX_WARNINGS: usize = 5;

/// Says that frontends wait for another weir to let go.
pub(super) fn waiting(count: usize) {
    if count > 0 {
        tracing::info!(
            "{count} frontends are still held by the earlier weir; they are tried again within 200 ms"
        );
    }
}

/// Warns of frontends that could not be opened, a few by name.
pub(super) fn warn(failures: Vec<(FrontendRow, BindFailure)>) {
    if failures.is_empty() {
        return;
    }
    let is_held = |(_, why): &(FrontendRow, BindFailure)| *why == BindFailure::AddressInUse;
    if failures.iter().take(MAX_WARNINGS).any(is_held) {
        // Who holds a port takes a while to find out.
        tokio::task::spawn_blocking(move || tell(&failures));
    } else {
        tell(&failures);
    }
}

fn tell(failures: &[(FrontendRow, BindFailure)]) {
    for (row, why) in failures.iter().take(MAX_WARNINGS) {
        let frontend = Frontend { protocol: row.port.protocol, address: row.listen };
        let sockets = match why {
            BindFailure::AddressInUse => port_holders::sockets_at(frontend).unwrap_or_default(),
            _ => Vec::new(),
        };
        let held = match sockets[..] {
            [] => String::new(),
            _ => format!(" (held by {})", port_holders::named(&port_holders::holders(&sockets))),
        };
        tracing::warn!(event = %EventReason::FrontendNotBound, "{}{held}", row.failure(*why));
    }
    if failures.len() > MAX_WARNINGS {
        tracing::warn!(
            "cannot serve {} more frontends; weir_frontends{{state=\"failed\"}} counts them",
            failures.len() - MAX_WARNINGS
        );
    }
}

/// Lines about mistakes in Services: a few at once after a quiet time, then ten a minute.
const MISTAKES: Quota = Quota::new(Duration::from_secs(6), 20);

/// Mistakes in Services, each of which is logged once and within a budget: whoever may edit Services could fill the log.
#[derive(Debug)]
pub(super) struct Mistakes {
    /// Hash of the claims of an address that were reported last.
    reported: HashMap<Frontend, u64>,
    keys: RandomState,
    limiter: RateLimiter,
    /// Lines that were held back since the last one.
    held_back: usize,
}

impl Mistakes {
    /// Creates the value for no Service.
    pub(super) fn new(start: Instant) -> Self {
        Self {
            reported: HashMap::new(),
            keys: RandomState::new(),
            limiter: RateLimiter::new(start),
            held_back: 0,
        }
    }

    /// Warns that a port is not served, unless `before`, the Service in the Snapshot before, had the port already.
    pub(super) fn warn_unsupported(&mut self, port: &ServicePort, before: Option<&Arc<ResolvedService>>) {
        if before.is_some_and(|before| before.ports.iter().any(|known| known.key == port.key)) {
            return;
        }
        if let Some(others) = self.may_warn(Instant::now()) {
            let event = EventReason::ProtocolNotServed;
            tracing::warn!(%event, others, "{} is not served: weir does not relay SCTP", port.key);
        }
    }

    /// Warns that a port cannot let packets pass, unless `before`, the Service in the Snapshot before, asked for that already.
    pub(super) fn warn_never_passing(&mut self, port: &ServicePort, before: Option<&Arc<ResolvedService>>) {
        let asks = |port: &ServicePort| {
            port.external_local && port.settings.no_local_endpoints == NoLocalEndpoints::Pass
        };
        let asked = |before: &&Arc<ResolvedService>| {
            before.ports.iter().any(|known| known.key == port.key && asks(known))
        };
        if !asks(port) || before.as_ref().is_some_and(asked) {
            return;
        }
        if let Some(others) = self.may_warn(Instant::now()) {
            tracing::warn!(
                others,
                "{} cannot let packets pass (weir.dev/no-local-endpoints): that needs --mode node; a socket can only be \
                 silent or refuse",
                port.key
            );
        }
    }

    /// Warns if several Service ports claim an address, and others than before.
    pub(super) fn report_claims(&mut self, plan: &Plan, frontend: Frontend) {
        let Some(contest) = plan.contest(frontend) else {
            self.reported.remove(&frontend);
            return;
        };
        let claims = self.keys.hash_one(&contest);
        if self.reported.insert(frontend, claims) == Some(claims) {
            return;
        }
        if let Some(others) = self.may_warn(Instant::now()) {
            tracing::warn!(others, "{contest}");
        }
    }

    /// Whether a line may be written at `now`: with the number of lines held back before it.
    fn may_warn(&mut self, now: Instant) -> Option<usize> {
        if self.limiter.try_take(now, MISTAKES) {
            return Some(std::mem::take(&mut self.held_back));
        }
        self.held_back += 1;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_of_mistakes_are_a_few_lines_and_the_next_one_tells_how_many_there_were() {
        let start = Instant::now();
        let mut mistakes = Mistakes::new(start);
        assert_eq!((0..5000).filter_map(|_| mistakes.may_warn(start)).count(), 20);
        assert_eq!(mistakes.may_warn(start + Duration::from_secs(6)), Some(4980));
    }
}
