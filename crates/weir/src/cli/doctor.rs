//! Which settings does `weir doctor` take?

use super::{
    defaults::node_name,
    network::{ClusterNetwork, NetworkArgs},
    run::Events,
};
use crate::output::format::Output;
use clap::Args;
use std::{path::PathBuf, time::Duration};
use weir_control::KubeSource;

/// Longest time until each question to the API server is answered: somebody waits.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// The flags of `weir doctor`, which are those of `weir run` as far as the checks need them.
#[derive(Args, Clone, Debug)]
pub(super) struct DoctorArgs {
    /// Kubeconfig [default: $KUBECONFIG, else the Pod's service account, else ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// Context in the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,

    /// API server to use instead of the one in the kubeconfig, as in https://10.0.0.1:6443
    #[arg(long, value_name = "URL")]
    api_server: Option<String>,

    /// Name of this node [default: $NODE_NAME, else the host name]
    #[arg(long, value_name = "NAME")]
    node_name: Option<String>,

    /// Whether weir will write Kubernetes Events about Services
    #[arg(long, value_name = "WHEN", value_enum, default_value = "on")]
    events: Events,

    #[command(flatten)]
    network: NetworkArgs,

    /// Output format
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Output,
}

/// Settings of `weir doctor`, checked and complete.
#[derive(Clone, Debug)]
pub struct DoctorOptions {
    /// API server to examine.
    pub(crate) source: KubeSource,
    /// Name of the node.
    pub(crate) node_name: String,
    /// Network of the cluster.
    pub(crate) network: ClusterNetwork,
    /// Output format.
    pub(crate) output: Output,
}

impl DoctorArgs {
    /// Checks the flags together.
    pub(super) fn options(self) -> Result<DoctorOptions, clap::Error> {
        Ok(DoctorOptions {
            source: KubeSource {
                kubeconfig: self.kubeconfig,
                context: self.context,
                api_server: self.api_server,
                answer_timeout: ANSWER_TIMEOUT,
                write_events: self.events == Events::On,
                ..KubeSource::default()
            },
            node_name: node_name::node_name(self.node_name.as_deref()),
            network: self.network.network()?,
            output: self.output,
        })
    }
}
