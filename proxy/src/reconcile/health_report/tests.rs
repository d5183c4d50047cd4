//! Is each fault of an endpoint and of a Service port said once, and its end?

use super::*;
use crate::routing::node_context::NodeContext;
use std::{sync::Arc, time::Duration};
use weir_core::{ConnectFailure, Load, PortSpec, Service, ServiceKey, resolve_static};
use weir_testkit::LoggedText;

/// Services in simulated time.
struct Simulation {
    report: HealthReport,
    runtimes: PortRuntimes,
    endpoints: Endpoints,
    events: EventLog,
    start: Instant,
    seconds: u64,
}

fn address(last: u8) -> SocketAddr {
    ([10, 244, 0, last], 8080).into()
}

impl Simulation {
    fn new() -> Self {
        Self {
            report: HealthReport::default(),
            runtimes: PortRuntimes::default(),
            endpoints: Endpoints::default(),
            events: EventLog::default(),
            start: Instant::now(),
            seconds: 0,
        }
    }

    /// Serves a Service with these endpoints from now on.
    fn serve(&mut self, name: &str, endpoints: &[u8]) {
        let addresses: Vec<_> = endpoints.iter().map(|&last| address(last)).collect();
        let port = NonZeroU16::new(80).unwrap();
        let spec = PortSpec { name: "http".into(), protocol: Protocol::Tcp, port, node_port: None };
        let service = Service::new(ServiceKey::new("default", name), [10, 96, 0, 10].into(), vec![spec]);
        let port = &resolve_static(&service, &addresses).ports[0];
        let (context, key) = (Arc::new(NodeContext::default()), (port.key.clone(), port.family));
        match self.runtimes.get(&key) {
            Some(runtime) => runtime.update(port, &context, &mut self.endpoints),
            None => {
                let runtime = PortRuntime::new(port, &context, &mut self.endpoints);
                self.runtimes.insert(key, Arc::new(runtime));
            }
        }
        self.report.update(port);
    }

    fn load(&mut self, last: u8) -> Arc<Load> {
        self.endpoints.load(Protocol::Tcp, address(last))
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_secs(self.seconds)
    }

    /// Lets three connects to an endpoint fail.
    fn eject(&mut self, last: u8) {
        let (load, now) = (self.load(last), self.now());
        (0..3).for_each(|_| _ = load.failed(now, Duration::ZERO, ConnectFailure::TimedOut));
    }

    fn recover(&mut self, last: u8) {
        let (load, now) = (self.load(last), self.now());
        load.served(now);
    }

    /// What is logged after a second, without time and place.
    fn log(&mut self) -> Vec<String> {
        self.seconds += 1;
        let lines = Arc::<LoggedText>::default();
        let format = tracing_subscriber::fmt().with_ansi(false).without_time().with_target(false);
        let subscriber = format.with_writer(Arc::clone(&lines)).finish();
        let now = self.now();
        tracing::subscriber::with_default(subscriber, || {
            self.report.look(now, &self.runtimes, &self.endpoints, &self.events);
        });
        lines.text().lines().map(|line| line.trim().to_owned()).collect()
    }
}

const EJECTED: &str = "WARN endpoint ejected: it fails, and gets no clients for a while endpoint=10.244.0.11:8080 \
                       service=default/web port=http reason=timed_out";

#[test]
fn an_endpoint_that_is_ejected_is_said_once_and_once_that_it_works_again() {
    let mut simulation = Simulation::new();
    simulation.serve("web", &[11, 12]);
    assert_eq!(simulation.log(), [""; 0]);
    simulation.eject(11);
    assert_eq!(simulation.log(), [EJECTED]);
    simulation.serve("web", &[11, 12]);
    assert_eq!(simulation.log(), [""; 0], "an update changes nothing");
    simulation.recover(11);
    let again = "INFO endpoint works again endpoint=10.244.0.11:8080 service=default/web port=http \
                 reason=timed_out after=2s";
    assert_eq!(simulation.log(), [again]);
}

#[test]
fn an_endpoint_that_ends_connections_at_once_is_said_to_do_so() {
    let mut simulation = Simulation::new();
    simulation.serve("web", &[11, 12]);
    let (load, now) = (simulation.load(11), simulation.now());
    (0..3).for_each(|_| _ = load.ended_at_once(now, || true));
    assert_eq!(simulation.log(), [EJECTED.replace("timed_out", "ends_at_once")]);
}

