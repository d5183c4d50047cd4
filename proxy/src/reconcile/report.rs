//! What is an operator told about frontends?

use super::plan::Plan;
use crate::routing::binding::Binding;
use std::{
    collections::HashMap,
    fmt,
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr},
};
use weir_core::{Audience, Frontend, FrontendKind, PortKey};

/// What became of frontends in one step.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// Frontends that changed their state.
    pub rows: Vec<FrontendRow>,
    /// Where node ports are served now.
    pub node_port_addresses: Vec<IpAddr>,
    /// How many Services were looked at.
    pub visited: usize,
}

/// One Service address and what serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrontendRow {
    /// The Service port.
    pub port: PortKey,
    /// What kind of address it is.
    pub kind: FrontendKind,
    /// The Service address.
    pub frontend: SocketAddr,
    /// Where weir listens for it: the same unless it is mapped.
    pub listen: SocketAddr,
    /// Whether it is served.
    pub state: FrontendState,
}

/// Whether a frontend is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrontendState {
    /// Its sockets are open for these clients.
    Listening(Audience),
    /// No usable endpoint, so no socket is open and the kernel refuses clients.
    NoEndpoints,
    /// Its sockets cannot be opened for this reason; it is tried again.
    Failed(String),
    /// It is not served any more.
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

/// Why the socket of an address of this kind could not be opened, who might be at fault and what to do.
pub(super) fn explain(error: &io::Error, kind: FrontendKind) -> String {
    // Only cluster IPs can be mapped.
    let or_map = if kind == FrontendKind::ClusterIp { ", or use --map loopback" } else { "" };
    match error.kind() {
        ErrorKind::AddrInUse => {
            "address in use; is another proxy or a host process listening there, or at this port of all addresses? \
             Find it (ss -lntup) and stop it, or have it listen elsewhere"
                .to_owned()
        }
        ErrorKind::AddrNotAvailable => {
            format!("not an address of this host; add it (ip address add ADDRESS dev lo){or_map}")
        }
        ErrorKind::PermissionDenied => {
            format!("no permission; ports below 1024 need CAP_NET_BIND_SERVICE{or_map}")
        }
        _ if error.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error()) => {
            "out of file descriptors; raise the limit (ulimit -n, LimitNOFILE)".to_owned()
        }
        _ => error.to_string(),
    }
}

/// Failures shown one by one; more of the same kind are only counted.
const SHOWN: usize = 5;

/// Warns of frontends that could not be opened, a few by name.
pub(super) fn warn(failures: &[(FrontendRow, String)]) {
    for (row, why) in failures.iter().take(SHOWN) {
        let FrontendRow { listen, port, kind, .. } = row;
        tracing::warn!("cannot serve {} {listen} of {port}: {why}", kind.as_str());
    }
    if failures.len() > SHOWN {
        tracing::warn!(
            "cannot serve {} more frontends; weir_frontends{{state=\"failed\"}} counts them",
            failures.len() - SHOWN
        );
    }
}

/// Addresses that several Services claim: a mistake that somebody should hear of once.
#[derive(Debug, Default)]
pub(super) struct Conflicts {
    reported: HashMap<Frontend, Vec<PortKey>>,
}

impl Conflicts {
    /// Warns if who claims an address has changed and it is more than one Service.
    pub(super) fn report(&mut self, plan: &Plan, socket: Frontend) {
        let Some(winner) = plan.winner(socket) else {
            self.reported.remove(&socket);
            return;
        };
        let others = plan.losers(socket).filter(|loser| loser.port.key.service != winner.port.key.service);
        let claims: Vec<PortKey> =
            std::iter::once(winner).chain(others).map(|binding| binding.port.key.clone()).collect();
        if claims.len() == 1 {
            self.reported.remove(&socket);
        } else if self.reported.get(&socket) != Some(&claims) {
            let Frontend { protocol, address } = socket;
            let others: Vec<String> = claims[1..].iter().map(ToString::to_string).collect();
            tracing::warn!(
                "{address}/{protocol} is claimed by {} and {}; the first is served",
                claims[0],
                others.join(", ")
            );
            self.reported.insert(socket, claims);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_cannot_be_opened_says_why_and_what_to_do() {
        let of = |errno: rustix::io::Errno, kind| explain(&errno.into(), kind);
        let cases = [
            (rustix::io::Errno::ADDRINUSE, ["another proxy or a host process", "port of all addresses"]),
            (rustix::io::Errno::ADDRNOTAVAIL, ["not an address of this host", "ip address add"]),
            (rustix::io::Errno::ACCESS, ["no permission", "CAP_NET_BIND_SERVICE"]),
            (rustix::io::Errno::MFILE, ["out of file descriptors", "ulimit -n"]),
        ];
        for (errno, words) in cases {
            let said = of(errno, FrontendKind::NodePort);
            assert!(words.iter().all(|word| said.contains(word)) && !said.contains("--map"), "{said}");
        }
        for errno in [rustix::io::Errno::ADDRNOTAVAIL, rustix::io::Errno::ACCESS] {
            let said = of(errno, FrontendKind::ClusterIp);
            assert!(said.ends_with("or use --map loopback"), "{said}");
        }
    }
}
