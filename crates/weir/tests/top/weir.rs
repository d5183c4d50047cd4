//! Which weir is looked at? Documents in the forms of docs/api.md, of a node with something wrong.

use crate::operate_server::example;
use serde_json::{Value, json};

/// Seconds between the two moments at which totals are told: rates follow from these.
const LATER: u64 = 2;

/// Documents of a node; `later` is the second of two moments.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) pid: u64,
    pub(crate) services: Vec<Value>,
    pub(crate) endpoints: Vec<Value>,
    pub(crate) connections: Vec<Value>,
    pub(crate) closed: Vec<Value>,
    pub(crate) flows: Vec<Value>,
    pub(crate) events: Vec<Value>,
}

fn with(mut item: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else { panic!("an object") };
    for (path, value) in changes {
        let place = path.split('.').fold(&mut item, |value, key| &mut value[key]);
        *place = value;
    }
    item
}

fn first(path: &str) -> Value {
    example(path)["items"][0].clone()
}

fn service(
    namespace: &str,
    name: &str,
    port: &str,
    state: &str,
    reason: Option<&str>,
    counts: [u64; 3],
) -> Value {
    let [ready, total, active] = counts;
    let number = namespace.len() + name.len();
    let changes = json!({
        "namespace": namespace, "service": name, "port": port, "state": state, "reason": reason,
        "endpoints.ready": ready, "endpoints.total": total, "connections.active": active,
        "connections.openedTotal": 100 * active, "connections.failedTotal": total - ready,
        "clusterIPs": [format!("10.96.0.{number}")],
    });
    with(first("/api/v1/services"), changes)
}

fn endpoint(
    service: (&str, &str, &str),
    address: &str,
    node: &str,
    state: &str,
    odds: f64,
    active: u64,
) -> Value {
    let is_ready = state == "ready";
    let (namespace, name, port) = service;
    let mut item = with(
        first("/api/v1/endpoints"),
        json!({
            "namespace": namespace, "service": name, "port": port, "endpoint": address, "node": node, "state": state,
            "connections.active": active, "connections.max": active + 4, "picks": [{"traffic": "cluster", "eligible": is_ready, "reason": if is_ready { None } else { Some(state) }, "odds": odds}],
        }),
    );
    if is_ready {
        let changes = json!({
            "message": null, "reason": null, "until": null, "failures.total": 0, "failures.last": null,
            "failures.lastAt": null, "ejections.total": 0, "ejections.lastAt": null, "since": "2026-11-30T02:12:00.000Z",
        });
        item = with(item, changes);
    }
    item
}

/// Service ports, the worst first.
fn services() -> Vec<Value> {
    vec![
        service(
            "shop",
            "cart",
            "http",
            "not-bound",
            Some("10.96.0.8:80 is not served: the address is in use by another process"),
            [2, 2, 0],
        ),
        service(
            "shop",
            "checkout",
            "https",
            "failing",
            Some("both endpoints fail, and are used all the same"),
            [0, 2, 3],
        ),
        service(
            "shop",
            "mail",
            "smtp",
            "no-endpoints",
            Some("no endpoint is ready: clients are refused"),
            [0, 0, 0],
        ),
        service("default", "web", "http", "degraded", Some("1 of 3 endpoints is ejected"), [2, 3, 12]),
        with(service("kube-system", "kube-dns", "dns", "ok", None, [2, 2, 1]), json!({"protocol": "UDP"})),
        service("default", "api", "grpc", "ok", None, [4, 4, 240]),
    ]
}

/// Endpoints, the worst first.
fn endpoints() -> Vec<Value> {
    let web = ("default", "web", "http");
    vec![
        with(
            endpoint(("shop", "checkout", "https"), "10.244.3.7:8443", "node-c", "down", 0.0, 0),
            json!({"message": "active checks fail (timed_out)"}),
        ),
        endpoint(web, "10.244.1.7:8080", "node-b", "ejected", 0.0, 0),
        endpoint(web, "10.244.2.3:8080", "node-b", "ready", 0.5, 5),
        endpoint(web, "10.244.2.4:8080", "node-a", "ready", 0.5, 7),
    ]
}

fn connection(number: u64) -> Value {
    let age = 40 * (25 - number);
    with(
        first("/api/v1/connections"),
        json!({
            "id": format!("{}-{}", number % 2, 4700 + number), "client": format!("10.244.1.{}:{}", 9 + number, 43210 + number),
            "endpoint": format!("10.244.2.{}:8080", 3 + number % 2), "durationSeconds": age, "idleSeconds": number % 5,
            "bytesToEndpoint": 1024 * number, "bytesToClient": 65536 * number,
        }),
    )
}