#[test]
fn endpoints_that_fail_and_are_used_all_the_same_are_said_and_the_service_without_a_working_one() {
    let mut simulation = Simulation::new();
    simulation.serve("web", &[11, 12]);
    simulation.eject(11);
    assert_eq!(simulation.log(), [EJECTED]);
    simulation.load(12).check_failed(ConnectFailure::Refused);
    simulation.load(12).set_down(true);
    let used = "WARN endpoint fails and is used all the same, as nothing else is left";
    let none = "WARN the Service has no working endpoint: failing ones are used all the same, as nothing else is left \
                service=default/web port=http protocol=TCP family=IPv4 endpoints=2";
    let log = simulation.log();
    assert_eq!(log.len(), 3, "{log:#?}");
    assert!(log[0].starts_with(none), "{log:#?}");
    assert!(log[1].starts_with(used) && log[1].contains("endpoint=10.244.0.11:8080"), "{log:#?}");
    assert!(log[2].starts_with(used) && log[2].ends_with("reason=refused"), "{log:#?}");
    simulation.load(12).set_down(false);
    let log = simulation.log();
    let again = "INFO the Service has a working endpoint again service=default/web port=http protocol=TCP \
                 family=IPv4 after=1s";
    assert_eq!(log[0], again, "{log:#?}");
    assert_eq!(log[1], EJECTED, "{log:#?}");
    assert!(log[2].starts_with("INFO endpoint works again endpoint=10.244.0.12:8080"), "{log:#?}");
}

#[test]
fn a_client_that_no_endpoint_serves_in_time_is_enough_and_the_next_one_that_is_served_ends_it() {
    let mut simulation = Simulation::new();
    simulation.serve("web", &[11]);
    let runtime = Arc::clone(simulation.runtimes.values().next().unwrap());
    runtime.unserved.begin(ConnectFailure::TimedOut);
    runtime.unserved.begin(ConnectFailure::TimedOut);
    let log = simulation.log();
    assert!(log.len() == 1 && log[0].ends_with("endpoints=1 reason=timed_out"), "{log:#?}");
    runtime.unserved.begin(ConnectFailure::TimedOut);
    assert_eq!(simulation.log(), [""; 0]);
    runtime.unserved.end();
    assert!(simulation.log()[0].starts_with("INFO the Service has a working endpoint again"));
}

#[test]
fn a_service_whose_failing_endpoint_is_replaced_works_until_a_client_finds_otherwise() {
    let mut simulation = Simulation::new();
    simulation.serve("web", &[11, 12]);
    let runtime = Arc::clone(simulation.runtimes.values().next().unwrap());
    runtime.unserved.begin(ConnectFailure::TimedOut);
    assert_eq!(simulation.log().len(), 1);
    simulation.serve("web", &[11]);
    assert_eq!(simulation.log(), [""; 0], "one of the two that failed is left");
    simulation.serve("web", &[]);
    assert!(simulation.log()[0].starts_with("WARN the Service has no endpoint"));
    simulation.serve("web", &[13]);
    assert!(simulation.log()[0].starts_with("INFO the Service has a working endpoint again"));
    assert_eq!(simulation.log(), [""; 0]);
}

#[test]
fn a_service_without_endpoints_is_said_once_until_it_has_some() {
    let mut simulation = Simulation::new();
    simulation.serve("web", &[]);
    let none = "WARN the Service has no endpoint: its clients are refused service=default/web port=http protocol=TCP \
                family=IPv4";
    assert_eq!(simulation.log(), [none]);
    simulation.serve("web", &[]);
    assert_eq!(simulation.log(), [""; 0]);
    simulation.serve("web", &[11]);
    assert!(simulation.log()[0].starts_with("INFO the Service has a working endpoint again"));
    assert_eq!(simulation.log(), [""; 0]);
}

#[test]
fn of_a_thousand_services_that_fail_at_once_a_few_are_said_and_the_others_counted() {
    let mut simulation = Simulation::new();
    (0..1000).for_each(|number| simulation.serve(&format!("web-{number}"), &[]));
    let log = simulation.log();
    assert_eq!(log.len(), MAX_LINES + 1);
    assert!(log[MAX_LINES].ends_with("hidden=980"), "{}", log[MAX_LINES]);
}

#[test]
fn of_endpoints_that_fail_beyond_half_of_all_it_is_said_that_they_are_used() {
    let mut simulation = Simulation::new();
    simulation.serve("web", &[11, 12, 13]);
    simulation.eject(11);
    simulation.log();
    simulation.eject(12);
    let used = "WARN endpoint fails and is used all the same, as too few others would be left \
                endpoint=10.244.0.12:8080 service=default/web port=http reason=timed_out";
    assert_eq!(simulation.log(), [used]);
}
