//! Which addresses are refused, as endpoints and for clients? Flags of guards.

use super::values::{network, usage};
use clap::{ArgAction, Args};
use ipnet::IpNet;
use std::{collections::BTreeSet, net::IpAddr};
use weir_core::guards::{GuardRules, METADATA_SERVICES, VirtualIps};

/// Flags about addresses that guards refuse.
#[derive(Args, Debug)]
pub(super) struct GuardArgs {
    /// Refuse endpoints and Service addresses that are loopback, link-local, multicast, broadcast or unspecified, endpoints
    /// at this node's own addresses, load-balancer IPs that are somebody else's, and external IPs [default: true for objects
    /// from an API server, false for manifests]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    guards: Option<bool>,

    /// Networks in which guards allow external IPs, comma separated; addresses of this node, of the API server and of
    /// other Services stay refused, an address on an interface here is allowed if it is named itself (/32, /128)
    #[arg(long, value_name = "CIDR", value_delimiter = ',', action = ArgAction::Append, value_parser = network)]
    allow_external_ips: Vec<IpNet>,

    /// Networks in which guards allow load-balancer IPs that are addresses of this node, of the API server or of another
    /// Service, comma separated; all other load-balancer IPs need no list
    #[arg(long, value_name = "CIDR", value_delimiter = ',', action = ArgAction::Append, value_parser = network)]
    allow_load_balancer_ips: Vec<IpNet>,

    /// Let any endpoint be at an address of this node, not only pods on the host network
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    allow_node_endpoints: bool,

    /// Networks whose addresses guards refuse as endpoints, comma separated [default: the metadata services of clouds]
    #[arg(long, value_name = "CIDR", value_delimiter = ',', action = ArgAction::Append, value_parser = network)]
    refuse_endpoints: Option<Vec<IpNet>>,
}

impl GuardArgs {
    /// Whether guards are on; `None` if that was not said.
    pub(super) fn are_on(&self) -> Option<bool> {
        self.guards
    }

    /// Refuses flags that mean nothing where guards are off.
    pub(super) fn check_without_guards(&self) -> Result<(), clap::Error> {
        let given = [
            ("--allow-external-ips", !self.allow_external_ips.is_empty()),
            ("--allow-load-balancer-ips", !self.allow_load_balancer_ips.is_empty()),
            ("--allow-node-endpoints", self.allow_node_endpoints),
            ("--refuse-endpoints", self.refuse_endpoints.is_some()),
        ];
        match given.into_iter().find(|(_, is_given)| *is_given) {
            Some((flag, _)) => Err(usage(format_args!("{flag} means nothing without --guards"))),
            None => Ok(()),
        }
    }

    /// What guards refuse on a host that has these addresses.
    pub(super) fn rules(self, host: BTreeSet<IpAddr>) -> GuardRules {
        GuardRules {
            virtual_ips: VirtualIps {
                allowed_external_ips: self.allow_external_ips,
                allowed_load_balancer_ips: self.allow_load_balancer_ips,
                api_server: None,
            },
            refused_endpoints: self.refuse_endpoints.unwrap_or_else(|| METADATA_SERVICES.into()),
            host,
            allow_node_endpoints: self.allow_node_endpoints,
        }
    }
}
