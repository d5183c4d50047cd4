//! Which settings does `weir run` take?

use crate::{
    cli::{
        defaults::{node_name, state_dir},
        layers::Layer,
        limits::LimitArgs,
        network::{ClusterNetwork, NetworkArgs},
        values::{self, Folder, Listen, NodePortAddress},
    },
    output::logging::LogFormat,
};
use clap::{ArgAction, ArgMatches, Args, ValueEnum, value_parser};
use ipnet::IpNet;
use std::{
    cmp::Ordering,
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    path::PathBuf,
    time::Duration,
};
use weir_capture::marks;
use weir_control::{FileSource, KubeSource, Scope, Source};
use weir_core::{NodePortAddresses, guards::ExternalIps};
use weir_proxy::{Config, Marks, NodeMode};

/// Where kube-proxy answers probes, too.
const HEALTH_PORT: u16 = 10256;

/// The id of `--config`.
pub(in crate::cli) const CONFIG: &str = "config";

/// The flags of `weir run`.
#[derive(Args, Debug)]
pub(in crate::cli) struct RunArgs {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    served: ServedArgs,
    #[command(flatten)]
    network: NetworkArgs,
    #[command(flatten)]
    capture: CaptureArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    process: ProcessArgs,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Where Services come from")]
struct SourceArgs {
    /// Kubeconfig [default: $KUBECONFIG, else the Pod's service account, else ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// Context in the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,

    /// The API server in place of the configured one, as in https://10.0.0.1:6443
    #[arg(long, value_name = "URL")]
    api_server: Option<String>,

    /// Folder where the last known state is kept and served from when the API server is away at the start; empty for nowhere
    /// [default: /var/lib/weir as root, else $XDG_STATE_HOME/weir, else ~/.local/state/weir]
    #[arg(long, value_name = "DIR")]
    state_dir: Option<Folder>,

    /// A file or directory with Services and EndpointSlices, or - for standard input (repeatable);
    /// watched, and used instead of an API server
    #[arg(long, value_name = "PATH", value_delimiter = ',', action = ArgAction::Append)]
    manifests: Vec<PathBuf>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "What is served")]
struct ServedArgs {
    /// How traffic gets here
    #[arg(long, value_enum, default_value_t)]
    mode: Mode,

    /// Serve cluster IPs that this host does not have on stable loopback addresses instead
    /// (10.96.0.10:80 on 127.96.0.10:80, or port 20080 where 80 may not be bound) and print the table
    #[arg(long, value_enum, value_name = "WHERE")]
    map: Option<Map>,

    /// This node's name: endpoints on it are local [default: $NODE_NAME, else the host name]
    #[arg(long, value_name = "NAME")]
    node_name: Option<String>,

    /// Serve only Services with this value of the label service.kubernetes.io/service-proxy-name,
    /// to try weir on one Service beside kube-proxy
    #[arg(long, value_name = "NAME")]
    service_proxy_name: Option<String>,

    /// Where node ports are served: 'primary' (this Node's InternalIPs) or networks, comma separated
    #[arg(long, value_name = "CIDR", default_value = "primary", value_delimiter = ',', action = ArgAction::Append)]
    node_port_addresses: Vec<NodePortAddress>,

    /// Refuse endpoints and Service addresses that are loopback, link-local, multicast, broadcast or unspecified, and
    /// external IPs [default: true for objects from an API server, false for manifests]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    guards: Option<bool>,

    /// Networks in which guards allow external IPs, comma separated; addresses of this node, of the API server and of
    /// other Services stay refused, an address on an interface here is allowed if it is named itself (/32, /128)
    #[arg(long, value_name = "CIDR", value_delimiter = ',', action = ArgAction::Append, value_parser = values::network)]
    allow_external_ips: Vec<IpNet>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "How weir runs")]
struct ProcessArgs {
    /// YAML file whose keys are these flags, without dashes in front
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Threads that relay [default: one a core]
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=256))]
    workers: Option<u16>,

    /// How long open connections may go on after SIGTERM
    #[arg(long, value_name = "DURATION", default_value = "25s", value_parser = values::duration)]
    drain_timeout: Duration,

    /// Where /livez, /healthz and /readyz are answered; empty for nowhere
    /// [default: 127.0.0.1:10256, in node mode 0.0.0.0:10256]
    #[arg(long, value_name = "IP:PORT")]
    health_address: Option<Listen>,

    /// Where /metrics is answered; empty for nowhere
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:10249")]
    admin_address: Listen,

    /// Log filter, as in info or warn,weir_proxy=debug (also $WEIR_LOG)
    #[arg(long, value_name = "FILTER", default_value = "info", value_parser = values::log_level)]
    log_level: String,

    /// How log lines are written
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    log_format: LogFormat,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Capturing, in node mode")]
struct CaptureArgs {
    /// Take over from a weir that runs on this node already: its connections go on, new ones come here
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    takeover: bool,

    /// Leave the rules in place at the end: clients are refused until weir is back, and reach nothing else; without them
    /// they go wherever kube-proxy or the network sends them ('weir cleanup' removes what was left)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true")]
    keep_rules: bool,
}

/// How traffic gets here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// weir listens on Service addresses that this host has; needs no privileges
    #[default]
    Bind,
    /// All Service traffic that passes this Kubernetes node is captured by nftables rules; needs CAP_NET_ADMIN
    Node,
}

/// Where Services are served whose addresses are not local.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Map {
    Loopback,
}

