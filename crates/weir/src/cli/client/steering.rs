//! Which settings do `weir drain`, `weir undrain`, `weir weight` and `weir kill` take?

use super::{
    service_name::{ServiceName, selected, service_name},
    socket::SocketArgs,
};
use crate::{
    cli::{
        options::ServiceSelection,
        values::{address_or_socket, duration, network_or_address, usage},
    },
    client::AdminSocket,
    output::format::Output,
};
use clap::{Args, Error};
use std::time::Duration;
use weir_core::{NotAWeight, Steered, Weight};
use weir_proxy::ConnectionId;

/// The flags of `weir drain` and `weir undrain`.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct DrainArgs {
    /// Endpoint, as in 10.0.0.7:8080, 10.0.0.7 for all its ports, or node, as in worker-1 or node/worker-1
    #[arg(value_name = "ENDPOINT|NODE", value_parser = target)]
    target: Steered,

    /// Output format
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Output,

    #[command(flatten)]
    socket: SocketArgs,
}

/// The flags of `weir weight`.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct WeightArgs {
    /// Endpoint, as in 10.0.0.7:8080, 10.0.0.7 for all its ports, or node, as in worker-1 or node/worker-1
    #[arg(value_name = "ENDPOINT|NODE", value_parser = target)]
    target: Steered,

    /// Weight from 0 to 65535, where most have 100; or default, for that of the EndpointSlice
    #[arg(value_name = "WEIGHT", value_parser = weight)]
    weight: WantedWeight,

    /// Output format
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Output,

    #[command(flatten)]
    socket: SocketArgs,
}

/// Weight that an endpoint shall have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WantedWeight(pub(crate) Option<Weight>);

/// What is to be changed of an endpoint or a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SteeringChange {
    /// Nothing new comes to it.
    Drain,
    /// It is no longer drained.
    Undrain,
    /// It has a weight; `None` for that of the EndpointSlice.
    Weight(Option<Weight>),
}

/// Settings of `weir drain`, `weir undrain` and `weir weight`, checked and complete.
#[derive(Clone, Debug)]
pub struct SteeringOptions {
    /// Weir that is asked.
    pub(crate) socket: AdminSocket,
    /// Endpoint or node.
    pub(crate) target: Steered,
    /// What is to be changed.
    pub(crate) change: SteeringChange,
    /// Output format.
    pub(crate) output: Output,
}

/// The flags of `weir kill`.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct KillArgs {
    /// Connection, by the id that weir conns -o wide shows, as in 0-4711; or Service, as in svc/web
    #[arg(value_name = "CONNECTION|SERVICE", value_parser = killed)]
    what: Option<Killed>,

    #[command(flatten)]
    services: ServiceSelection,

    /// Only connections of clients in this network, or at this address
    #[arg(long, value_name = "CIDR", value_parser = network_or_address)]
    client: Option<String>,

    /// Only connections to this endpoint
    #[arg(long, value_name = "IP[:PORT]", value_parser = address_or_socket)]
    endpoint: Option<String>,

    /// Only connections that were opened longer ago
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    older: Option<Duration>,

    /// Output format
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Output,

    #[command(flatten)]
    socket: SocketArgs,
}

/// What `weir kill` names.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Killed {
    Connection(ConnectionId),
    Service(ServiceName),
}

/// Settings of `weir kill`, checked and complete.
#[derive(Clone, Debug)]
pub struct KillOptions {
    /// Weir that is asked.
    pub(crate) socket: AdminSocket,
    /// One connection; `None` for all that match the rest.
    pub(crate) id: Option<ConnectionId>,
    /// Service whose connections end; `None` for all.
    pub(crate) service: Option<ServiceName>,
    /// Namespace whose connections end; `None` for all.
    pub(crate) namespace: Option<String>,
    /// Network or address of clients.
    pub(crate) client: Option<String>,
    /// Endpoint, with a port or without.
    pub(crate) endpoint: Option<String>,
    /// Shortest time since the opening.
    pub(crate) older: Option<Duration>,
    /// Output format.
    pub(crate) output: Output,
}

