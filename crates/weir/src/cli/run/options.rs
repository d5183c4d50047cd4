//! What follows from the flags of `weir run`? Settings that are checked together and complete.

use super::{
    admin::AdminOptions,
    arguments::{Events, Map, Mode, RunArgs, SourceArgs, WhenTakenOver},
    node_mode,
    settings::{EffectiveSettings, SettingOrigin},
};
use crate::{
    cli::{
        defaults::{node_name, state_dir},
        limits::LimitArgs,
        network::ClusterNetwork,
        values::{self, Listen},
    },
    connection_log::ConnectionLogOptions,
    metrics::SeriesLimits,
    output::logging::LogFormat,
};
use std::{
    cmp::Ordering,
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    path::PathBuf,
    time::Duration,
};
use weir_capture::{Forwarding, marks};
use weir_control::{FileSource, KubeSource, Scope, Source};
use weir_core::{NodePortAddresses, PortRange};
use weir_proxy::{Config, Marks, NodeMode};

/// Port of probes, as in kube-proxy.
const HEALTH_PORT: u16 = 10256;

/// Settings of `weir run`, checked and complete.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Source of objects.
    pub source: Source,
    /// Node, selection and defaults that objects are read with.
    pub scope: Scope,
    /// Whether cluster IPs that are not local are served on stable 127/8 addresses.
    pub(crate) map_loopback: bool,
    /// Addresses where node ports are served.
    pub(crate) node_port_addresses: NodePortAddresses,
    /// Settings of node mode; `None` in bind mode.
    pub(crate) node: Option<NodeOptions>,
    /// Limits of this process.
    pub(crate) limits: LimitArgs,
    /// Number of worker threads.
    pub(crate) workers: NonZeroUsize,
    /// Time that open connections may go on at the end.
    pub drain_timeout: Duration,
    /// Address of the probes.
    pub health_address: Option<SocketAddr>,
    /// Where operators are answered.
    pub(crate) admin: AdminOptions,
    /// What may have series of metrics.
    pub(crate) series_limits: SeriesLimits,
    /// Filter of log lines.
    pub(crate) log_level: String,
    /// Format of log lines.
    pub(crate) log_format: LogFormat,
    /// Settings of the connection log.
    pub(crate) connection_log: ConnectionLogOptions,
    /// All settings as they were written.
    pub(crate) settings: EffectiveSettings,
}

/// Settings of node mode.
#[derive(Clone, Debug)]
pub(crate) struct NodeOptions {
    /// Network of the cluster.
    pub(crate) network: ClusterNetwork,
    /// Whether all Services of the cluster are weir's.
    pub(crate) exclusive: bool,
    /// Ports of sockets that have a client's address.
    pub(crate) source_ports: Vec<PortRange>,
    /// Whether to take over from another weir.
    pub(crate) takeover: bool,
    /// Whether packets to endpoints take the way of forwarded packets.
    pub(crate) forwarding: Forwarding,
    /// What to do once another weir has taken over.
    pub(crate) when_taken_over: WhenTakenOver,
    /// Folder in which weirs find each other; `None` for none.
    pub(crate) runtime_dir: Option<PathBuf>,
    /// Whether rules stay at the end.
    pub(crate) keep_rules: bool,
}

impl NodeOptions {
    /// Settings of node mode that the data plane needs.
    fn mode(&self) -> NodeMode {
        NodeMode {
            marks: Marks {
                to_clients: marks::TO_CLIENT,
                to_endpoints: marks::TO_ENDPOINT,
                forwarded: marks::FORWARDED,
            },
            pods: self.network.pods.clone(),
            masquerade_all: self.network.masquerade_all,
            source_ports: self.source_ports.clone(),
        }
    }
}

impl RunOptions {
    /// Builds the set-up of the data plane.
    pub(crate) fn proxy_config(&self) -> Config {
        self.limits.apply(Config {
            node_mode: self.node.as_ref().map(NodeOptions::mode),
            node_port_addresses: self.node_port_addresses.clone(),
            map_loopback: self.map_loopback,
            ..Config::with_workers(self.workers)
        })
    }
}

