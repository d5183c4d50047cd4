//! Which objects do `weir resolve` and `weir explain` read, and for which node?

use super::{
    defaults::node_name,
    guards::GuardArgs,
    run::Map,
    values::{node_port_choice, selection, usage},
};
use clap::{ArgAction, Args};
use std::{collections::BTreeSet, net::IpAddr, path::PathBuf, time::Duration};
use weir_control::{KubeSource, Scope};
use weir_core::{Localhost, Node, NodePortAddresses, NodePortChoice};

/// Longest time until an answer of an API server begins: somebody waits for it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Flags about the objects to read.
#[derive(Args, Debug)]
pub(super) struct ObjectArgs {
    /// A file or directory with Services and EndpointSlices, or - for standard input (repeatable); required unless an API
    /// server is named, whose objects are listed once
    #[arg(long, value_name = "PATH", action = ArgAction::Append,
        conflicts_with_all = ["kubeconfig", "context", "api_server"])]
    manifests: Vec<PathBuf>,

    /// Kubeconfig [default: $KUBECONFIG, else the Pod's service account, else ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// Context in the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,

    /// API server to use instead of the one in the kubeconfig, as in https://10.0.0.1:6443
    #[arg(long, value_name = "URL")]
    api_server: Option<String>,

    /// Show what 'weir run --map loopback' would serve on this host, and where
    #[arg(long, value_enum, value_name = "WHERE")]
    map: Option<Map>,

    /// Node whose view is shown; endpoints on it are local [default: $NODE_NAME, else the host name]
    #[arg(long, value_name = "NAME")]
    node_name: Option<String>,

    /// Where node ports would be served: 'primary', 'localhost', 'all' and networks, comma separated
    #[arg(long, value_name = "ADDRESSES", default_value = "primary", value_delimiter = ',', action = ArgAction::Append,
        value_parser = node_port_choice)]
    node_port_addresses: Vec<NodePortChoice>,

    /// Only Services with this value of the label service.kubernetes.io/service-proxy-name
    #[arg(long, value_name = "NAME")]
    service_proxy_name: Option<String>,

    #[command(flatten)]
    guards: GuardArgs,
}

/// Objects to read, and the node that they are read for.
#[derive(Clone, Debug)]
pub(crate) struct ObjectOptions {
    /// Where the objects are read.
    pub(crate) source: ObjectSource,
    /// Node and selection that the objects are read for.
    pub(crate) scope: Scope,
    /// Addresses where node ports would be served.
    pub(crate) node_port_addresses: NodePortAddresses,
    /// Whether cluster IPs that are not local are shown at their loopback addresses.
    pub(crate) map_loopback: bool,
}

/// Where objects are read, once.
#[derive(Clone, Debug)]
pub(crate) enum ObjectSource {
    /// Files and directories; `-` is standard input.
    Manifests(Vec<PathBuf>),
    /// API server of a cluster.
    ApiServer(KubeSource),
}

impl ObjectArgs {
    /// Checks the flags together, for a host that is known to have these addresses. An empty `--node-name` means that no
    /// endpoint is local.
    pub(super) fn options(self, host: &[IpAddr]) -> Result<ObjectOptions, clap::Error> {
        if self.manifests.is_empty()
            && self.kubeconfig.is_none()
            && self.context.is_none()
            && self.api_server.is_none()
        {
            return Err(usage(
                "name the objects to read: --manifests, or --kubeconfig, --context or --api-server",
            ));
        }
        let node_name = match &self.node_name {
            Some(name) => node_name::normalized(name),
            None => node_name::node_name(None),
        };
        let guards = self.guards.are_on().unwrap_or(self.manifests.is_empty());
        if !guards {
            self.guards.check_without_guards()?;
        }
        let map_loopback = self.map == Some(Map::Loopback);
        // Without a name the node is this host, as for `weir run`; and a map is always of this host.
        let is_this_host = map_loopback || (self.node_name.is_none() && host.is_empty());
        let here = if is_this_host { weir_proxy::interface_addresses() } else { BTreeSet::new() };
        let source = match self.manifests.is_empty() {
            false => ObjectSource::Manifests(self.manifests),
            true => ObjectSource::ApiServer(KubeSource {
                kubeconfig: self.kubeconfig,
                context: self.context,
                api_server: self.api_server,
                answer_timeout: ANSWER_TIMEOUT,
                ..KubeSource::default()
            }),
        };
        Ok(ObjectOptions {
            source,
            scope: Scope {
                node_name,
                selection: selection(self.service_proxy_name),
                guards: Some(guards),
                guard_rules: self.guards.rules(host.iter().copied().chain(here).collect()),
                ..Scope::default()
            },
            node_port_addresses: self.node_port_addresses.into_iter().collect(),
            map_loopback,
        })
    }
}

impl ObjectOptions {
    /// Addresses of this host at which bind mode would serve the node ports of a node.
    pub(crate) fn bind_mode_node_ports(&self, node: &Node) -> Vec<IpAddr> {
        let local = weir_proxy::interface_addresses();
        self.node_port_addresses.resolve(node, &local, |ip| local.contains(&ip), Localhost::LikeOthers)
    }

    /// Whether standard input is among the manifests.
    pub(crate) fn read_standard_input(&self) -> bool {
        match &self.source {
            ObjectSource::Manifests(paths) => paths.iter().any(|path| path.as_os_str() == "-"),
            ObjectSource::ApiServer(_) => false,
        }
    }
}
