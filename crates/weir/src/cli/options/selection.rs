//! Which Services is a list about?

use clap::Args;
use weir_control::LabelSelector;
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

/// Flag that selects Services by their labels, named as kubectl's.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LabelSelection {
    /// Only Services with these labels, as in app=web, tier!=db, 'track in (a,b)' or '!legacy'; commas join conditions
    #[arg(short = 'l', long, value_name = "SELECTOR", value_parser = label_selector)]
    pub(crate) selector: Option<String>,
}

/// Checks a label selector, for the admin API.
fn label_selector(text: &str) -> Result<String, String> {
    text.parse::<LabelSelector>().map_err(|error| error.to_string())?;
    Ok(text.trim().to_owned())
}

impl ServiceSelection {
    /// Whether a Service is selected.
    pub(crate) fn has(&self, service: &ServiceKey) -> bool {
        self.namespace.as_ref().is_none_or(|namespace| **namespace == *service.namespace)
    }
}