impl DrainArgs {
    /// Checks the flags together.
    pub(in crate::cli) fn options(self, change: SteeringChange) -> Result<SteeringOptions, Error> {
        let Self { target, output, socket } = self;
        Ok(SteeringOptions { socket: socket.socket()?, target, change, output })
    }
}

impl WeightArgs {
    /// Checks the flags together.
    pub(in crate::cli) fn options(self) -> Result<SteeringOptions, Error> {
        let Self { target, weight: WantedWeight(weight), output, socket } = self;
        Ok(SteeringOptions {
            socket: socket.socket()?,
            target,
            change: SteeringChange::Weight(weight),
            output,
        })
    }
}

impl KillArgs {
    /// Checks the flags together.
    pub(in crate::cli) fn options(self) -> Result<KillOptions, Error> {
        let Self { what, services, client, endpoint, older, output, socket } = self;
        let namespace = services.namespace;
        let has_filter = namespace.is_some() || client.is_some() || endpoint.is_some() || older.is_some();
        let (id, service) = match what {
            Some(Killed::Connection(_)) if has_filter => {
                return Err(usage("a connection is named by its id alone: leave out the other flags"));
            }
            Some(Killed::Connection(id)) => (Some(id), None),
            Some(Killed::Service(service)) => (None, Some(service)),
            None if has_filter => (None, None),
            None => {
                return Err(usage(
                    "say which connections: one by its id, a Service as svc/NAME, or --namespace, --client, --endpoint or \
                     --older",
                ));
            }
        };
        let (service, namespace) = selected(service, namespace)?;
        Ok(KillOptions { socket: socket.socket()?, id, service, namespace, client, endpoint, older, output })
    }
}

/// Parses an endpoint or a node.
fn target(text: &str) -> Result<Steered, String> {
    let text = text.trim();
    match text.parse() {
        Ok(target) => Ok(target),
        // What looks like an address is none that was misspelt as the name of a node.
        Err(error) if text.contains([':', '/', '[']) => Err(error.to_string()),
        Err(_) => Steered::node(text).map_err(|error| error.to_string()),
    }
}

fn weight(text: &str) -> Result<WantedWeight, String> {
    match text.trim() {
        "default" => Ok(WantedWeight(None)),
        number => {
            let weight = number.parse().map_err(|error: NotAWeight| format!("{error}, or default"))?;
            Ok(WantedWeight(Some(weight)))
        }
    }
}

/// Parses what `weir kill` names.
fn killed(text: &str) -> Result<Killed, String> {
    match text.trim().parse() {
        Ok(id) => Ok(Killed::Connection(id)),
        Err(why) if text.trim().starts_with(|c: char| c.is_ascii_digit()) && !text.contains('/') => {
            Err(why.to_owned())
        }
        Err(_) => service_name(text).map(Killed::Service),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_a_node_and_what_looks_like_one_is_not() {
        for (text, read) in [
            ("10.0.0.7:8080", "10.0.0.7:8080"),
            ("fd00::1", "fd00::1"),
            (" worker-1 ", "node/worker-1"),
            ("node/10.0.0.1", "node/10.0.0.1"),
        ] {
            assert_eq!(target(text).unwrap().to_string(), read);
        }
        for wrong in ["10.0.0.7:99999", "10.0.0.7:", "[fd00::1]:x", "a/b", "10.0.0.7:80/QUIC", "a b", ""] {
            assert!(target(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_weight_is_a_number_or_that_of_the_slice() {
        assert_eq!(weight("0"), Ok(WantedWeight(Some(Weight::MAINTENANCE))));
        assert_eq!(weight("default"), Ok(WantedWeight(None)));
        assert!(weight("70000").unwrap_err().contains("0 to 65535, or default"));
    }

    #[test]
    fn a_connection_is_named_by_its_number_and_a_service_as_everywhere() {
        assert_eq!(killed("0-17"), Ok(Killed::Connection("0-17".parse().unwrap())));
        assert!(matches!(killed("svc/web"), Ok(Killed::Service(_))));
        assert!(killed("17").unwrap_err().contains("0-4711"));
        assert!(killed("web").unwrap_err().contains("did you mean svc/web?"));
    }
}
