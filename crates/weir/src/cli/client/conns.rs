//! Which settings does `weir conns` take?

use super::{
    service_name::{ServiceName, selected, service_name},
    socket::SocketArgs,
};
use crate::{
    cli::{
        options::{LabelSelection, ServiceSelection},
        values::{address_or_socket, duration, network_or_address, usage},
    },
    client::AdminSocket,
    output::format::Output,
};
use clap::{Args, Error, ValueEnum};
use std::{num::NonZeroUsize, time::Duration};

/// The flags of `weir conns`.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct ConnsArgs {
    /// Only connections of this Service, as in svc/web, shop/web or svc/web:http
    #[arg(value_name = "SERVICE", value_parser = service_name)]
    service: Option<ServiceName>,

    #[command(flatten)]
    services: ServiceSelection,

    #[command(flatten)]
    labels: LabelSelection,

    /// Only connections of clients in this network, or at this address
    #[arg(long, value_name = "CIDR", value_parser = network_or_address)]
    client: Option<String>,

    /// Only connections to this endpoint
    #[arg(long, value_name = "IP[:PORT]", value_parser = address_or_socket)]
    endpoint: Option<String>,

    /// Only connections to endpoints on this node
    #[arg(long, value_name = "NAME")]
    node: Option<String>,

    /// Only connections that were opened longer ago
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    older: Option<Duration>,

    /// Only connections that were opened less long ago
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    younger: Option<Duration>,

    /// Connections in this state
    #[arg(long, value_name = "STATE", value_enum, default_value_t)]
    state: ConnectionState,

    /// Only closed connections that ended for this reason, as in client_reset (with --state closed)
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,

    /// Order: opened, closed, bytes, idle or duration, the last three with the greatest first
    /// [default: opened, of closed ones closed]
    #[arg(long, value_name = "WORD", conflicts_with = "watch")]
    sort: Option<String>,

    /// Flows of UDP instead of connections of TCP
    #[arg(long, conflicts_with_all = ["watch", "state", "reason", "sort"])]
    udp: bool,

    /// Connections that are shown at most, 0 for all
    #[arg(long, value_name = "N", default_value_t = 500)]
    limit: usize,

    /// Go on with those that are opened and closed from now on, until Ctrl-C
    #[arg(short, long)]
    watch: bool,

    /// Output format
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Output,

    #[command(flatten)]
    socket: SocketArgs,
}

/// States of connections that can be listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConnectionState {
    /// Those that are open, or wait for an endpoint
    #[default]
    Live,
    /// The last few thousand that were closed
    Closed,
}

impl ConnectionState {
    /// Word of the state in the admin API.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Closed => "closed",
        }
    }
}

/// Settings of `weir conns`, checked and complete.
#[derive(Clone, Debug)]
pub struct ConnsOptions {
    /// Weir that is asked.
    pub(crate) socket: AdminSocket,
    /// Service whose connections are listed; `None` for all.
    pub(crate) service: Option<ServiceName>,
    /// Namespace whose connections are listed; `None` for all.
    pub(crate) namespace: Option<String>,
    /// Label selector of the Services; `None` for all.
    pub(crate) selector: Option<String>,
    /// Network or address of clients.
    pub(crate) client: Option<String>,
    /// Endpoint, with a port or without.
    pub(crate) endpoint: Option<String>,
    /// Node of endpoints.
    pub(crate) node: Option<String>,
    /// Shortest time since the opening.
    pub(crate) older: Option<Duration>,
    /// Longest time since the opening.
    pub(crate) younger: Option<Duration>,
    /// State of the connections.
    pub(crate) state: ConnectionState,
    /// Close reason.
    pub(crate) reason: Option<String>,
    /// Order.
    pub(crate) sort: Option<String>,
    /// Whether flows are listed instead of connections.
    pub(crate) udp: bool,
    /// Connections that are shown at most; `None` for all.
    pub(crate) limit: Option<NonZeroUsize>,
    /// Whether to go on.
    pub(crate) watch: bool,
    /// Output format.
    pub(crate) output: Output,
}

impl ConnsArgs {
    /// Checks the flags together.
    pub(in crate::cli) fn options(self) -> Result<ConnsOptions, Error> {
        if self.reason.is_some() && self.state != ConnectionState::Closed {
            return Err(usage("--reason is that of closed connections: give --state closed, too"));
        }
        let (service, namespace) = selected(self.service, self.services.namespace)?;
        Ok(ConnsOptions {
            socket: self.socket.socket()?,
            namespace,
            selector: self.labels.selector,
            service,
            client: self.client,
            endpoint: self.endpoint,
            node: self.node,
            older: self.older,
            younger: self.younger,
            state: self.state,
            reason: self.reason,
            sort: self.sort,
            udp: self.udp,
            limit: NonZeroUsize::new(self.limit),
            watch: self.watch,
            output: self.output,
        })
    }
}
