//! How is an override told?

use crate::admin::basics::clock::Time;
use serde::Serialize;
use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};
use weir_core::{Override, Snapshot, Steered};

/// An override, as in every answer about an endpoint.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OverrideForm {
    pub(in crate::admin) id: String,
    drain: bool,
    weight: Option<u16>,
    set_at: Time,
    by: String,
}

/// An override in a list of them.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::admin) struct OverrideItem {
    #[serde(flatten)]
    pub(in crate::admin) form: OverrideForm,
    endpoint: Option<String>,
    node: Option<String>,
    /// Endpoints of Service ports that it concerns.
    pub(in crate::admin) matches: usize,
}

impl OverrideForm {
    pub(crate) fn of(target: &Steered, said: &Override) -> Self {
        let set_at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(said.set_at));
        Self {
            id: match target {
                Steered::Endpoint { .. } => format!("endpoint/{target}"),
                Steered::Node(_) => target.to_string(),
            },
            drain: said.drained,
            weight: said.weight.map(weir_core::Weight::get),
            set_at: Time(set_at.unwrap_or(SystemTime::UNIX_EPOCH)),
            by: said.by.to_string(),
        }
    }
}

impl OverrideItem {
    pub(in crate::admin) fn of(target: &Steered, said: &Override, matches: usize) -> Self {
        let (endpoint, node) = match target {
            Steered::Endpoint { .. } => (Some(target.to_string()), None),
            Steered::Node(name) => (None, Some(name.to_string())),
        };
        Self { form: OverrideForm::of(target, said), endpoint, node, matches }
    }
}

/// Number of endpoints of Service ports that each target concerns. Looks at every endpoint once.
pub(in crate::admin) fn count_matches<'a>(
    snapshot: &Snapshot,
    targets: impl Iterator<Item = &'a Steered>,
) -> HashMap<Steered, usize> {
    let mut counts: HashMap<Steered, usize> = targets.map(|target| (target.clone(), 0)).collect();
    for port in snapshot.services().flat_map(|service| &service.ports) {
        for endpoint in &*port.merged {
            for target in Steered::all_of(endpoint.address, port.key.protocol, endpoint.node.as_ref()) {
                if let Some(count) = counts.get_mut(&target) {
                    *count += 1;
                }
            }
        }
    }
    counts
}
