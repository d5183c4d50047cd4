//! Which flags does `weir run` have?

use super::{admin::AdminArgs, connection_log::ConnectionLogArgs};
use crate::{
    cli::{
        guards::GuardArgs,
        limits::LimitArgs,
        log_filter::log_filter,
        network::NetworkArgs,
        values::{self, Folder, Listen},
    },
    metrics::ServicePattern,
    output::logging::LogFormat,
};
use clap::{ArgAction, Args, ValueEnum, value_parser};
use std::{path::PathBuf, time::Duration};
use weir_capture::Forwarding;
use weir_core::{NodePortChoice, PortRange};

/// The flags of `weir run`.
#[derive(Args, Debug)]
pub(in crate::cli) struct RunArgs {
    #[command(flatten)]
    pub(super) source: SourceArgs,
    #[command(flatten)]
    pub(super) served: ServedArgs,
    #[command(flatten)]
    pub(super) network: NetworkArgs,
    #[command(flatten)]
    pub(super) capture: CaptureArgs,
    #[command(flatten)]
    pub(super) limits: LimitArgs,
    #[command(flatten)]
    pub(super) process: ProcessArgs,
    #[command(flatten)]
    pub(super) admin: AdminArgs,

    #[command(flatten)]
    pub(super) connection_log: ConnectionLogArgs,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Where Services come from")]
pub(super) struct SourceArgs {
    /// Kubeconfig [default: $KUBECONFIG, else the Pod's service account, else ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    pub(super) kubeconfig: Option<PathBuf>,

    /// Context in the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME")]
    pub(super) context: Option<String>,

    /// API server to use instead of the one in the kubeconfig, as in https://10.0.0.1:6443
    #[arg(long, value_name = "URL")]
    pub(super) api_server: Option<String>,

    /// Folder for the last known state, which is served when the API server cannot be reached at the start, and for run-time
    /// overrides; with --manifests for these only, and only if it is named; empty for none
    /// [default: /var/lib/weir as root, else $XDG_STATE_HOME/weir, else ~/.local/state/weir]
    #[arg(long, value_name = "DIR")]
    pub(super) state_dir: Option<Folder>,

    /// A file or directory with Services and EndpointSlices, or - for standard input (repeatable);
    /// watched, and used instead of an API server
    #[arg(long, value_name = "PATH", value_delimiter = ',', action = ArgAction::Append)]
    pub(super) manifests: Vec<PathBuf>,

    /// Whether Kubernetes Events about Services are written to the API server: annotations that are ignored, addresses that
    /// are refused, endpoints that fail [default: on in node mode, off in bind mode]
    #[arg(long, value_name = "WHEN", value_enum)]
    pub(super) events: Option<Events>,
}

/// Whether Events about Services are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Events {
    /// To the API server that Services come from, unless it forbids that
    On,
    /// Never
    Off,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "What is served")]
pub(super) struct ServedArgs {
    /// How traffic reaches weir
    #[arg(long, value_enum, default_value_t)]
    pub(super) mode: Mode,

    /// Serve cluster IPs that this host does not have on stable loopback addresses instead
    /// (10.96.0.10:80 on 127.96.0.10:80, or port 20080 where 80 may not be bound) and print the table
    #[arg(long, value_enum, value_name = "WHERE")]
    pub(super) map: Option<Map>,

    /// Name of this node; endpoints on it are local [default: $NODE_NAME, else the host name]
    #[arg(long, value_name = "NAME")]
    pub(super) node_name: Option<String>,

    /// Serve only Services with this value of the label service.kubernetes.io/service-proxy-name,
    /// to try weir on one Service beside kube-proxy
    #[arg(long, value_name = "NAME")]
    pub(super) service_proxy_name: Option<String>,

    /// Addresses where node ports are served: 'primary' (this Node's InternalIPs), 'localhost' (127.0.0.1 and ::1), 'all' and
    /// networks, comma separated; they count together
    #[arg(long, value_name = "ADDRESSES", default_value = "primary", value_delimiter = ',', action = ArgAction::Append,
        value_parser = values::node_port_choice)]
    pub(super) node_port_addresses: Vec<NodePortChoice>,

    #[command(flatten)]
    pub(super) guards: GuardArgs,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "How weir runs")]
