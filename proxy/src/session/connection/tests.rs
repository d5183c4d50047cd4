//! What does the log say of a connection that has ended?

use crate::{
    session::connection::Connection,
    tcp::fixture::{self, Fixture},
    telemetry::close_reason::Closed,
};
use std::{
    fmt::Debug,
    rc::Rc,
    sync::{Arc, Mutex},
    time::Duration,
};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};
use weir_core::Protocol;

/// Keeps the fields of events as text.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<(String, String)>>>);

impl Visit for Recorder {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.lock().unwrap().push((field.name().to_owned(), format!("{value:?}")));
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// Fields of the line about the end of a connection, but for the time that it took.
fn logged(connection: &Connection, reason: Closed) -> Vec<String> {
    let recorder = Recorder::default();
    tracing::subscriber::with_default(recorder.clone(), || connection.log_end(reason));
    let fields = recorder.0.lock().unwrap();
    assert!(fields.iter().any(|(name, _)| name == "duration"));
    let others = fields.iter().filter(|(name, _)| name != "duration");
    others.map(|(name, value)| format!("{name}={value}")).collect()
}

#[tokio::test]
async fn the_end_of_a_connection_is_logged_with_its_endpoint_bytes_attempts_and_times() {
    let Fixture { frontend, .. } = fixture::frontend(Duration::from_secs(600), &[]);
    let client = "192.0.2.7:4711".parse().unwrap();
    let connection = Connection::new(0, Rc::clone(&frontend), frontend.flow(Protocol::Tcp, client));
    connection.count_attempt();
    connection.count_attempt();
    connection.record_endpoint("10.244.0.11:8080".parse().unwrap());
    connection.record_connect_time(Duration::from_micros(1500));
    connection.to_endpoint.set(17);
    connection.to_client.set(4);
    assert_eq!(
        logged(&connection, Closed::Finished),
        [
            "message=connection closed",
            "client=192.0.2.7:4711",
            "frontend=10.96.0.10:1",
            "service=default/web/TCP",
            "endpoint=10.244.0.11:8080",
            "attempts=2",
            "connect_time=1.5ms",
            "to_endpoint=17",
            "to_client=4",
            "reason=finished",
        ]
    );
}

#[tokio::test]
async fn a_connection_that_reached_no_endpoint_is_logged_without_one() {
    let Fixture { frontend, .. } = fixture::frontend(Duration::from_secs(600), &[]);
    let client = "192.0.2.7:4711".parse().unwrap();
    let connection = Connection::new(0, Rc::clone(&frontend), frontend.flow(Protocol::Tcp, client));
    let fields = logged(&connection, Closed::NoEndpoints);
    assert!(!fields.iter().any(|field| field.contains("Some") || field.contains("None")), "{fields:?}");
    assert!(fields.contains(&"attempts=0".into()) && fields.contains(&"reason=no_endpoints".into()));
}
