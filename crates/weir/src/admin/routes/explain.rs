//! What does a client get, and why?

use crate::admin::{
    basics::{api_error::ApiError, clock::Clock},
    known::{
        override_form::OverrideForm,
        overview::{Overview, Port},
    },
    routes::asked::{Asked, json},
};
use crate::{cli::AskedFlow, http::Reply};
use serde_json::{Map, Value, json as value};
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};
use weir_core::{Family, Frontend, ServicePort, Traffic};
use weir_proxy::EndpointView;

/// Keys of an answer that its offline form leaves out where they do not apply.
const KEYS: [&str; 5] = ["mapped", "service", "endpoints", "notes", "because"];

/// Keys of a Service, likewise.
const SERVICE_KEYS: [&str; 1] = ["sourceRanges"];

/// Keys of an endpoint, likewise.
const ENDPOINT_KEYS: [&str; 5] = ["node", "zone", "reason", "detail", "source"];

/// Answers the route.
pub(crate) fn get(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    let query = &asked.query;
    query.only(&["to", "service", "from"])?;
    let clock = Clock::now();
    let overview = asked.knowledge.overview(clock.instant)?;
    let explainer = asked.knowledge.explainer().ok_or_else(ApiError::not_running)?;
    let to = match (query.get("to"), query.get("service")) {
        (Some(to), None) => to.to_owned(),
        (None, Some(service)) => frontend_of(&overview, service)?.to_string(),
        (Some(to), Some(_)) => return Err(ApiError::invalid("to", to, "give either to or service")),
        (None, None) => {
            let why = "give to, as in 10.96.0.10:80/TCP, or service, as in default/web";
            return Err(ApiError::invalid("to", "", why));
        }
    };
    let no_address = "must be an IP address, as in 10.244.0.1 or fd00::1";
    let from: IpAddr = match query.get("from") {
        Some(from) => from.parse().map_err(|_| ApiError::invalid("from", from, no_address))?,
        None => node_itself(&to),
    };
    let flow: AskedFlow =
        format!("{from} {to}").parse().map_err(|why: String| ApiError::invalid("to", &to, why))?;
    let snapshot = asked.knowledge.served.borrow().clone();
    let generation = snapshot.generation;
    let passed_over = |port: &ServicePort, traffic| passed_over(asked, port, traffic);
    let mut answer = explainer.explain(snapshot, flow, &passed_over).map_err(ApiError::internal)?;
    let Value::Object(fields) = &mut answer else {
        return Err(ApiError::internal("the answer is no object"));
    };
    complete(fields, &KEYS);
    add(fields, "kind", value!("Explanation"));
    add(fields, "time", serde_json::to_value(clock.time()).unwrap_or_default());
    add(fields, "generation", value!(generation));
    add_live(asked, fields, &overview, &clock, flow.to);
    json(&answer)
}

