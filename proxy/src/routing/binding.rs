//! Where does weir listen for a frontend, and which Service port answers there?

use std::{net::SocketAddr, sync::Arc};
use weir_core::{Audience, Claimant, Frontend, FrontendKind, Rank, ServicePort};

/// A frontend, and the address at which its clients are listened for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Binding {
    /// Address that is listened at.
    pub(crate) listen: Frontend,
    /// Service address of the frontend; equals that of `listen` unless mapped (`--map loopback`).
    pub(crate) frontend: SocketAddr,
    /// Kind of the Service address.
    pub(crate) kind: FrontendKind,
    /// Service port behind the frontend.
    pub(crate) port: Arc<ServicePort>,
}

impl Binding {
    /// Clients that can be served now; `None` means that the socket must not be open (semantics N1).
    pub(crate) fn audience(&self) -> Option<Audience> {
        self.port.audience(self.kind)
    }
}

impl Claimant for Binding {
    fn rank(&self) -> Rank<'_> {
        Rank::of(self.kind, self.port.created, &self.port.key)
    }
}
