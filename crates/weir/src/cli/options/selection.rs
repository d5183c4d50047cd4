//! Which Services is a list about?

use clap::Args;
use weir_core::ServiceKey;

/// Flags that select Services, named as kubectl's.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServiceSelection {
    /// Only Services in this namespace
    #[arg(short, long, value_name = "NAMESPACE", conflicts_with = "all_namespaces")]
    pub(crate) namespace: Option<String>,

    /// Services in all namespaces, which is the default
    #[arg(short = 'A', long)]
    all_namespaces: bool,
}

impl ServiceSelection {
    /// Whether a Service is selected.
    pub(crate) fn has(&self, service: &ServiceKey) -> bool {
        self.namespace.as_ref().is_none_or(|namespace| **namespace == *service.namespace)
    }
}
