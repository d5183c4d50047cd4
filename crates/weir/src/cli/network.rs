//! How do `weir run --mode node` and `weir explain` learn what the cluster's network looks like?

use super::values::{network, usage};
use clap::{ArgAction, Args, ValueEnum};
use ipnet::IpNet;
use weir_core::Pods;

/// Flags about the cluster's network, named as kube-proxy's.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "The cluster's network, in node mode")]
pub(super) struct NetworkArgs {
    /// Networks of pods, comma separated; client addresses in them are kept
    #[arg(long, value_name = "CIDR", value_delimiter = ',', action = ArgAction::Append, value_parser = network)]
    cluster_cidr: Vec<IpNet>,

    /// Networks of Service addresses, comma separated, besides those that the API server names; addresses in them that no
    /// Service has get no answer
    #[arg(long, value_name = "CIDR", value_delimiter = ',', action = ArgAction::Append, value_parser = network)]
    service_cidr: Vec<IpNet>,

    /// How weir recognises packets of pods
    #[arg(long, value_name = "MODE", value_enum, ignore_case = true, default_value = "ClusterCIDR")]
    detect_local_mode: DetectLocalMode,

    /// Bridge that packets of pods come from, for BridgeInterface
    #[arg(long, value_name = "NAME")]
    pod_bridge_interface: Option<String>,

    /// Prefix of the interfaces that packets of pods come from, for InterfaceNamePrefix
    #[arg(long, value_name = "PREFIX")]
    pod_interface_name_prefix: Option<String>,

    /// Replace the client's address by the node's whenever a cluster IP is dialled
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    masquerade_all: bool,
}

/// Ways to recognise pods, named as kube-proxy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DetectLocalMode {
    /// By their address, in --cluster-cidr
    #[value(name = "ClusterCIDR")]
    ClusterCidr,
    /// By their address, in this Node's podCIDRs
    #[value(name = "NodeCIDR")]
    NodeCidr,
    /// By the bridge that they come from
    #[value(name = "BridgeInterface")]
    BridgeInterface,
    /// By the name of the interface that they come from
    #[value(name = "InterfaceNamePrefix")]
    InterfaceNamePrefix,
    /// Not at all: pods count as outside clients
    #[value(name = "none")]
    None,
}

/// Network of the cluster, checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClusterNetwork {
    /// Way to recognise pods.
    pub(crate) pods: Pods,
    /// Networks of pods.
    pub(crate) pod_networks: Vec<IpNet>,
    /// Networks of Service addresses.
    pub(crate) service_cidrs: Vec<IpNet>,
    /// Whether all traffic to cluster IPs is masqueraded.
    pub(crate) masquerade_all: bool,
    /// Whether pods shall be recognised by `--cluster-cidr`, and it was not given.
    pub(crate) lacks_cluster_cidr: bool,
}

impl NetworkArgs {
    /// Checks the flags together.
    pub(super) fn network(self) -> Result<ClusterNetwork, clap::Error> {
        let named = |name: Option<String>, flag, mode| {
            let is_name = |name: &String| (1..16).contains(&name.len()) && !name.contains(['/', ' ', '"']);
            name.filter(is_name).ok_or_else(|| {
                usage(format_args!(
                    "--detect-local-mode {mode} needs {flag}, an interface name of at most 15 characters"
                ))
            })
        };
        self.check_interfaces()?;
        let pods = match self.detect_local_mode {
            // As for kube-proxy: without a network nobody is recognised.
            DetectLocalMode::ClusterCidr if self.cluster_cidr.is_empty() => Pods::Unknown,
            DetectLocalMode::ClusterCidr => Pods::Within(self.cluster_cidr.clone()),
            DetectLocalMode::NodeCidr => Pods::OfNode,
            DetectLocalMode::BridgeInterface => {
                Pods::OnBridge(named(self.pod_bridge_interface, "--pod-bridge-interface", "BridgeInterface")?)
            }
            DetectLocalMode::InterfaceNamePrefix => {
                let (flag, mode) = ("--pod-interface-name-prefix", "InterfaceNamePrefix");
                Pods::OnInterfaces(named(self.pod_interface_name_prefix, flag, mode)?)
            }
            DetectLocalMode::None => Pods::Unknown,
        };
        let by_cluster_cidr = self.detect_local_mode == DetectLocalMode::ClusterCidr;
        Ok(ClusterNetwork {
            lacks_cluster_cidr: by_cluster_cidr && self.cluster_cidr.is_empty(),
            pods,
            pod_networks: self.cluster_cidr,
            service_cidrs: self.service_cidr,
            masquerade_all: self.masquerade_all,
        })
    }

    /// Refuses names of interfaces where pods are recognised by something else: nobody would look at them.
    fn check_interfaces(&self) -> Result<(), clap::Error> {
        let bridge = (&self.pod_bridge_interface, "--pod-bridge-interface", DetectLocalMode::BridgeInterface);
        let prefix = (
            &self.pod_interface_name_prefix,
            "--pod-interface-name-prefix",
            DetectLocalMode::InterfaceNamePrefix,
        );
        for (name, flag, mode) in [bridge, prefix] {
            let is_given = name.as_ref().is_some_and(|name| !name.is_empty());
            if is_given && mode != self.detect_local_mode {
                let mode =
                    mode.to_possible_value().map(|mode| mode.get_name().to_owned()).unwrap_or_default();
                return Err(usage(format_args!(
                    "{flag} is for --detect-local-mode {mode}: as it is set, pods are not recognised by it"
                )));
            }
        }
        Ok(())
    }
}