/// Settings of `weir run`, checked and complete.
#[derive(Clone, Debug)]
pub(crate) struct RunOptions {
    /// Where objects come from.
    pub(crate) source: Source,
    /// For whom they are read.
    pub(crate) scope: Scope,
    /// Serve cluster IPs that are not local on stable 127/8 addresses.
    pub(crate) map_loopback: bool,
    /// Where node ports are served.
    pub(crate) node_port_addresses: NodePortAddresses,
    /// How traffic is captured, in node mode.
    pub(crate) node: Option<NodeOptions>,
    /// Limits of this process.
    pub(crate) limits: LimitArgs,
    /// Threads that relay.
    pub(crate) workers: NonZeroUsize,
    /// How long open connections may go on at the end.
    pub(crate) drain_timeout: Duration,
    /// Where the probes are answered.
    pub(crate) health_address: Option<SocketAddr>,
    /// Where metrics are served.
    pub(crate) admin_address: Option<SocketAddr>,
    /// Which log lines are written.
    pub(crate) log_level: String,
    /// How they are written.
    pub(crate) log_format: LogFormat,
}

/// Settings of node mode.
#[derive(Clone, Debug)]
pub(crate) struct NodeOptions {
    /// The cluster's network.
    pub(crate) network: ClusterNetwork,
    /// Whether all Services of the cluster are weir's.
    pub(crate) exclusive: bool,
    /// Whether to take over from another weir.
    pub(crate) takeover: bool,
    /// Whether rules stay at the end.
    pub(crate) keep_rules: bool,
}

impl NodeOptions {
    /// What the data plane has to know.
    fn mode(&self) -> NodeMode {
        NodeMode {
            marks: Marks { to_clients: marks::TO_CLIENT, to_endpoints: marks::TO_ENDPOINT },
            pods: self.network.pods.clone(),
            masquerade_all: self.network.masquerade_all,
        }
    }
}

impl RunOptions {
    /// The set-up of the data plane.
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
    pub(in crate::cli) fn options(self, origins: Origins) -> Result<RunOptions, clap::Error> {
        let Self { source, served, network, capture, limits, process } = self;
        let selection = values::selection(served.service_proxy_name);
        let node = match served.mode {
            Mode::Bind => None,
            Mode::Node if served.map.is_some() => {
                return Err(values::usage(
                    "--map is for --mode bind: in node mode all Service addresses are served",
                ));
            }
            Mode::Node => Some(NodeOptions {
                network: network.network()?,
                exclusive: selection.service_proxy_name.is_none(),
                takeover: capture.takeover,
                keep_rules: capture.keep_rules,
            }),
        };
        let health_ip = if node.is_some() { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
        let health_address = Listen(Some((health_ip, HEALTH_PORT).into()));
        Ok(RunOptions {
            source: source.source(origins)?,
            scope: Scope {
                node_name: node_name::node_name(served.node_name.as_deref()),
                selection,
                defaults: limits.defaults(),
                guards: served.guards,
                external_ips: ExternalIps {
                    allowed: served.allow_external_ips,
                    host: weir_proxy::interface_addresses(),
                    api_server: None,
                },
            },
            map_loopback: served.map == Some(Map::Loopback),
            node_port_addresses: values::node_port_addresses(&served.node_port_addresses)?,
            node,
            limits,
            workers: workers(process.workers),
            drain_timeout: process.drain_timeout,
            health_address: process.health_address.unwrap_or(health_address).0,
            admin_address: process.admin_address.0,
            log_level: process.log_level,
            log_format: process.log_format,
        })
    }
}

impl SourceArgs {
    fn source(self, origins: Origins) -> Result<Source, clap::Error> {
        match origins.manifests.cmp(&origins.api_server) {
            Ordering::Greater => Ok(Source::File(FileSource::new(self.manifests))),
            Ordering::Equal if origins.manifests.is_some() => Err(values::usage(
                "--manifests cannot be used together with --kubeconfig, --context or --api-server: \
                 objects come from files or from an API server",
            )),
            _ => Ok(Source::Kube(KubeSource {
                kubeconfig: self.kubeconfig,
                context: self.context,
                api_server: self.api_server,
                state_dir: self.state_dir.map_or_else(state_dir::default, |folder| folder.0),
                ..KubeSource::default()
            })),
        }
    }
}

/// Where the two kinds of source were set. The stronger origin decides: `--manifests` beats `$WEIR_KUBECONFIG`.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::cli) struct Origins {
    manifests: Option<Origin>,
    api_server: Option<Origin>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    File,
    Variable,
    Flag,
}

impl Origins {
    pub(in crate::cli) fn new(given: &ArgMatches, variables: &Layer, file: &Layer) -> Self {
        let origin = |id: &str| {
            let flag = given.value_source(id).is_some().then_some(Origin::Flag);
            let variable = || variables.get(id).map(|_| Origin::Variable);
            flag.or_else(variable).or_else(|| file.get(id).map(|_| Origin::File))
        };
        Self {
            manifests: origin("manifests"),
            api_server: ["kubeconfig", "context", "api_server"].into_iter().filter_map(origin).max(),
        }
    }
}

/// How many threads relay: as many as asked for, else one a core.
pub(in crate::cli) fn workers(asked: Option<u16>) -> NonZeroUsize {
    let asked = asked.and_then(|workers| NonZeroUsize::new(workers.into()));
    asked.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
}
