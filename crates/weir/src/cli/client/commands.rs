//! Which settings do `weir status`, `weir top`, `weir events`, `weir config` and `weir log-level` take?

use super::{
    service_name::{ServiceName, selected, service_name},
    socket::SocketArgs,
};
use crate::{
    cli::{
        log_filter::log_filter,
        options::ServiceSelection,
        values::{address_or_socket, duration, usage},
    },
    client::AdminSocket,
    output::format::Output,
};
use clap::{Args, Error};
use std::time::Duration;

/// The flags of `weir status`.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct StatusArgs {
    #[command(flatten)]
    services: ServiceSelection,

    /// Output format
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Output,

    #[command(flatten)]
    socket: SocketArgs,
}

/// Settings of `weir status`, checked and complete.
#[derive(Clone, Debug)]
pub struct StatusOptions {
    /// Weir that is asked.
    pub(crate) socket: AdminSocket,
    /// Namespace whose Services are looked at; `None` for all.
    pub(crate) namespace: Option<String>,
    /// Output format.
    pub(crate) output: Output,
}

impl StatusArgs {
    /// Checks the flags together.
    pub(in crate::cli) fn options(self) -> Result<StatusOptions, Error> {
        let Self { services, output, socket } = self;
        Ok(StatusOptions { socket: socket.socket()?, namespace: services.namespace, output })
    }
}

/// The flags of `weir top`.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct TopArgs {
    #[command(flatten)]
    services: ServiceSelection,

    #[command(flatten)]
    socket: SocketArgs,
}

/// Settings of `weir top`, checked and complete.
#[derive(Clone, Debug)]
pub struct TopOptions {
    /// Weir that is looked at.
    pub(crate) socket: AdminSocket,
    /// Namespace whose Services are looked at; `None` for all.
    pub(crate) namespace: Option<String>,
}

impl TopArgs {
    /// Checks the flags together.
    pub(in crate::cli) fn options(self) -> Result<TopOptions, Error> {
        Ok(TopOptions { socket: self.socket.socket()?, namespace: self.services.namespace })
    }
}

/// The flags of `weir events`.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct EventsArgs {
    /// Only events of this Service, as in svc/web, shop/web or svc/web:http
    #[arg(value_name = "SERVICE", value_parser = service_name)]
    service: Option<ServiceName>,

    #[command(flatten)]
    services: ServiceSelection,

    /// Only events of this endpoint
    #[arg(long, value_name = "IP[:PORT]", value_parser = address_or_socket)]
    endpoint: Option<String>,

    /// Only events of this type, as in EndpointEjected
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,

    /// Go on with those that happen from now on, until Ctrl-C
    #[arg(short, long)]
    watch: bool,

    /// Output format
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Output,

    #[command(flatten)]
    socket: SocketArgs,
}

/// Settings of `weir events`, checked and complete.
#[derive(Clone, Debug)]
pub struct EventsOptions {
    /// Weir that is asked.
    pub(crate) socket: AdminSocket,
    /// Service whose events are listed; `None` for all.
    pub(crate) service: Option<ServiceName>,
    /// Namespace whose events are listed; `None` for all.
    pub(crate) namespace: Option<String>,
    /// Endpoint whose events are listed; `None` for all.
    pub(crate) endpoint: Option<String>,
    /// Type of the events; `None` for all.
    pub(crate) kind: Option<String>,
    /// Whether to go on.
    pub(crate) watch: bool,
    /// Output format.
    pub(crate) output: Output,
}

impl EventsArgs {
    /// Checks the flags together.
    pub(in crate::cli) fn options(self) -> Result<EventsOptions, Error> {
        let (service, namespace) = selected(self.service, self.services.namespace)?;
        Ok(EventsOptions {
            socket: self.socket.socket()?,
            namespace,
            service,
            endpoint: self.endpoint,
            kind: self.kind,
            watch: self.watch,
            output: self.output,
        })
    }
}

/// The flags of `weir config`.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct ConfigArgs {
    /// Only settings that differ from their defaults
    #[arg(long)]
    changed: bool,

    /// Output format
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Output,

    #[command(flatten)]
    socket: SocketArgs,
}

/// Settings of `weir config`, checked and complete.
#[derive(Clone, Debug)]
pub struct ConfigOptions {
    /// Weir that is asked.
    pub(crate) socket: AdminSocket,
    /// Whether defaults are left out.
    pub(crate) changed: bool,
    /// Output format.
    pub(crate) output: Output,
}

impl ConfigArgs {
    /// Checks the flags together.
    pub(in crate::cli) fn options(self) -> Result<ConfigOptions, Error> {
        Ok(ConfigOptions { socket: self.socket.socket()?, changed: self.changed, output: self.output })
    }
}

/// The flags of `weir log-level`.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct LogLevelArgs {
    /// Log filter to set, as in debug or warn,weir_proxy=debug [default: tell the one that is set]
    #[arg(value_name = "FILTER", value_parser = log_filter)]
    level: Option<String>,

    /// Return to the filter of --log-level after this time
    #[arg(long = "for", value_name = "DURATION", value_parser = duration, requires = "level")]
    lasting: Option<Duration>,

    /// Output format
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Output,

    #[command(flatten)]
    socket: SocketArgs,
}

/// Settings of `weir log-level`, checked and complete.
#[derive(Clone, Debug)]
pub struct LogLevelOptions {
    /// Weir that is asked.
    pub(crate) socket: AdminSocket,
    /// Filter to set; `None` to tell the one that is set.
    pub(crate) level: Option<String>,
    /// Time for which the filter is set, in whole seconds; `None` until the end.
    pub(crate) for_seconds: Option<u64>,
    /// Output format.
    pub(crate) output: Output,
}

impl LogLevelArgs {
    /// Checks the flags together.
    pub(in crate::cli) fn options(self) -> Result<LogLevelOptions, Error> {
        let for_seconds = self.lasting.map(|time| time.as_secs());
        if for_seconds == Some(0) {
            return Err(usage("--for must be at least 1s"));
        }
        Ok(LogLevelOptions {
            socket: self.socket.socket()?,
            level: self.level,
            for_seconds,
            output: self.output,
        })
    }
}
