//! Which objects do `weir resolve` and `weir explain` read, and for which node?

use super::{
    defaults::node_name,
    values::{NodePortAddress, network, node_port_addresses, refused_endpoints, selection},
};
use clap::{ArgAction, Args};
use ipnet::IpNet;
use std::{net::IpAddr, path::PathBuf};
use weir_control::{FileProblem, Loaded, Scope, load_manifests};
use weir_core::{NodePortAddresses, guards::ExternalIps};

/// Flags about the manifests to read.
#[derive(Args, Debug)]
pub(super) struct ManifestArgs {
    /// A file or directory with Services and EndpointSlices, or - for standard input (repeatable)
    #[arg(long, value_name = "PATH", required = true, action = ArgAction::Append)]
    manifests: Vec<PathBuf>,

    /// Node whose view is shown; endpoints on it are local [default: $NODE_NAME, else the host name]
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

    /// Networks whose addresses --guards refuses as endpoints, comma separated [default: the metadata services of clouds]
    #[arg(long, value_name = "CIDR", requires = "guards", value_delimiter = ',', action = ArgAction::Append,
        value_parser = network)]
    refuse_endpoints: Option<Vec<IpNet>>,
}

/// Manifests to read, and the node that they are read for.
#[derive(Clone, Debug)]
pub(crate) struct Manifests {
    /// Files and directories; `-` is standard input.
    pub(crate) paths: Vec<PathBuf>,
    /// Node and selection that the manifests are read for.
    pub(crate) scope: Scope,
    /// Addresses where node ports would be served.
    pub(crate) node_port_addresses: NodePortAddresses,
}

impl ManifestArgs {
    /// Checks the flags together, for a host that is known to have these addresses. An empty `--node-name` means that no
    /// endpoint is local.
    pub(super) fn manifests(self, host: &[IpAddr]) -> Result<Manifests, clap::Error> {
        let node_name = match &self.node_name {
            Some(name) => node_name::normalized(name),
            None => node_name::node_name(None),
        };
        let external_ips = ExternalIps {
            allowed: self.allow_external_ips,
            host: host.iter().copied().collect(),
            ..ExternalIps::default()
        };
        Ok(Manifests {
            paths: self.manifests,
            scope: Scope {
                node_name,
                selection: selection(self.service_proxy_name),
                guards: Some(self.guards),
                external_ips,
                refused_endpoints: refused_endpoints(self.refuse_endpoints),
                ..Scope::default()
            },
            node_port_addresses: node_port_addresses(&self.node_port_addresses)?,
        })
    }
}

impl Manifests {
    /// Reads all manifests. Blocks.
    pub(crate) fn load(&self) -> Result<Loaded, FileProblem> {
        load_manifests(&self.paths, &self.scope)
    }

    /// Whether standard input is among the manifests.
    pub(crate) fn read_standard_input(&self) -> bool {
        self.paths.iter().any(|path| path.as_os_str() == "-")
    }
}
