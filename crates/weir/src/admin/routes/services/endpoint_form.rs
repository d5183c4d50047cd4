//! How is an endpoint written down?

use crate::admin::{
    basics::clock::{Clock, Time, seconds},
    known::{override_form::OverrideForm, overview::Port, paths::EndpointDetail},
};
use serde::Serialize;
use std::net::IpAddr;
use weir_core::{Conditions, Traffic};
use weir_proxy::{EndpointState, EndpointView};

/// An endpoint of a Service port.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndpointForm {
    namespace: String,
    service: String,
    port: String,
    protocol: &'static str,
    endpoint: String,
    pub(in crate::admin) node: Option<String>,
    zone: Option<String>,
    state: &'static str,
    since: Option<Time>,
    reason: Option<&'static str>,
    message: Option<String>,
    until: Option<Time>,
    last_resort: bool,
    conditions: ConditionsForm,
    picks: Vec<PickForm>,
    weight: u16,
    r#override: Option<OverrideForm>,
    pub(in crate::admin) connections: ConnectionsForm,
    pub(in crate::admin) failures: FailuresForm,
    ejections: EjectionsForm,
    connect_time: Option<ConnectTimeForm>,
    detail: Option<EndpointDetail>,
    #[serde(skip)]
    pub(in crate::admin) key: Key,
}

/// What endpoints are sorted by.
#[derive(Clone, Debug)]
pub(in crate::admin) struct Key {
    pub(in crate::admin) name: String,
    pub(in crate::admin) ip: IpAddr,
    pub(in crate::admin) number: u16,
    pub(in crate::admin) state: EndpointState,
    pub(in crate::admin) mean: f64,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct ConditionsForm {
    ready: bool,
    serving: bool,
    terminating: bool,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct PickForm {
    traffic: &'static str,
    eligible: bool,
    reason: Option<&'static str>,
    odds: Option<f64>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::admin) struct ConnectionsForm {
    pub(in crate::admin) active: usize,
    max: u32,
    limit: Option<u32>,
    pub(in crate::admin) picked_total: u32,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::admin) struct FailuresForm {
    pub(in crate::admin) total: u32,
    in_a_row: u8,
    last: Option<&'static str>,
    last_at: Option<Time>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EjectionsForm {
    total: u32,
    last_at: Option<Time>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ConnectTimeForm {
    mean_seconds: f64,
    peak_seconds: f64,
}

impl EndpointForm {
    /// Notes the override that decides for the endpoint.
    pub(super) fn overridden(self, r#override: Option<OverrideForm>) -> Self {
        Self { r#override, ..self }
    }

    /// Notes what the kernel knows of the ways to the endpoint.
    pub(super) fn detailed(self, detail: Option<EndpointDetail>) -> Self {
        Self { detail, ..self }
    }

    pub(in crate::admin) fn of(port: &Port, view: &EndpointView, clock: &Clock) -> Self {
        let at = |instant: Option<std::time::Instant>| instant.map(|instant| clock.at(instant));
        let (endpoint, address) = (&view.endpoint, view.endpoint.address);
        let Conditions { ready, serving, terminating } = endpoint.conditions;
        let pick = |pick: &weir_proxy::Pick| PickForm {
            traffic: match pick.traffic {
                Traffic::Cluster => "cluster",
                Traffic::Local => "local",
            },
            eligible: pick.reason.is_none(),
            reason: pick.reason,
            odds: pick.odds.map(|odds| (odds * 1e6).round() / 1e6),
        };
        Self {
            namespace: port.key.service.namespace.to_string(),
            service: port.key.service.name.to_string(),
            port: port.label.clone(),
            protocol: port.key.protocol.as_str(),
            endpoint: address.to_string(),
            node: endpoint.node.as_deref().map(str::to_owned),
            zone: endpoint.zone.as_deref().map(str::to_owned),
            state: view.state.as_str(),
            since: at(view.since),
            reason: view.reason,
            message: message(view, clock),
            until: at(view.until),
            last_resort: view.last_resort,
            conditions: ConditionsForm { ready, serving, terminating },
            picks: view.picks.iter().map(pick).collect(),
            weight: endpoint.weight.get(),
            r#override: None,
            connections: ConnectionsForm {
                active: view.live,
                max: view.most,
                limit: view.limit,
                picked_total: view.picked,
            },
            failures: FailuresForm {
                total: view.failures,
                in_a_row: view.failures_in_a_row,
                last: view.last_failure.map(weir_core::ConnectFailure::as_str),
                last_at: at(view.last_failed),
            },
            ejections: EjectionsForm { total: view.ejections, last_at: at(view.last_ejected) },
            connect_time: view.connect_time.map(|(mean, peak)| ConnectTimeForm {
                mean_seconds: seconds(mean),
                peak_seconds: seconds(peak),
            }),
            detail: None,
            key: Key {
                name: format!("{} {address}", port.name),
                ip: address.ip(),
                number: address.port(),
                state: view.state,
                mean: view.connect_time.map_or(0.0, |(mean, _)| seconds(mean)),
            },
        }
    }
}

/// A sentence about an endpoint that gets nothing new.
fn message(view: &EndpointView, clock: &Clock) -> Option<String> {
    let why = view.reason.unwrap_or_default();
    let used = if view.last_resort { "; it is used all the same, as too few others are left" } else { "" };
    match view.state {
        EndpointState::Ready => None,
        EndpointState::Ejected => {
            let next = view.until.map(|until| clock.at(until).0).map(humantime::format_rfc3339_millis);
            let next = next.map_or_else(String::new, |next| format!("; it is tried again at {next}"));
            Some(format!("connections to it keep failing ({why}){next}{used}"))
        }
        EndpointState::Down => Some(format!("its checks fail ({why}){used}")),
        EndpointState::Draining => Some(format!("it gets no new connections ({why})")),
        EndpointState::Full => Some("it has as many connections as it may have".to_owned()),
        EndpointState::NotReady => Some(format!("Kubernetes says that it is not ready ({why})")),
        EndpointState::Elsewhere => Some(format!("it serves clients of other nodes or zones ({why})")),
        EndpointState::Loop => Some("weir itself serves this address".to_owned()),
    }
}