impl RunArgs {
    /// Checks the flags together and fills in what follows from the host.
    pub(in crate::cli) fn options(self, settings: EffectiveSettings) -> Result<RunOptions, clap::Error> {
        let Self { source, served, network, capture, limits, process, admin, connection_log } = self;
        let admin = admin.options()?;
        let selection = values::selection(served.service_proxy_name);
        let node = match served.mode {
            Mode::Bind => {
                node_mode::check_bind_mode(&settings)?;
                None
            }
            Mode::Node if served.map.is_some() => {
                return Err(values::usage(
                    "--map is for --mode bind: in node mode all Service addresses are served",
                ));
            }
            Mode::Node => Some(NodeOptions {
                network: network.network()?,
                exclusive: selection.service_proxy_name.is_none(),
                source_ports: capture.source_ports,
                takeover: capture.takeover,
                forwarding: capture.forwarding.into(),
                when_taken_over: capture.when_taken_over,
                runtime_dir: admin.runtime_dir.clone(),
                keep_rules: capture.keep_rules,
            }),
        };
        let source = source.source(&settings, node.is_some())?;
        if !served.guards.are_on().unwrap_or(matches!(source, Source::Kube(_))) {
            served.guards.check_without_guards()?;
        }
        let health_ip = if node.is_some() { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
        let health_address = Listen(Some((health_ip, HEALTH_PORT).into()));
        Ok(RunOptions {
            source,
            scope: Scope {
                node_name: node_name::node_name(served.node_name.as_deref()),
                selection,
                defaults: limits.defaults(),
                guards: served.guards.are_on(),
                guard_rules: served.guards.rules(weir_proxy::interface_addresses()),
            },
            map_loopback: served.map == Some(Map::Loopback),
            node_port_addresses: served.node_port_addresses.into_iter().collect(),
            node,
            limits,
            workers: workers(process.workers),
            drain_timeout: process.drain_timeout,
            health_address: process.health_address.unwrap_or(health_address).0,
            series_limits: SeriesLimits {
                pattern: process.metrics_services,
                max_services: process.metrics_max_services as usize,
                endpoints: process.endpoint_metrics,
            },
            admin,
            log_level: process.log_level,
            log_format: process.log_format,
            connection_log: connection_log.options(),
            settings,
        })
    }
}

impl SourceArgs {
    /// What was set at the higher level decides: `--manifests` beats `$WEIR_KUBECONFIG`.
    fn source(self, settings: &EffectiveSettings, in_node_mode: bool) -> Result<Source, clap::Error> {
        // In bind mode weir is often a guest: what a laptop cannot serve is not for everybody to read.
        let events = self.events.unwrap_or(if in_node_mode { Events::On } else { Events::Off });
        let manifests = settings.origin("manifests");
        let api_server = ["kubeconfig", "context", "api-server"].map(|flag| settings.origin(flag));
        match manifests.cmp(api_server.iter().max().unwrap_or(&SettingOrigin::Default)) {
            Ordering::Greater if self.events == Some(Events::On) => Err(values::usage(format_args!(
                "{} is for Services from an API server: with --manifests there is none to write Events to; leave it out, or \
                 set --events=off",
                settings.named_if_set("events").unwrap_or_default()
            ))),
            // Of a folder that nobody has named, a cluster's overrides could come.
            Ordering::Greater => Ok(Source::File(FileSource {
                state_dir: self.state_dir.and_then(|folder| folder.0),
                ..FileSource::new(self.manifests)
            })),
            Ordering::Equal if manifests > SettingOrigin::Default => Err(values::usage(
                "--manifests cannot be used together with --kubeconfig, --context or --api-server: \
                 objects come from files or from an API server",
            )),
            _ => Ok(Source::Kube(KubeSource {
                kubeconfig: self.kubeconfig,
                context: self.context,
                api_server: self.api_server,
                write_events: events == Events::On,
                state_dir: self.state_dir.map_or_else(state_dir::default, |folder| folder.0),
                ..KubeSource::default()
            })),
        }
    }
}

/// Number of worker threads: as many as asked for, else one a core.
pub(in crate::cli) fn workers(asked: Option<u16>) -> NonZeroUsize {
    let asked = asked.and_then(|workers| NonZeroUsize::new(workers.into()));
    asked.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
}
