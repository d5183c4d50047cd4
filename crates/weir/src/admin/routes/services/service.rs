//! What is told of one Service?

use crate::admin::{
    basics::{
        api_error::ApiError,
        clock::{Clock, Time},
    },
    known::leases::LeaseForm,
    routes::{
        asked::{Asked, json},
        services::{endpoint_form::EndpointForm, endpoints, port_form::PortForm},
    },
};
use crate::http::Reply;
use serde::Serialize;
use weir_core::{ServiceKey, ServicePort};
use weir_proxy::FrontendState;

/// Endpoints that are told of at most.
const MAX_ENDPOINTS: usize = 1000;

/// One Service.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServiceForm {
    kind: &'static str,
    time: Time,
    generation: u64,
    namespace: String,
    service: String,
    created_at: Option<Time>,
    ports: Vec<PortForm>,
    frontends: Vec<FrontendForm>,
    endpoints: Vec<EndpointForm>,
    lease: Option<LeaseForm>,
}

#[derive(Clone, Debug, Serialize)]
struct FrontendForm {
    port: String,
    protocol: &'static str,
    kind: &'static str,
    address: String,
    listen: String,
    state: &'static str,
    reason: Option<String>,
    since: Time,
}

/// Answers the route.
pub(crate) async fn get(asked: &Asked<'_>, namespace: &str, name: &str) -> Result<Reply, ApiError> {
    asked.query.only(&["detail"])?;
    let lease = match asked.query.flag("detail")? {
        true => Some(asked.knowledge.leases.take(asked.caller, Clock::now().instant)?),
        false => None,
    };
    json(&form(asked, &ServiceKey::new(namespace, name), lease).await?)
}

/// What is told of a Service.
pub(crate) async fn form(
    asked: &Asked<'_>,
    key: &ServiceKey,
    lease: Option<LeaseForm>,
) -> Result<ServiceForm, ApiError> {
    let clock = Clock::now();
    let snapshot = asked.knowledge.served.borrow().clone();
    let Some(service) = snapshot.get(key) else {
        let names: Vec<String> = snapshot.services().map(|service| service.key.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        return Err(ApiError::not_found("Service", &key.to_string(), &names));
    };
    let paths = asked.knowledge.paths(lease, &[]).await;
    let overview = asked.knowledge.overview(clock.instant)?;
    let ports: Vec<_> = overview.ports.iter().filter(|port| port.key.service == *key).collect();
    let known = asked.knowledge.frontends.of(key);
    let frontends = known.iter().map(|known| FrontendForm::of(known, &service.ports)).collect();
    let mut told = Vec::new();
    for port in &ports {
        told.extend(endpoints::of_port(asked, port, paths.as_deref(), &clock)?);
    }
    told.truncate(MAX_ENDPOINTS);
    Ok(ServiceForm {
        kind: "Service",
        time: clock.time(),
        generation: snapshot.generation,
        namespace: key.namespace.to_string(),
        service: key.name.to_string(),
        created_at: service.created.time().map(Time),
        ports: ports.into_iter().map(|port| PortForm::of(port, &clock)).collect(),
        frontends,
        endpoints: told,
        lease,
    })
}

impl FrontendForm {
    fn of(
        known: &crate::admin::known::frontends::KnownFrontend,
        ports: &[std::sync::Arc<ServicePort>],
    ) -> Self {
        let row = &known.row;
        let number = ports.iter().find(|port| port.key == row.port).map_or(0, |port| port.port.get());
        let (state, reason) = match &row.state {
            FrontendState::Listening(_) => ("listening", None),
            FrontendState::NoEndpoints => ("no-endpoints", None),
            FrontendState::Failed(why) => ("failed", Some(why.to_string())),
            FrontendState::Removed => ("removed", None),
        };
        Self {
            port: if row.port.name.is_empty() { number.to_string() } else { row.port.name.to_string() },
            protocol: row.port.protocol.as_str(),
            kind: row.kind.as_str(),
            address: row.frontend.to_string(),
            listen: row.listen.to_string(),
            state,
            reason,
            since: Time(known.since),
        }
    }
}
