//! What is said of an endpoint of a Service port, and why does it get new connections, or why not?

use super::{
    endpoint_state::EndpointState,
    judge::{Judged, TRAFFIC},
};
use crate::routing::routing_table::RoutingTable;
use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};
use weir_core::{ConnectFailure, Endpoint, Load, Traffic};

/// Whether one kind of traffic gives new connections to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pick {
    /// Kind of traffic.
    pub traffic: Traffic,
    /// A word for why not; `None` if it does.
    pub reason: Option<&'static str>,
    /// Chance of the next new connection, from 0 to 1; `None` where it depends on the client.
    pub odds: Option<f64>,
}

/// An endpoint of a Service port.
#[derive(Clone, Debug)]
pub struct EndpointView {
    /// The endpoint, as its EndpointSlice says it.
    pub endpoint: Endpoint,
    /// State.
    pub state: EndpointState,
    /// A word for the cause of the state; `None` if ready.
    pub reason: Option<&'static str>,
    /// Since when, as far as it is known.
    pub since: Option<Instant>,
    /// When an ejected endpoint is tried next.
    pub until: Option<Instant>,
    /// Whether it is used although it fails, as too few others are left.
    pub last_resort: bool,
    /// What each kind of traffic that the Service port serves does.
    pub picks: Vec<Pick>,
    /// Connections and flows that are open, of all Services.
    pub live: usize,
    /// The most that were open at once.
    pub most: u32,
    /// Connections that it may have by this Service port.
    pub limit: Option<u32>,
    /// Connections and flows that were begun with it.
    pub picked: u32,
    /// Failed connects.
    pub failures: u32,
    /// Failed connects since the last success.
    pub failures_in_a_row: u8,
    /// Why a connect or check failed last.
    pub last_failure: Option<ConnectFailure>,
    /// When a connect failed last.
    pub last_failed: Option<Instant>,
    /// Ejections.
    pub ejections: u32,
    /// When it was ejected last.
    pub last_ejected: Option<Instant>,
    /// Mean and peak time of a connect; `None` before the first.
    pub connect_time: Option<(Duration, Duration)>,
}

impl EndpointView {
    /// The view of one endpoint of a Service port with these chances by kind of traffic.
    pub(super) fn of(
        routing: &RoutingTable,
        endpoint: &Endpoint,
        judged: &Judged<'_>,
        odds: &[Option<Vec<f64>>; 2],
    ) -> Self {
        let load = judged.load;
        let pick = |(index, traffic): (usize, Traffic)| {
            let reason = judged.refusals.get(index).copied().flatten()?;
            let position = judged.positions.get(index).copied().flatten();
            let known = odds.get(index).and_then(Option::as_ref);
            let odds = match reason {
                Some(_) => Some(0.0),
                None => known.zip(position).and_then(|(odds, at)| odds.get(at).copied()),
            };
            Some(Pick { traffic, reason, odds })
        };
        Self {
            endpoint: endpoint.clone(),
            state: judged.state,
            reason: judged.reason,
            since: load.and_then(Load::changed),
            until: load.and_then(Load::probe_due).filter(|_| judged.state == EndpointState::Ejected),
            last_resort: judged.last_resort,
            picks: TRAFFIC.into_iter().enumerate().filter_map(pick).collect(),
            live: load.map_or(0, Load::live),
            most: load.map_or(0, Load::most),
            limit: routing.port.settings.limits.connections_per_endpoint.map(NonZeroU32::get),
            picked: load.map_or(0, Load::picked),
            failures: load.map_or(0, Load::failures),
            failures_in_a_row: load.map_or(0, Load::failures_in_a_row),
            last_failure: load.and_then(Load::last_failure),
            last_failed: load.and_then(Load::last_failed),
            ejections: load.map_or(0, Load::ejections),
            last_ejected: load.and_then(Load::last_ejected),
            connect_time: load.and_then(|load| {
                let time = load.connect_time();
                Some((time.mean()?, time.peak().unwrap_or_default()))
            }),
        }
    }
}