pub(super) struct ProcessArgs {
    /// YAML file whose keys are these flags without the dashes in front
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// Worker threads, which relay [default: one a core]
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=256))]
    pub(super) workers: Option<u16>,

    /// Time that open connections may go on after SIGTERM; then they are reset
    #[arg(long, value_name = "DURATION", default_value = "25s", value_parser = values::duration)]
    pub(super) drain_timeout: Duration,

    /// Address of /livez, /healthz and /readyz; empty for none
    /// [default: 127.0.0.1:10256, in node mode 0.0.0.0:10256]
    #[arg(long, value_name = "IP:PORT")]
    pub(super) health_address: Option<Listen>,

    /// Show metrics of every endpoint of the Services in use, with its node and zone
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub(super) endpoint_metrics: bool,

    /// Services that have series of their own in metrics: an expression for the whole of NAMESPACE/NAME, as in shop/.*
    #[arg(long, value_name = "REGEX", value_parser = values::service_pattern)]
    pub(super) metrics_services: Option<ServicePattern>,

    /// Services in use at most that have series of their own in metrics, in the order of their first use;
    /// weir_metrics_left_out counts the others
    #[arg(long, value_name = "N", default_value = "2000")]
    pub(super) metrics_max_services: u32,

    /// Log filter, as in info or warn,weir_proxy=debug (also $WEIR_LOG)
    #[arg(long, value_name = "FILTER", default_value = "info", value_parser = log_filter)]
    pub(super) log_level: String,

    /// Format of log lines
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(super) log_format: LogFormat,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Capturing, in node mode")]
pub(super) struct CaptureArgs {
    /// Ports, comma separated, from which weir speaks to endpoints that see a client's address: ports that clients do not
    /// use for what they begin themselves. A client with a privileged port gets one of 600-1023
    #[arg(long, value_name = "FIRST-LAST", value_delimiter = ',', action = ArgAction::Append,
          value_parser = values::source_ports, default_value = "1024-32767")]
    pub(super) source_ports: Vec<PortRange>,

    /// Take over from a weir that already runs on this node: its connections go on for its drain time, then it ends; new
    /// ones come to this weir
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub(super) takeover: bool,

    /// What to do when another weir has taken over and connections are done: end, or wait for SIGTERM as in a Pod, where
    /// the kubelet starts again what ends
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    pub(super) when_taken_over: WhenTakenOver,

    /// Leave the rules in place at the end: clients are refused until weir is back, and reach nothing else. Without the
    /// rules they go where kube-proxy or the network sends them ('weir cleanup' removes rules that were left)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true")]
    pub(super) keep_rules: bool,

    /// Whether packets to endpoints take the way of forwarded packets, where NetworkPolicy and forward firewalls judge them
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    pub(super) forwarding: ForwardingMode,
}

/// Cases in which packets to endpoints take the way of forwarded packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ForwardingMode {
    /// While a firewall of this node could refuse forwarded packets
    #[default]
    Auto,
    /// Whatever is on this node; for firewalls that weir cannot see, as in programs of eBPF
    Always,
    /// No firewall and no NetworkPolicy of this node judges Service traffic to its pods
    Never,
}

impl From<ForwardingMode> for Forwarding {
    fn from(mode: ForwardingMode) -> Self {
        match mode {
            ForwardingMode::Auto => Self::Auto,
            ForwardingMode::Always => Self::Always,
            ForwardingMode::Never => Self::Never,
        }
    }
}

/// Ways in which traffic reaches weir.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Mode {
    /// weir listens on Service addresses that this host has; needs no privileges
    #[default]
    Bind,
    /// nftables rules capture all Service traffic that passes this Kubernetes node; needs CAP_NET_ADMIN
    Node,
}

/// What a weir does when another one has taken over and its connections are done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum WhenTakenOver {
    /// End with exit code 0
    #[default]
    End,
    /// Wait for SIGTERM; end when the other weir is gone, to be started again
    Wait,
}

/// Places where Services are served whose addresses are not local.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Map {
    Loopback,
}
