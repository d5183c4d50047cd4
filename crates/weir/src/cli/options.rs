//! Which settings do `weir demo`, `weir resolve`, `weir doctor` and `weir cleanup` take?

use super::{
    run::workers,
    values::{NodePortAddress, network, node_port_addresses, selection},
};
use crate::node_name;
use clap::{ArgAction, Args, ValueEnum, value_parser};
use ipnet::IpNet;
use std::{num::NonZeroUsize, path::PathBuf};
use weir_control::Scope;
use weir_core::{NodePortAddresses, guards::ExternalIps};

/// Settings of `weir demo`.
#[derive(Args, Clone, Debug)]
pub(crate) struct DemoOptions {
    /// End after this many seconds, with exit code 0 [default: run until Ctrl-C]
    #[arg(long, value_name = "N")]
    pub(crate) seconds: Option<u32>,

    /// Threads that relay [default: one a core]
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=256))]
    workers: Option<u16>,

    /// Endpoints behind the Service
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = value_parser!(u16).range(1..=100))]
    pub(crate) endpoints: u16,

    /// Requests a second that the demo makes itself; 0 leaves that to you
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = value_parser!(u32).range(..=100_000))]
    pub(crate) rate: u32,
}

impl DemoOptions {
    /// Threads that relay.
    pub(crate) fn workers(&self) -> NonZeroUsize {
        workers(self.workers)
    }
}

/// Settings of `weir doctor`.
#[derive(Args, Clone, Debug)]
pub(crate) struct DoctorOptions {
    /// Networks that Service addresses come from, comma separated: looks for routes to them, which this host's own
    /// processes need [default: looks for a default route]
    #[arg(long, value_name = "CIDR", value_delimiter = ',', action = ArgAction::Append, value_parser = network)]
    pub(crate) service_cidr: Vec<IpNet>,

    /// How to print it
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) output: Output,
}

/// Settings of `weir cleanup`.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct CleanupOptions {
    /// Even while a weir is running on this node: it puts its rules back within seconds
    #[arg(long)]
    pub(crate) force: bool,
}

/// The flags of `weir resolve`.
#[derive(Args, Debug)]
pub(super) struct ResolveArgs {
    /// A file or directory with Services and EndpointSlices, or - for standard input (repeatable)
    #[arg(long, value_name = "PATH", required = true, action = ArgAction::Append)]
    manifests: Vec<PathBuf>,

    /// Whose view: endpoints on this node are local [default: $NODE_NAME, else the host name]
    #[arg(long, value_name = "NAME")]
    node_name: Option<String>,

    /// Where node ports would be served: 'primary' or networks, comma separated
    #[arg(long, value_name = "CIDR", default_value = "primary", value_delimiter = ',', action = ArgAction::Append)]
    node_port_addresses: Vec<NodePortAddress>,

    /// Only Services with this value of the label service.kubernetes.io/service-proxy-name
    #[arg(long, value_name = "NAME")]
    service_proxy_name: Option<String>,

    /// Refuse endpoints and Service addresses that are loopback, link-local, multicast, broadcast or unspecified, and
    /// external IPs, as for objects from an API server
    #[arg(long)]
    guards: bool,

    /// Networks in which --guards allows external IPs, comma separated
    #[arg(long, value_name = "CIDR", requires = "guards", value_delimiter = ',', action = ArgAction::Append,
        value_parser = network)]
    allow_external_ips: Vec<IpNet>,

    /// How to print it
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Output,
}

/// Settings of `weir resolve`, checked and complete.
#[derive(Clone, Debug)]
pub(crate) struct ResolveOptions {
    /// What to read.
    pub(crate) manifests: Vec<PathBuf>,
    /// For whom it is read.
    pub(crate) scope: Scope,
    /// Where node ports would be served.
    pub(crate) node_port_addresses: NodePortAddresses,
    /// How to print it.
    pub(crate) output: Output,
}

impl ResolveArgs {
    /// Checks the flags together. An empty `--node-name` means that no endpoint is local.
    pub(super) fn options(self) -> Result<ResolveOptions, clap::Error> {
        let node_name = match &self.node_name {
            Some(name) => node_name::normalized(name),
            None => node_name::node_name(None),
        };
        Ok(ResolveOptions {
            manifests: self.manifests,
            scope: Scope {
                node_name,
                selection: selection(self.service_proxy_name),
                guards: Some(self.guards),
                external_ips: ExternalIps { allowed: self.allow_external_ips, ..ExternalIps::default() },
                ..Scope::default()
            },
            node_port_addresses: node_port_addresses(&self.node_port_addresses)?,
            output: self.output,
        })
    }
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Columns for people.
    #[default]
    Table,
    /// JSON for programs.
    Json,
}
