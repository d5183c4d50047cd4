//! For whom are objects read?

use weir_core::{Settings, guards::ExternalIps};

/// The label that hands a Service to another proxy (semantics S4).
pub const SERVICE_PROXY_NAME: &str = "service.kubernetes.io/service-proxy-name";

/// Which Services are ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Serve only Services whose label [`SERVICE_PROXY_NAME`] has this value; without it only those without the label.
    pub service_proxy_name: Option<String>,
}

/// For whom objects are read.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// The name of this proxy's node; empty when it runs on none.
    pub node_name: String,
    /// Which Services are ours.
    pub selection: Selection,
    /// The settings of Services whose annotations say nothing else.
    pub defaults: Settings,
    /// Whether addresses are refused (see [`weir_core::guards`]); `None`: those from an API server are, those in
    /// manifests are not.
    pub guards: Option<bool>,
    /// Which external IPs guards let through. An API server that is read adds where it is reached.
    pub external_ips: ExternalIps,
}

impl Scope {
    /// What guards let through, if they are on; `default` where the operator does not say.
    pub(crate) fn guards(&self, default: bool) -> Option<ExternalIps> {
        self.guards.unwrap_or(default).then(|| self.external_ips.clone())
    }
}
