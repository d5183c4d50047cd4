//! What is told of UDP flows?

use crate::admin::{
    basics::{
        api_error::ApiError,
        clock::{Clock, Time},
    },
    routes::{
        asked::{Asked, json},
        connections::query::{after, node_of, read},
        list::{ListForm, Metadata},
    },
};
use crate::http::Reply;
use serde::Serialize;
use std::{ops::ControlFlow, sync::Arc};
use weir_proxy::FlowInfo;

const PARAMETERS: [&str; 12] = [
    "namespace",
    "service",
    "labelSelector",
    "port",
    "client",
    "endpoint",
    "node",
    "older",
    "younger",
    "id",
    "limit",
    "continue",
];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FlowForm {
    id: String,
    namespace: String,
    service: String,
    port: String,
    protocol: &'static str,
    client: String,
    frontend: String,
    endpoint: String,
    node: Option<String>,
    opened_at: Time,
    duration_seconds: f64,
    idle_seconds: f64,
    datagrams_to_endpoint: u32,
    datagrams_to_client: u32,
    assured: bool,
}

/// Answers the route.
pub(crate) async fn get(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    asked.query.only(&PARAMETERS)?;
    let observer = asked.knowledge.observer().ok_or_else(ApiError::not_running)?;
    let (clock, limit) = (Clock::now(), asked.query.limit()?);
    let filter = read(asked, &clock)?;
    let total = observer.flows_by_worker().await.iter().sum();
    let mut metadata = Metadata::of(asked, &clock, total, filter.is_empty().then_some(total));
    let mut found = Vec::<FlowInfo>::new();
    let take = |slice: Vec<FlowInfo>| {
        found.extend(slice);
        if found.len() > limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    observer.flows(&Arc::new(filter), after(asked)?, take).await;
    if found.len() > limit {
        found.truncate(limit);
        metadata.next = found.last().map(|last| last.id.to_string());
    }
    let snapshot = asked.knowledge.served.borrow().clone();
    let form = |flow: FlowInfo| FlowForm {
        id: flow.id.to_string(),
        namespace: flow.port.service.namespace.to_string(),
        service: flow.port.service.name.to_string(),
        port: if flow.port.name.is_empty() {
            flow.port_number.to_string()
        } else {
            flow.port.name.to_string()
        },
        protocol: flow.port.protocol.as_str(),
        client: flow.flow.client.to_string(),
        frontend: flow.flow.frontend.to_string(),
        endpoint: flow.endpoint.to_string(),
        node: node_of(&snapshot, &flow.port, flow.endpoint),
        opened_at: clock.at(flow.opened),
        duration_seconds: clock.since(flow.opened),
        idle_seconds: clock.since(flow.last_active),
        datagrams_to_endpoint: flow.to_endpoint,
        datagrams_to_client: flow.to_client,
        assured: flow.assured,
    };
    json(&ListForm { kind: "FlowList", metadata, items: found.into_iter().map(form).collect() })
}
