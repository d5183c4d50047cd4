//! What does this host lack that capturing needs, and how does it get it?

use crate::{
    Error, apply,
    marks::CAPTURED,
    nft::{self, Table},
    plan::Plan,
};
use std::{fs, io};
use weir_core::{Capabilities, Capability, CapturePorts, CaptureSockets, Family, PerFamily};

/// Has the kernel look at a whole table, without changing anything. Only if it does not like that, every part is tried.
pub(crate) async fn check(pod_interface: Option<&str>) -> Result<(), Error> {
    check_capability()?;
    check_rules(pod_interface).await
}

/// The same for a process that may change rules.
pub(crate) async fn check_rules(pod_interface: Option<&str>) -> Result<(), Error> {
    let error = match apply::check(&nft::whole(&representative(pod_interface), &Plan::default())).await {
        Ok(()) => return Ok(()),
        Err(Error::Nft(error)) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Error::Missing(NO_NFT.into()));
        }
        Err(Error::Refused(said)) => said,
        Err(error) => return Err(error),
    };
    let mut lacking = Vec::new();
    for feature in FEATURES {
        if apply::check(&feature.script()).await.is_err() {
            lacking.push(feature);
        }
    }
    Err(Error::Missing(explain(&lacking, &error)))
}

/// Whether this process may change rules and routes.
pub(crate) fn check_capability() -> Result<(), Error> {
    match is_capable(Capability::NetAdmin) {
        true => Ok(()),
        false => Err(Error::Missing(NO_CAPABILITY.into())),
    }
}

/// Whether this process has a capability.
pub(crate) fn is_capable(capability: Capability) -> bool {
    Capabilities::of_status(&fs::read_to_string("/proc/self/status").unwrap_or_default()).contains(capability)
}

const NO_CAPABILITY: &str = "this process has no CAP_NET_ADMIN; run it as root, or give its container \
                             securityContext.capabilities.add: [NET_ADMIN] (and hostNetwork: true)";

pub(crate) const NO_NFT: &str =
    "there is no program nft in $PATH; install the package nftables, 1.0.1 or newer";

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
        pods: networks.clone(),
        pod_interface: pod_interface.map(str::to_owned),
        pod_networks: networks.clone(),
        service_cidrs: networks,
    }
}

/// One thing that rules need.
struct Feature {
    /// What it is.
    name: &'static str,
    /// What the kernel needs for it.
    needs: &'static str,
    /// The chain that shows it.
    chain: &'static str,
}

impl Feature {
    fn script(&self) -> String {
        format!("table inet weir_check {{ set s {{ type ipv4_addr; }}; chain c {{ {} }} }}\n", self.chain)
    }
}

const FEATURES: &[Feature] = &[
    Feature {
        name: "nftables for both IP families",
        needs: "CONFIG_NF_TABLES and CONFIG_NF_TABLES_INET (module nf_tables), Linux 5.15 or newer",
        chain: "type filter hook prerouting priority raw;",
    },
    Feature {
        name: "TPROXY",
        needs: "CONFIG_NFT_TPROXY (module nft_tproxy)",
        chain: "type filter hook prerouting priority raw; meta l4proto tcp tproxy ip to 127.0.0.1:1",
    },
    Feature {
        name: "the socket expression",
        needs: "CONFIG_NFT_SOCKET (module nft_socket)",
        chain: "type filter hook prerouting priority raw; socket transparent 1",
    },
    Feature {
        name: "the fib expression",
        needs: "CONFIG_NFT_FIB_INET (module nft_fib_inet)",
        chain: "type filter hook prerouting priority raw; fib saddr type local",
    },
    Feature {
        name: "connection tracking",
        needs: "CONFIG_NFT_CT (module nft_ct) and CONFIG_NF_CONNTRACK_MARK",
        chain: "type filter hook prerouting priority raw; notrack; ct mark 1",
    },
    Feature {
        name: "the reject expression",
        needs: "CONFIG_NFT_REJECT_INET (module nft_reject_inet), Linux 5.9 or newer",
        chain: "type filter hook prerouting priority raw; reject",
    },
    Feature {
        name: "a chain that routes again",
        needs: "CONFIG_NF_TABLES_INET, Linux 5.2 or newer",
        chain: "type route hook output priority raw; meta mark set 1",
    },
];

fn explain(lacking: &[&Feature], said: &str) -> String {
    if lacking.is_empty() {
        return format!(
            "nft does not accept the rules; is it older than 1.0.1 (nft --version)? It said: {said}"
        );
    }
    if lacking.len() == FEATURES.len() {
        return format!(
            "nft does not work here: is the kernel without {}, or does a security policy forbid it? It said: {said}",
            FEATURES[0].needs
        );
    }
    let lacking: Vec<String> =
        lacking.iter().map(|feature| format!("{}, which needs {}", feature.name, feature.needs)).collect();
    format!("the kernel lacks {}. nft said: {said}", lacking.join("; and "))
}

/// What keeps captured packets from arriving although the rules are accepted. Each is a sentence for the operator.
pub(crate) fn obstacles() -> Vec<String> {
    let interfaces = fs::read_dir("/proc/sys/net/ipv4/conf").into_iter().flatten().flatten();
    let mut on: Vec<String> = interfaces
        .filter(|interface| {
            let value = fs::read_to_string(interface.path().join("src_valid_mark"));
            value.is_ok_and(|value| value.trim() == "1")
        })
        .map(|interface| interface.file_name().to_string_lossy().into_owned())
        .collect();
    on.sort_unstable();
    on.iter().map(|interface| src_valid_mark(interface)).collect()
}

/// The kernel then looks up the way back with the mark too, finds that every source is local, and drops the packet.
fn src_valid_mark(interface: &str) -> String {
    format!(
        "net.ipv4.conf.{interface}.src_valid_mark is 1 (wg-quick and some CNIs with WireGuard set it): the kernel drops \
         captured IPv4 packets without a word; set it to 0"
    )
}

/// What may be missing when the policy rule cannot be had.
pub(crate) fn explain_route(said: &str) -> String {
    format!(
        "{said}; does the kernel have CONFIG_IP_MULTIPLE_TABLES and CONFIG_IPV6_MULTIPLE_TABLES, and is CAP_NET_ADMIN \
         there? ({CAPTURED:#x} must be free for weir)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_what_brings_it() {
        let text = explain(&[&FEATURES[1], &FEATURES[2]], "No such file or directory");
        for part in ["TPROXY", "CONFIG_NFT_TPROXY", "CONFIG_NFT_SOCKET", "No such file"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!text.contains("CONFIG_NFT_FIB_INET"), "{text}");
    }

    #[test]
    fn an_old_nft_and_a_kernel_without_nftables_are_told_apart() {
        assert!(explain(&[], "syntax error").contains("1.0.1"));
        let all: Vec<&Feature> = FEATURES.iter().collect();
        assert!(explain(&all, "Operation not supported").contains("CONFIG_NF_TABLES_INET"));
    }

    #[test]
    fn settings_that_lose_packets_are_named_with_their_interface() {
        let text = src_valid_mark("wg0");
        assert!(text.contains("net.ipv4.conf.wg0.src_valid_mark") && text.contains("set it to 0"), "{text}");
        assert!(explain_route("Operation not supported").contains("CONFIG_IP_MULTIPLE_TABLES"));
    }
}
