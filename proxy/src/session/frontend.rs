//! What do all connections and flows through one address on one worker have in common?

use super::local_metrics::Tally;
use crate::{
    limits::admission::Admission,
    routing::{
        binding::Binding,
        port_runtime::{Route, Slot},
    },
    sys::socket::Egress,
    telemetry::close_reason::Closed,
};
use std::{
    net::{IpAddr, SocketAddr},
    rc::Rc,
    sync::Arc,
    time::Instant,
};
use weir_core::{Flow, FrontendKind, Origin, PortKey, Protocol, Traffic, Verdict};

/// One frontend on one worker: what all its connections have in common.
pub(crate) struct LocalFrontend {
    pub(crate) slot: Arc<Slot>,
    pub(crate) tally: Rc<Tally>,
    /// The Service address, which is not always the one that is listened on.
    pub(crate) address: SocketAddr,
    pub(crate) kind: FrontendKind,
    /// Where its clients come from, if that was told by the socket through which they came in.
    pub(crate) origin: Option<Origin>,
}

impl LocalFrontend {
    pub(crate) fn new(binding: &Binding, slot: Arc<Slot>) -> Rc<Self> {
        Self::at(binding.frontend, binding.kind, slot, None)
    }

    /// The frontend at one Service address.
    pub(crate) fn at(
        address: SocketAddr,
        kind: FrontendKind,
        slot: Arc<Slot>,
        origin: Option<Origin>,
    ) -> Rc<Self> {
        Rc::new(Self { tally: Tally::new(Arc::clone(&slot.counters)), slot, address, kind, origin })
    }

    /// The Service port behind it.
    pub(crate) fn port_key(&self) -> PortKey {
        self.slot.route().port.key.clone()
    }

    /// The flow of a client of this frontend.
    pub(crate) fn flow(&self, protocol: Protocol, client: SocketAddr) -> Flow {
        Flow {
            protocol,
            client: SocketAddr::new(client.ip().to_canonical(), client.port()),
            frontend: self.address,
        }
    }

    /// Counts a client for which there is no room. The log hears of one a second.
    pub(crate) fn note_rejected(&self, admission: &Admission, client: IpAddr, reason: Closed) {
        self.slot.counters.clients().rejected.get(reason).increment(1);
        if let Some(others) = admission.may_tell_refusal(Instant::now()) {
            let (frontend, service) = (self.address, self.port_key());
            tracing::warn!(%client, %frontend, %service, %reason, others, "client refused; {}", advice(reason));
        }
    }

    /// Which endpoints a client chooses from, or why it is not served.
    pub(crate) fn traffic(&self, route: &Route, client: IpAddr) -> Result<Traffic, Closed> {
        if !route.admits(self.kind, client) {
            return Err(Closed::SourceDenied);
        }
        // Only with externalTrafficPolicy Local does the origin matter.
        let matters = route.port.external_local && self.kind != FrontendKind::ClusterIp;
        let origin = if matters { self.origin_of(route, client) } else { Origin::Outside };
        match route.port.verdict(self.kind, origin) {
            Verdict::Endpoint(traffic) => Ok(traffic),
            Verdict::Reject | Verdict::Drop => Err(Closed::NoEndpoints),
        }
    }

    /// How the socket that brings a client to an endpoint leaves this host (semantics M1-M3). `client` is where the
    /// client's packets come from.
    pub(crate) fn egress(&self, route: &Route, client: SocketAddr, endpoint: SocketAddr) -> Egress {
        let Some(node_mode) = &route.place.node_mode else { return Egress::default() };
        let ip = client.ip();
        let kept = node_mode.can_keep(ip, endpoint.ip())
            && !node_mode.sources.masquerades(&route.port, self.kind, self.origin_of(route, ip))
            && !route.is_hairpin(endpoint, ip);
        Egress { mark: Some(node_mode.marks.to_endpoints), source: kept.then_some(client) }
    }

    fn origin_of(&self, route: &Route, client: IpAddr) -> Origin {
        self.origin.unwrap_or_else(|| route.place.origin(client))
    }
}

/// Which limit to look at.
fn advice(reason: Closed) -> &'static str {
    match reason {
        Closed::OverCapacity => "see --max-connections and the limit of open files (ulimit -Hn)",
        Closed::ServiceLimit => "see weir.dev/max-connections and --max-connections-per-service",
        Closed::ClientLimit => "see weir.dev/max-connections-per-client and --max-connections-per-client",
        _ => "see the limit of open files (ulimit -Hn)",
    }
}