fn closed(number: u64) -> Value {
    with(
        connection(number),
        json!({"state": "closed", "closedAt": format!("2026-11-30T02:29:{:02}.000Z", 59 - number), "idleSeconds": null, "reason": if number.is_multiple_of(3) { "endpoint_reset" } else { "finished" }}),
    )
}

/// Events, the oldest first.
fn events() -> Vec<Value> {
    let event = |id: u64, changes| with(first("/api/v1/events"), with(json!({"id": id}), changes));
    vec![
        event(
            15,
            json!({"time": "2026-11-30T02:12:00.000Z", "type": "EndpointsChanged", "severity": "info", "endpoint": null, "reason": null, "message": "came: 10.244.2.3:8080, 10.244.2.4:8080"}),
        ),
        event(
            16,
            json!({"time": "2026-11-30T02:20:13.000Z", "type": "ServiceEmpty", "namespace": "shop", "service": "mail", "port": "smtp", "endpoint": null, "message": "the Service has no endpoint: its clients are refused"}),
        ),
        event(17, json!({})),
    ]
}

impl Node {
    /// Node with Services in several states.
    pub(crate) fn new() -> Self {
        Self {
            pid: 4711,
            services: services(),
            endpoints: endpoints(),
            connections: (0..12).map(connection).collect(),
            closed: (0..20).map(closed).collect(),
            flows: vec![first("/api/v1/flows")],
            events: events(),
        }
    }

    /// Summary at the first or the second moment.
    pub(crate) fn summary(&self, later: bool) -> Value {
        let seconds = if later { LATER } else { 0 };
        with(
            example("/api/v1/summary"),
            json!({
                "pid": self.pid, "time": time(later), "startedAt": format!("2026-11-29T20:30:00.{:03}Z", self.pid % 1000),
                "services.services": 6, "services.ports": 6, "services.ok": 2, "services.notBound": 1, "services.failing": 1, "services.noEndpoints": 1,
                "endpoints.ejected": 1, "endpoints.down": 1, "endpoints.ready": 10, "endpoints.total": 13,
                "connections.active": 255, "connections.openedTotal": 34560 + 17 * seconds, "connections.failedTotal": 3 + seconds,
                "bytes.toEndpointTotal": 1_048_576 + 12_288 * seconds, "bytes.toClientTotal": 10_485_760 + 524_288 * seconds,
            }),
        )
    }

    /// Items of a list as they are at the first or the second moment.
    pub(crate) fn items(&self, route: &str, closed: bool, later: bool) -> Vec<Value> {
        let grown = |item: &Value, path: &str, by: u64| {
            let value = path.split('.').fold(item, |value, key| &value[key]).as_u64().unwrap_or(0);
            with(item.clone(), json!({path: value + if later { by } else { 0 }}))
        };
        let moved = |item: &Value| {
            let active = item["connections"]["active"].as_u64().unwrap_or(0);
            let item = grown(item, "connections.openedTotal", active);
            let item = grown(&item, "bytes.toEndpointTotal", 1024 * active);
            grown(&item, "bytes.toClientTotal", 65_536 * active)
        };
        match route {
            "services" => self.services.iter().map(moved).collect(),
            "endpoints" => {
                self.endpoints.iter().map(|item| grown(item, "connections.pickedTotal", 4)).collect()
            }
            "connections" if closed => self.closed.clone(),
            "connections" => self.connections.clone(),
            "flows" => self.flows.clone(),
            "events" => self.events.clone(),
            _ => Vec::new(),
        }
    }
}

/// Time of an answer.
pub(crate) fn time(later: bool) -> String {
    format!("2026-11-30T02:30:0{}.000Z", if later { LATER } else { 0 })
}

/// What is told of an endpoint or a connection only while there is a lease.
pub(crate) fn detail(route: &str) -> Value {
    let side = |rtt: f64, retransmits: u64| json!({"rttSeconds": rtt, "retransmits": retransmits, "unackedBytes": 0});
    match route {
        "endpoints" => {
            json!({"sockets": 4, "rttSeconds": 0.0003, "rttMaxSeconds": 0.0009, "retransmits": 2, "unackedBytes": 0})
        }
        _ => json!({"client": side(0.0008, 0), "endpoint": side(0.0002, 1)}),
    }
}
