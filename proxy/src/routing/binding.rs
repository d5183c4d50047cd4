//! Where does weir listen for a frontend, and which Service port answers there?

use std::{net::SocketAddr, sync::Arc};
use weir_core::{Audience, Claimant, Frontend, FrontendKind, Rank, ServicePort};

/// What one listening socket serves.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Binding {
    /// Where it listens.
    pub(crate) listen: Frontend,
    /// The Service address that it stands for: the same unless it is mapped.
    pub(crate) frontend: SocketAddr,
    /// What kind of address that is.
    pub(crate) kind: FrontendKind,
    /// The Service port behind it.
    pub(crate) port: Arc<ServicePort>,
}

impl Binding {
    /// Who can be served now; `None` means that the socket must not be open (semantics N1).
    pub(crate) fn audience(&self) -> Option<Audience> {
        self.port.audience(self.kind)
    }
}

impl Claimant for Binding {
    fn rank(&self) -> Rank<'_> {
        Rank::of(self.kind, &self.port.key)
    }
}
