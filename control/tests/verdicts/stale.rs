//! Which tracked UDP flows must be forgotten because their endpoint no longer serves? (semantics C1-C4)
//!
//! This is kube-proxy's answer: flows of deleted Services, and of ports without any serving endpoint, are left alone. A
//! running weir is stricter and ends those too, as the next pod with that address would receive them (kubernetes #141371).

use std::{
    collections::HashSet,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};
use weir_core::{
    Claimant, Claims, Family, Frontend, FrontendKind, Protocol, Rank, ServicePort, Snapshot, claims,
};

/// A flow as connection tracking knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct TrackedFlow {
    /// What the client dialled.
    pub(super) dialled: Frontend,
    /// Where replies come from: the endpoint, or what was dialled if the flow was never translated.
    pub(super) replies_from: SocketAddr,
}

/// Which addresses serve a UDP Service port. Policies, hints, readiness and termination play no part (semantics C3).
#[derive(Debug)]
struct Serving {
    kind: FrontendKind,
    port: Arc<ServicePort>,
    endpoints: HashSet<SocketAddr>,
}

impl Serving {
    /// `None` if there are none, which leaves the port's flows alone (semantics C4).
    fn of(kind: FrontendKind, port: &Arc<ServicePort>) -> Option<Self> {
        if port.key.protocol != Protocol::Udp {
            return None;
        }
        let serving = port.merged.iter().filter(|endpoint| endpoint.conditions.serving);
        let endpoints: HashSet<SocketAddr> = serving.map(|endpoint| endpoint.address).collect();
        (!endpoints.is_empty()).then(|| Self { kind, port: Arc::clone(port), endpoints })
    }
}

impl Claimant for Serving {
    fn rank(&self) -> Rank<'_> {
        Rank::of(self.kind, self.port.created, &self.port.key)
    }
}

/// What decides about tracked flows in one Snapshot.
#[derive(Debug, Default)]
pub(super) struct StaleFlows {
    by_address: Claims<SocketAddr, Serving>,
    /// Node ports match on any destination (semantics C2).
    by_node_port: Claims<(Family, u16), Serving>,
}

impl StaleFlows {
    /// What follows from a Snapshot.
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let mut flows = Self::default();
        for served in snapshot.services() {
            let no_node_ports: &[IpAddr] = &[];
            let by_address = claims(served, no_node_ports)
                .filter_map(|claim| Some((claim.frontend.address, Serving::of(claim.kind, &claim.port)?)));
            flows.by_address.replace(&served.key, by_address);
            let by_node_port = served.ports.iter().filter_map(|port| {
                let serving = Serving::of(FrontendKind::NodePort, port)?;
                Some(((port.family, port.node_port?.get()), serving))
            });
            flows.by_node_port.replace(&served.key, by_node_port);
        }
        flows
    }

    /// Whether a flow must be forgotten.
    pub(super) fn contain(&self, flow: &TrackedFlow) -> bool {
        if flow.dialled.protocol != Protocol::Udp {
            return false;
        }
        let dialled = flow.dialled.address;
        let claimed = self.by_address.winner(dialled);
        let node_port = self.by_node_port.winner((Family::of(dialled.ip()), dialled.port()));
        claimed.into_iter().chain(node_port).any(|serving| !serving.endpoints.contains(&flow.replies_from))
    }
}
