//! What is remembered of endpoints and Service ports that fail, and that work again?

use super::fault::{EndpointFault, Port, PortFault, State, rounded};
use crate::shared::{
    connection_info::ServedPort,
    event_log::{EventKind, Occurrence},
};
use std::net::SocketAddr;
use weir_core::{Line, Protocol};

/// What is remembered of a Service port.
pub(super) fn of_port((port, family): &Port, line: &Line<PortFault>) -> Occurrence {
    let (Line::Began(fault) | Line::Changed(fault) | Line::Ended(fault, _)) = line;
    let port = ServedPort { key: port.clone(), number: fault.number() };
    let of = |kind, message: String| Occurrence::of_port(kind, port, format!("{family}: {message}"));
    match (line, fault) {
        (Line::Ended(_, after), _) => {
            of(EventKind::ServiceBack, format!("an endpoint works again, after {}", rounded(*after)))
        }
        (_, PortFault::Empty { .. }) => {
            of(EventKind::ServiceEmpty, "there is no endpoint: clients are refused".to_owned())
        }
        (_, PortFault::Fails { endpoints, reason, .. }) => Occurrence {
            reason: Some(reason),
            ..of(
                EventKind::ServiceFailing,
                format!("none of {endpoints} endpoints works: failing ones are used all the same"),
            )
        },
    }
}

/// What is remembered of an endpoint.
pub(super) fn of_endpoint((address, _): &(SocketAddr, Protocol), line: &Line<EndpointFault>) -> Occurrence {
    let (Line::Began(fault) | Line::Changed(fault) | Line::Ended(fault, _)) = line;
    let EndpointFault { port, number, reason, state } = fault;
    let (kind, message) = match (line, state) {
        (Line::Ended(_, after), _) => {
            (EventKind::EndpointBack, format!("endpoint works again, after {}", rounded(*after)))
        }
        (_, State::Spared) => (EventKind::EndpointSpared, state.as_str().to_owned()),
        (_, State::LastResort) => (EventKind::EndpointLastResort, state.as_str().to_owned()),
        (_, State::Down) => (EventKind::EndpointDown, state.as_str().to_owned()),
        (_, State::Ejected) => (EventKind::EndpointEjected, state.as_str().to_owned()),
    };
    let port = ServedPort { key: port.clone(), number: *number };
    Occurrence { address: Some(*address), reason: Some(reason), ..Occurrence::of_port(kind, port, message) }
}
