//! Which Services and which node are objects read for?

use weir_core::{
    Settings,
    guards::{GuardRules, METADATA_SERVICES},
};

/// Label that hands a Service to another proxy (semantics S4).
pub const SERVICE_PROXY_NAME: &str = "service.kubernetes.io/service-proxy-name";

/// Selection of Services.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Value of the label [`SERVICE_PROXY_NAME`] of the Services to serve; `None` for Services without the
    /// label.
    pub service_proxy_name: Option<String>,
}

/// What objects are read for: a node, a selection of Services, and the operator's settings.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Name of this proxy's node; empty when it runs on none.
    pub node_name: String,
    /// Selection of the Services to serve.
    pub selection: Selection,
    /// Settings of Services whose annotations say nothing else.
    pub defaults: Settings,
    /// Whether guards refuse addresses (see [`weir_core::guards`]); `None`: of objects from an API server, but
    /// not of manifests.
    pub guards: Option<bool>,
    /// What guards refuse. The control plane adds the address of the API server that it reads.
    pub guard_rules: GuardRules,
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            node_name: String::new(),
            selection: Selection::default(),
            defaults: Settings::default(),
            guards: None,
            guard_rules: GuardRules { refused_endpoints: METADATA_SERVICES.into(), ..GuardRules::default() },
        }
    }
}

impl Scope {
    /// What guards refuse; `None` if guards are off. `default` decides where the operator does not say.
    pub(crate) fn guards(&self, default: bool) -> Option<GuardRules> {
        self.guards.unwrap_or(default).then(|| self.guard_rules.clone())
    }
}
