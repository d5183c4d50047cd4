//! What is told of the node as a whole?

mod api_server;

use crate::admin::{
    basics::{
        api_error::ApiError,
        clock::{Clock, Time, seconds},
    },
    known::overview::{Overview, PortState},
    routes::{
        asked::{Asked, json},
        services::port_form::{BytesForm, EndpointCountsForm, FrontendCountsForm},
    },
};
use crate::http::Reply;
use api_server::ApiServerForm;
use serde::Serialize;
use weir_proxy::PortTotals;

/// Totals of the node.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SummaryForm {
    kind: &'static str,
    time: Time,
    version: &'static str,
    node: String,
    zone: Option<String>,
    mode: &'static str,
    pid: u32,
    started_at: Time,
    uptime_seconds: f64,
    ready: bool,
    draining: bool,
    generation: u64,
    last_applied_at: Option<Time>,
    api_server: Option<ApiServerForm>,
    workers: Vec<WorkerForm>,
    services: ServiceCountsForm,
    frontends: FrontendCountsForm,
    endpoints: EndpointCountsForm,
    connections: ConnectionTotalsForm,
    flows: FlowTotalsForm,
    bytes: BytesForm,
    descriptors: DescriptorsForm,
    overrides: usize,
    leases: usize,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct WorkerForm {
    worker: usize,
    connections: usize,
    flows: usize,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceCountsForm {
    services: usize,
    ports: usize,
    ok: usize,
    degraded: usize,
    failing: usize,
    no_endpoints: usize,
    not_bound: usize,
    unsupported: usize,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ConnectionTotalsForm {
    active: usize,
    limit: usize,
    opened_total: u64,
    closed_total: u64,
    failed_total: u64,
    rejected_total: u64,
    delayed_total: u64,
    retried_total: u64,
    hedged_total: u64,
    waiting: usize,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FlowTotalsForm {
    active: usize,
    limit: usize,
    opened_total: u64,
    closed_total: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct DescriptorsForm {
    used: usize,
    limit: usize,
}

/// Answers the route.
pub(crate) async fn get(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    asked.query.only(&[])?;
    json(&form(asked).await?)
}

/// What is told of the node.
pub(crate) async fn form(asked: &Asked<'_>) -> Result<SummaryForm, ApiError> {
    let (clock, knowledge) = (Clock::now(), asked.knowledge);
    let observer = knowledge.observer().ok_or_else(ApiError::not_running)?;
    let overview = knowledge.overview(clock.instant)?;
    let (connections, flows) = (observer.connections_by_worker(), observer.flows_by_worker().await);
    let [tcp, udp] = observer.totals();
    let (used, limit) = observer.descriptors();
    let snapshot = knowledge.served.borrow().clone();
    let (ready, draining) = knowledge.probes.health().standing();
    let counts = observer.frontends();
    let workers = connections.iter().zip(&flows).enumerate();
    let mut bytes = tcp;
    bytes += udp;
    Ok(SummaryForm {
        kind: "Summary",
        time: clock.time(),
        version: env!("CARGO_PKG_VERSION"),
        node: snapshot.node.name.to_string(),
        zone: snapshot.node.zone.as_deref().map(str::to_owned),
        mode: if knowledge.node.in_node_mode { "node" } else { "bind" },
        pid: std::process::id(),
        started_at: Time(knowledge.started.0),
        uptime_seconds: seconds(knowledge.uptime()),
        ready,
        draining,
        generation: snapshot.generation,
        last_applied_at: observer.applied().map(Time),
        api_server: knowledge.api_server().map(|status| ApiServerForm::of(&status, &clock)),
        workers: workers
            .map(|(worker, (&connections, &flows))| WorkerForm { worker, connections, flows })
            .collect(),
        services: ServiceCountsForm::of(&overview),
        frontends: FrontendCountsForm {
            listening: counts.listening,
            failed: counts.failed,
            no_endpoints: counts.no_endpoints,
        },
        endpoints: EndpointCountsForm::of(&overview.ports, tcp.ejections + udp.ejections),
        connections: ConnectionTotalsForm {
            active: connections.iter().sum(),
            limit: observer.max_connections(),
            opened_total: tcp.opened,
            closed_total: tcp.closed,
            failed_total: tcp.failed,
            rejected_total: tcp.rejected,
            delayed_total: tcp.delayed,
            retried_total: tcp.retried,
            hedged_total: tcp.hedged,
            waiting: observer.waiting(),
        },
        flows: flow_totals(flows.iter().sum(), observer.max_flows(), &udp),
        bytes: BytesForm::of(&bytes),
        descriptors: DescriptorsForm { used, limit },
        overrides: knowledge.overrides().map_or(0, |overrides| overrides.current().iter().len()),
        leases: knowledge.leases.count(clock.instant),
    })
}

fn flow_totals(active: usize, limit: usize, totals: &PortTotals) -> FlowTotalsForm {
    FlowTotalsForm { active, limit, opened_total: totals.opened, closed_total: totals.closed }
}

impl ServiceCountsForm {
    fn of(overview: &Overview) -> Self {
        let count = |state| overview.ports.iter().filter(|port| port.state == state).count();
        Self {
            services: overview.services,
            ports: overview.ports.len(),
            ok: count(PortState::Ok),
            degraded: count(PortState::Degraded),
            failing: count(PortState::Failing),
            no_endpoints: count(PortState::NoEndpoints),
            not_bound: count(PortState::NotBound),
            unsupported: count(PortState::Unsupported),
        }
    }
}
