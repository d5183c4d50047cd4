//! What does an operator hear of frontends?

use super::{bind_failure::BindFailure, plan::Plan};
use crate::routing::binding::Binding;
use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};
use weir_core::{Audience, Frontend, FrontendKind, PortKey, ResolvedService, ServicePort};

/// Outcome of one step of reconciling.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// Frontends whose state changed.
    pub rows: Vec<FrontendRow>,
    /// Addresses at which node ports are served now.
    pub node_port_addresses: Vec<IpAddr>,
    /// Number of Services that were looked at.
    pub visited: usize,
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
}

/// Failures that are logged one by one; more are only counted.
const MAX_WARNINGS: usize = 5;

/// Warns of frontends that could not be opened, a few by name.
pub(super) fn warn(failures: &[(FrontendRow, BindFailure)]) {
    for (row, why) in failures.iter().take(MAX_WARNINGS) {
        let FrontendRow { listen, port, kind, .. } = row;
        tracing::warn!("cannot serve {} {listen} of {port}: {why}", kind.as_str());
    }
    if failures.len() > MAX_WARNINGS {
        tracing::warn!(
            "cannot serve {} more frontends; weir_frontends{{state=\"failed\"}} counts them",
            failures.len() - MAX_WARNINGS
        );
    }
}

/// Warns that a port is not served, unless `before`, the Service in the Snapshot before, had the port already.
pub(super) fn warn_unsupported(port: &ServicePort, before: Option<&Arc<ResolvedService>>) {
    if !before.is_some_and(|before| before.ports.iter().any(|known| known.key == port.key)) {
        tracing::warn!("{} is not served: weir does not relay SCTP", port.key);
    }
}

/// Addresses that several Service ports claim: a mistake, which is logged once.
#[derive(Debug, Default)]
pub(super) struct Conflicts {
    reported: HashMap<Frontend, String>,
}

impl Conflicts {
    /// Warns if several Service ports claim an address, and others than before.
    pub(super) fn report(&mut self, plan: &Plan, frontend: Frontend) {
        match plan.contest(frontend) {
            None => drop(self.reported.remove(&frontend)),
            Some(contest) if self.reported.get(&frontend) == Some(&contest) => {}
            Some(contest) => {
                tracing::warn!("{contest}");
                self.reported.insert(frontend, contest);
            }
        }
    }
}
