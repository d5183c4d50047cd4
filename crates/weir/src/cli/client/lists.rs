//! Which settings do `weir services` and `weir endpoints` take?

use super::{
    service_name::{ServiceName, selected, service_name},
    socket::SocketArgs,
};
use crate::{
    cli::{
        options::{LabelSelection, ServiceSelection},
        values::address_or_socket,
    },
    client::AdminSocket,
    output::format::Output,
};
use clap::{Args, Error};
use std::num::NonZeroUsize;

/// The flags of `weir services`.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct ServicesArgs {
    #[command(flatten)]
    services: ServiceSelection,

    #[command(flatten)]
    labels: LabelSelection,

    /// Only Service ports in this state: ok, degraded, failing, no-endpoints, not-bound or unsupported
    #[arg(long, value_name = "STATE")]
    state: Option<String>,

    /// Order: name, connections, opened, bytes, failures, endpoints or state, the worst or greatest first
    #[arg(long, value_name = "WORD", default_value = "name")]
    sort: String,

    #[command(flatten)]
    shown: ShownArgs,
}

/// Settings of `weir services`, checked and complete.
#[derive(Clone, Debug)]
pub struct ServicesOptions {
    /// Namespace whose Services are listed; `None` for all.
    pub(crate) namespace: Option<String>,
    /// Label selector of the Services; `None` for all.
    pub(crate) selector: Option<String>,
    /// State of the Service ports; `None` for all.
    pub(crate) state: Option<String>,
    /// Order.
    pub(crate) sort: String,
    /// How the list is shown.
    pub(crate) shown: Shown,
}

impl ServicesArgs {
    /// Checks the flags together.
    pub(in crate::cli) fn options(self) -> Result<ServicesOptions, Error> {
        let Self { services, labels, state, sort, shown } = self;
        Ok(ServicesOptions {
            namespace: services.namespace,
            selector: labels.selector,
            state,
            sort,
            shown: shown.shown()?,
        })
    }
}

/// The flags of `weir endpoints`.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct EndpointsArgs {
    /// Only endpoints of this Service, as in svc/web, shop/web or svc/web:http
    #[arg(value_name = "SERVICE", value_parser = service_name)]
    service: Option<ServiceName>,

    #[command(flatten)]
    services: ServiceSelection,

    #[command(flatten)]
    labels: LabelSelection,

    /// Only this endpoint
    #[arg(long, value_name = "IP[:PORT]", value_parser = address_or_socket)]
    endpoint: Option<String>,

    /// Only endpoints on this node
    #[arg(long, value_name = "NAME")]
    node: Option<String>,

    /// Only endpoints in this state: ready, ejected, down, draining, full, not-ready, elsewhere or loop
    #[arg(long, value_name = "STATE")]
    state: Option<String>,

    /// Order: name, connections, picked, failures, state or connectTime, the worst or greatest first
    #[arg(long, value_name = "WORD", default_value = "name")]
    sort: String,

    #[command(flatten)]
    shown: ShownArgs,
}

/// Settings of `weir endpoints`, checked and complete.
#[derive(Clone, Debug)]
pub struct EndpointsOptions {
    /// Service whose endpoints are listed; `None` for all.
    pub(crate) service: Option<ServiceName>,
    /// Namespace of the Services; `None` for all.
    pub(crate) namespace: Option<String>,
    /// Label selector of the Services; `None` for all.
    pub(crate) selector: Option<String>,
    /// Address of the endpoint, with a port or without.
    pub(crate) endpoint: Option<String>,
    /// Node of the endpoints.
    pub(crate) node: Option<String>,
    /// State of the endpoints; `None` for all.
    pub(crate) state: Option<String>,
    /// Order.
    pub(crate) sort: String,
    /// How the list is shown.
    pub(crate) shown: Shown,
}

impl EndpointsArgs {
    /// Checks the flags together.
    pub(in crate::cli) fn options(self) -> Result<EndpointsOptions, Error> {
        let (service, namespace) = selected(self.service, self.services.namespace)?;
        Ok(EndpointsOptions {
            namespace,
            selector: self.labels.selector,
            service,
            endpoint: self.endpoint,
            node: self.node,
            state: self.state,
            sort: self.sort,
            shown: self.shown.shown()?,
        })
    }
}

/// Flags of every list.
#[derive(Args, Clone, Debug)]
struct ShownArgs {
    /// Items that are shown at most, 0 for all
    #[arg(long, value_name = "N", default_value_t = 500)]
    limit: usize,

    /// Output format
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Output,

    #[command(flatten)]
    socket: SocketArgs,
}

/// How a list is shown, and of which weir.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// Weir that is asked.
    pub(crate) socket: AdminSocket,
    /// Items that are shown at most; `None` for all.
    pub(crate) limit: Option<NonZeroUsize>,
    /// Output format.
    pub(crate) output: Output,
}

impl ShownArgs {
    fn shown(self) -> Result<Shown, Error> {
        let Self { limit, output, socket } = self;
        Ok(Shown { socket: socket.socket()?, limit: NonZeroUsize::new(limit), output })
    }
}
