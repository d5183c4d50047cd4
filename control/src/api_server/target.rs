//! Which objects of each kind is the API server asked for? The same selectors as kube-proxy's (semantics S2,
//! S4, S5, S7).

use crate::{Kind, SERVICE_PROXY_NAME, Selection};
use kube::{
    api::{ListParams, WatchParams},
    runtime::watcher,
};
use std::time::Duration;

/// Kind and selectors of one watch.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) kind: Kind,
    labels: Option<String>,
    fields: Option<String>,
    /// How much weir needs the kind, which decides what a refusal means.
    pub(super) requirement: Requirement,
}

/// How much weir needs a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Requirement {
    /// Nothing can be served without the kind.
    Required,
    /// Something is worse without the kind; says what.
    Recommended(&'static str),
    /// The kind is used only where it is offered; says what is missing without it.
    Optional(&'static str),
}

/// Number of objects on a page of a list.
const PAGE_OBJECTS: u32 = 500;

impl Target {
    pub(super) fn services(selection: &Selection) -> Self {
        let labels = match &selection.service_proxy_name {
            Some(name) => format!("{SERVICE_PROXY_NAME}={name}"),
            None => format!("!{SERVICE_PROXY_NAME}"),
        };
        let fields = Some("spec.clusterIP!=None".into());
        Self { kind: Kind::Service, labels: Some(labels), fields, requirement: Requirement::Required }
    }

    pub(super) fn endpoint_slices() -> Self {
        let labels = Some("!service.kubernetes.io/headless".into());
        Self { kind: Kind::EndpointSlice, labels, fields: None, requirement: Requirement::Required }
    }

    pub(super) fn node(name: &str) -> Self {
        let requirement = Requirement::Recommended(
            "zone hints and node ports on this node's addresses do not work without it",
        );
        Self { kind: Kind::Node, labels: None, fields: Some(format!("metadata.name={name}")), requirement }
    }

    /// All Nodes, to be listed only.
    pub(super) fn all_nodes() -> Self {
        let requirement =
            Requirement::Optional("endpoints that are node ports of other nodes are not refused");
        Self { kind: Kind::Node, labels: None, fields: None, requirement }
    }

    pub(super) fn service_cidrs() -> Self {
        let requirement = Requirement::Optional("undefined ports of cluster IPs are not refused");
        Self { kind: Kind::ServiceCidr, labels: None, fields: None, requirement }
    }

    /// Parameters of a list's first page.
    pub(super) fn page(&self) -> ListParams {
        ListParams {
            label_selector: self.labels.clone(),
            field_selector: self.fields.clone(),
            limit: Some(PAGE_OBJECTS),
            ..ListParams::default()
        }
    }

    /// Parameters of a list of at most so many objects, and of a watch of so many seconds, which only try what may be done.
    pub(super) fn probe(&self, objects: Option<u32>, seconds: u32) -> (ListParams, WatchParams) {
        let (labels, fields) = (self.labels.clone(), self.fields.clone());
        let list = ListParams { limit: objects, ..ListParams::default() };
        let watch = WatchParams { timeout: Some(seconds), ..WatchParams::default() };
        (
            ListParams { label_selector: labels.clone(), field_selector: fields.clone(), ..list },
            WatchParams { label_selector: labels, field_selector: fields, ..watch },
        )
    }

    /// Configuration of the watcher, with or without a streaming list.
    pub(super) fn config(&self, streaming: bool, timeout: Duration) -> watcher::Config {
        let config = watcher::Config {
            label_selector: self.labels.clone(),
            field_selector: self.fields.clone(),
            timeout: Some(u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX).clamp(1, 290)),
            page_size: Some(PAGE_OBJECTS),
            ..watcher::Config::default()
        };
        if streaming { config.streaming_lists() } else { config }
    }
}
