//! Which features of nft and the kernel do the rules need?

/// A feature that rules need.
#[derive(Debug)]
pub(super) struct Feature {
    /// Its name for operators.
    name: &'static str,
    /// The kernel's configuration and version that bring the feature.
    needs: &'static str,
    /// A chain that is accepted only where the feature is there.
    chain: &'static str,
}

impl Feature {
    /// A script that is accepted only where the feature is there.
    pub(super) fn script(&self) -> String {
        format!("table inet weir_check {{ set s {{ type ipv4_addr; }}; chain c {{ {} }} }}\n", self.chain)
    }
}

/// All features, each tried alone when the whole table is refused.
pub(super) const FEATURES: &[Feature] = &[
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

/// Says which features are lacking and what brings them; `said` is nft's own message.
pub(super) fn explain(lacking: &[&Feature], said: &str) -> String {
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
}