/// The first address of a Service's port; that of a port by name or number with `:PORT` behind.
fn frontend_of(overview: &Overview, text: &str) -> Result<Frontend, ApiError> {
    let (service, label) = text.split_once(':').map_or((text, None), |(service, port)| (service, Some(port)));
    let of_service = |port: &&Port| port.key.service.to_string() == service;
    let ports: Vec<&Port> = overview.ports.iter().filter(of_service).collect();
    if ports.is_empty() {
        let names: Vec<String> = overview.ports.iter().map(|port| port.key.service.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        return Err(ApiError::not_found("Service", service, &names));
    }
    let is_meant = |port: &&&Port| {
        let number = port.any().map(|any| any.port.to_string());
        label.is_none_or(|label| port.label == label || number.as_deref() == Some(label))
    };
    match ports.iter().filter(is_meant).collect::<Vec<_>>()[..] {
        [port] => port
            .any()
            .map(|any| Frontend {
                protocol: any.key.protocol,
                address: SocketAddr::new(any.cluster_ip, any.port.get()),
            })
            .ok_or_else(ApiError::not_running),
        _ => {
            let labels: Vec<String> = ports.iter().map(|port| format!("{service}:{}", port.label)).collect();
            let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
            Err(ApiError::unknown_word("service", text, &labels))
        }
    }
}

/// An address of this host, of the family that is asked for.
fn node_itself(to: &str) -> IpAddr {
    match to.starts_with('[') {
        true => IpAddr::V6(Ipv6Addr::LOCALHOST),
        false => IpAddr::V4(Ipv4Addr::LOCALHOST),
    }
}

/// Endpoints of a Service port that get nothing new of a kind of traffic, each with a word for why.
fn passed_over(asked: &Asked<'_>, port: &ServicePort, traffic: Traffic) -> HashMap<SocketAddr, &'static str> {
    let Some(observer) = asked.knowledge.observer() else { return HashMap::new() };
    let reason = |view: EndpointView| {
        let pick = view.picks.iter().find(|pick| pick.traffic == traffic)?;
        Some((view.endpoint.address, pick.reason?))
    };
    observer.endpoints(&port.key, port.family).into_iter().filter_map(reason).collect()
}

/// Adds what only the running weir knows.
fn add_live(
    asked: &Asked<'_>,
    fields: &mut Map<String, Value>,
    overview: &Overview,
    clock: &Clock,
    to: Frontend,
) {
    let Some(Value::Object(service)) = fields.get_mut("service") else { return };
    complete(service, &SERVICE_KEYS);
    let text = |key: &str| service.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (namespace, name, port_name, list) =
        (text("namespace"), text("name"), text("portName"), text("list"));
    let is_it = |port: &&Port| {
        let key = &port.key;
        *key.service.namespace == *namespace
            && *key.service.name == *name
            && *key.name == *port_name
            && key.protocol == to.protocol
    };
    let Some(port) = overview.ports.iter().find(is_it) else { return };
    let any = port.any();
    add(service, "balance", value!(any.map(|any| any.settings.balance.as_str())));
    add(
        service,
        "affinitySeconds",
        value!(any.and_then(|any| any.affinity).map(crate::admin::basics::clock::seconds)),
    );
    add(service, "state", value!(port.state.as_str()));
    let known = asked.knowledge.frontends.of(&port.key.service);
    let at = known.iter().find(|known| known.row.frontend == to.address || known.row.listen == to.address);
    add(service, "frontend", value!(at.map(|known| known.row.state.to_string())));
    let traffic = if list == "local" { Traffic::Local } else { Traffic::Cluster };
    let Some(observer) = asked.knowledge.observer() else { return };
    let views: Vec<EndpointView> =
        Family::ALL.into_iter().flat_map(|family| observer.endpoints(&port.key, family)).collect();
    let overrides = asked.knowledge.overrides().map(|overrides| overrides.current()).unwrap_or_default();
    let Some(Value::Array(endpoints)) = fields.get_mut("endpoints") else { return };
    for endpoint in endpoints.iter_mut().filter_map(Value::as_object_mut) {
        complete(endpoint, &ENDPOINT_KEYS);
        let address = endpoint.get("address").and_then(Value::as_str).unwrap_or_default();
        let view = views.iter().find(|view| view.endpoint.address.to_string() == address);
        add_endpoint(endpoint, view, traffic, clock);
        let said = view.and_then(|view| {
            let known = &view.endpoint;
            let said = overrides.deciding(known.address, to.protocol, known.node.as_ref())?;
            serde_json::to_value(OverrideForm::of(&said.0, said.1)).ok()
        });
        add(endpoint, "override", said.unwrap_or_default());
    }
}

fn add_endpoint(
    endpoint: &mut Map<String, Value>,
    view: Option<&EndpointView>,
    traffic: Traffic,
    clock: &Clock,
) {
    let pick = view.and_then(|view| view.picks.iter().find(|pick| pick.traffic == traffic));
    let until = view.and_then(|view| view.until).map(|until| clock.at(until));
    add(endpoint, "state", value!(view.map(|view| view.state.as_str())));
    add(endpoint, "until", serde_json::to_value(until).unwrap_or_default());
    add(endpoint, "connections", value!(view.map_or(0, |view| view.live)));
    add(endpoint, "limit", value!(view.and_then(|view| view.limit)));
    add(endpoint, "weight", value!(view.map(|view| view.endpoint.weight.get())));
    let odds = pick.and_then(|pick| pick.odds).map(|odds| (odds * 1e6).round() / 1e6);
    add(endpoint, "odds", if view.is_some() { value!(odds) } else { value!(0.0) });
}

/// Adds keys that are missing: lists are empty, everything else is `null`.
fn complete(fields: &mut Map<String, Value>, keys: &[&str]) {
    for key in keys {
        let missing = if matches!(*key, "endpoints" | "notes") { value!([]) } else { Value::Null };
        fields.entry(*key).or_insert(missing);
    }
}

fn add(fields: &mut Map<String, Value>, key: &str, value: Value) {
    fields.insert(key.to_owned(), value);
}
