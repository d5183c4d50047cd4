//! Can this process write weir's rules on this host, and what is missing if not?

use super::features::{FEATURES, explain};
use crate::{
    Error,
    nft::{self, Table, program},
    plan::Plan,
};
use std::{fs, io};
use weir_core::{Capabilities, Capability, CapturePorts, CaptureSockets, Family, PerFamily};

const NO_CAPABILITY: &str = "this process has no CAP_NET_ADMIN; run it as root, or give its container \
                             securityContext.capabilities.add: [NET_ADMIN] (and hostNetwork: true)";

pub(super) const NO_NFT: &str =
    "there is no program nft in $PATH; install the package nftables, 1.0.1 or newer";

/// Checks that this process may change rules, and that nft and the kernel accept every kind of rule. Changes nothing.
pub(crate) async fn check(pod_interface: Option<&str>) -> Result<(), Error> {
    check_capability()?;
    check_rules(pod_interface).await
}

/// Checks that nft and the kernel accept a table with every kind of rule; if not, tries each feature alone. For a process
/// that may change rules.
pub(super) async fn check_rules(pod_interface: Option<&str>) -> Result<(), Error> {
    let script = nft::whole(&representative(pod_interface), &Plan::default());
    let error = match program::check_script(&script).await {
        Ok(()) => return Ok(()),
        Err(Error::Nft(error)) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Error::RequirementMissing(NO_NFT.into()));
        }
        Err(Error::Refused(said)) => said,
        Err(error) => return Err(error),
    };
    let mut lacking = Vec::new();
    for feature in FEATURES {
        if program::check_script(&feature.script()).await.is_err() {
            lacking.push(feature);
        }
    }
    Err(Error::RequirementMissing(explain(&lacking, &error)))
}

/// Checks that this process may change rules and routes.
pub(crate) fn check_capability() -> Result<(), Error> {
    match is_capable(Capability::NetAdmin) {
        true => Ok(()),
        false => Err(Error::RequirementMissing(NO_CAPABILITY.into())),
    }
}

/// Whether this process has a capability in its effective set.
pub(super) fn is_capable(capability: Capability) -> bool {
    Capabilities::of_status(&fs::read_to_string("/proc/self/status").unwrap_or_default()).contains(capability)
}

/// A table with everything that a real one may have. IPv6 is in it only where the host has that.
fn representative(pod_interface: Option<&str>) -> Table {
    let has = |family| family == Family::V4 || fs::exists("/proc/net/if_inet6").unwrap_or(false);
    let ports = CapturePorts { pod: 1, node: 2, outside: 3 };
    let per_family = PerFamily::from_fn(|family| has(family).then_some(ports));
    let networks = ["10.0.0.0/8", "fd00::/8"].map(|text| text.parse().expect("it is a network")).to_vec();
    Table {
        owner: "0_0".into(),
        capture_sockets: CaptureSockets { tcp: per_family, udp: per_family },
        bound: PerFamily::default(),
        forwards: true,
        pods: networks.clone(),
        pod_interface: pod_interface.map(str::to_owned),
        pod_networks: networks.clone(),
        service_cidrs: networks,
    }
}
