//! Which path asks for which probe? The health server: `/livez`, `/healthz`, `/readyz`.

use super::{
    closing::Listening,
    reply::{JSON, Reply, not_found, reply},
    server::Server,
};
use crate::{
    health::{Answer, ClockReading, Health},
    metrics::{HEALTHZ, LIVEZ},
};
use hyper::StatusCode;
use metrics::{Counter, counter};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};
use tokio::sync::watch;
use weir_core::MetricFamily;

const SERVER: Server = Server { name: "health", alternative: "--health-address 127.0.0.1:10266" };

/// The proxy's health, shared between those that apply changes and the health server.
#[derive(Clone, Debug)]
pub(crate) struct Probes(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    health: Mutex<Health>,
    healthz: Answers,
    livez: Answers,
}

impl Probes {
    /// Wraps a state of health to be shared.
    pub(crate) fn new(health: Health) -> Self {
        let (healthz, livez) = (Answers::new(HEALTHZ), Answers::new(LIVEZ));
        Self(Arc::new(Shared { health: Mutex::new(health), healthz, livez }))
    }

    /// Locks the health to read or change it. Keep the guard for no longer than that.
    pub(crate) fn health(&self) -> MutexGuard<'_, Health> {
        self.0.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers probes on `address` until told to close it. `accompanied` says whether another weir may have the address.
    pub(crate) async fn serve(
        self,
        address: SocketAddr,
        accompanied: watch::Receiver<bool>,
        listening: Listening,
    ) {
        let handler = move |request: hyper::Request<_>| {
            std::future::ready(self.answer(request.uri().path(), ClockReading::now()))
        };
        SERVER.serve(address, accompanied, handler, listening).await;
    }

    fn answer(&self, path: &str, now: ClockReading) -> Reply {
        let health = self.health();
        match path {
            "/livez" => self.0.livez.count(health.livez(now)),
            "/healthz" => self.0.healthz.count(health.healthz(now)),
            "/readyz" => json(health.readyz()),
            _ => not_found(),
        }
    }
}

/// Counters of a probe's answers by status, as kube-proxy has them: a series begins with its first answer.
#[derive(Debug)]
struct Answers {
    family: MetricFamily,
    ok: OnceLock<Counter>,
    unavailable: OnceLock<Counter>,
}

impl Answers {
    const fn new(family: MetricFamily) -> Self {
        Self { family, ok: OnceLock::new(), unavailable: OnceLock::new() }
    }

    fn count(&self, answer: Answer) -> Reply {
        let counter = if answer.ok { &self.ok } else { &self.unavailable };
        let reply = json(answer);
        let register = || counter!(self.family.name, "code" => reply.status().as_str().to_owned());
        counter.get_or_init(register).increment(1);
        reply
    }
}

fn json(answer: Answer) -> Reply {
    let status = if answer.ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    reply(status, JSON, answer.body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Closing, client::Client};
    use serde_json::Value;
    use std::{fs, net::Ipv4Addr, time::Duration};
    use tokio::net::TcpListener;
    use weir_core::{Family, Node};

    /// The golden vectors were recorded from kube-proxy's server; ours must answer the same over a real socket.
    #[tokio::test]
    async fn every_recorded_probe_gets_kube_proxys_answer() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../conformance/health_http.json");
        let vectors: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let cases = vectors["cases"].as_array().unwrap().iter();
        // The health-check node port has a server of its own.
        let cases: Vec<_> =
            cases.filter(|case| !case["name"].as_str().unwrap().starts_with("hcnp-")).collect();
        assert!(cases.len() >= 18, "vectors are missing");
        for case in cases {
            assert_answers(case).await;
        }
    }

    async fn assert_answers(case: &Value) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let start = ClockReading::now();
        let probes = Probes::new(state(case, start));
        let asked = start + AGE;
        let handler =
            move |request: hyper::Request<_>| std::future::ready(probes.answer(request.uri().path(), asked));
        let server = tokio::spawn(SERVER.accept_all(listener, handler, Closing::default().listening()));
        let (method, path) = (case["method"].as_str().unwrap(), case["path"].as_str().unwrap());
        let mut seen = Client::connect(address).await.request(method, path).await;
        server.abort();
        seen.headers.retain(|name, _| name != "Date" && name != "Content-Length");
        let name = &case["name"];
        assert_eq!(seen.status, case["status"], "{name}");
        assert_eq!(serde_json::to_value(&seen.headers).unwrap(), case["headers"], "{name}");
        assert_eq!(without_times(&seen.body), case["body"].as_str().unwrap(), "{name}");
    }

    /// How long before it was asked each recorded proxy had synced for the first time.
    const AGE: Duration = Duration::from_secs(90);

    /// A change that came then is late when it is asked, and one that came at the end is not.
    const LATE: Duration = Duration::from_secs(29);

    fn state(case: &Value, start: ClockReading) -> Health {
        let (state, name) = (&case["state"], case["name"].as_str().unwrap());
        let (late, now) = (start + LATE, start + AGE);
        let mut health = Health::new(true);
        let known = !state.get("node").is_some_and(Value::is_null);
        let leaving =
            state["taint"] == "ToBeDeletedByClusterAutoscaler" || state["deletionTimestamp"] == true;
        health.set_node(&Node { known, leaving, ..Node::named("node-a") });
        let families = state["proxiers"].as_u64().unwrap_or(2);
        for family in Family::ALL.into_iter().take(usize::try_from(families).unwrap()) {
            health.updated(family, start);
        }
        match name {
            "healthz-recovered" => {
                health.queued(Family::V4, late);
                health.updated(Family::V4, now);
            }
            _ if state["queued"] == "IPv4" => {
                health.queued(Family::V4, if state["late"] == true { late } else { now })
            }
            _ => {}
        }
        match name {
            "healthz-requeue-does-not-reset-age" => health.queued(Family::V4, now),
            "healthz-other-family-update-does-not-help" => health.updated(Family::V6, now),
            _ => {}
        }
        health
    }

    /// Replaces every time by `<time>`, as the vectors do.
    fn without_times(body: &str) -> String {
        let mut parts = body.split('"');
        let is_time = |part: &&str| part.len() >= 20 && part.starts_with("20") && part.ends_with('Z');
        let parts: Vec<&str> =
            parts.by_ref().map(|part| if is_time(&part) { "<time>" } else { part }).collect();
        parts.join("\"")
    }

    #[tokio::test]
    async fn readyz_turns_when_the_first_state_is_applied() {
        let probes = Probes::new(Health::new(false));
        assert_eq!(probes.answer("/readyz", ClockReading::now()).status(), 503);
        probes.health().set_ready();
        assert_eq!(probes.answer("/readyz", ClockReading::now()).status(), 200);
    }
}
