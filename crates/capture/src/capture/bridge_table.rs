//! Is there a table for frames on bridges, and can there be one?

use crate::{
    host::requirements,
    nft::{BRIDGE_TABLE, program, rules_chain},
};
use tracing::warn;
use weir_core::BridgeNetwork;

/// The table that hands answers on bridges over to this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BridgeTable {
    /// The kernel or nft has no rules for bridges. Whether that was said.
    Unsupported { said: bool },
    /// There is none, and none is written while there is no bridge.
    Absent,
    /// There may be one, of this weir or of an earlier one.
    Present,
}

impl BridgeTable {
    /// Looks at this host.
    pub(super) async fn find() -> Self {
        if is_there().await {
            return Self::Present;
        }
        match requirements::has_bridge_rules().await {
            true => Self::Absent,
            false => Self::Unsupported { said: false },
        }
    }

    /// What is to become of the table when there are these networks; `None` leaves it alone.
    pub(super) fn wanted(&mut self, networks: Vec<BridgeNetwork>) -> Option<Vec<BridgeNetwork>> {
        match self {
            _ if *self != Self::Present && networks.is_empty() => None,
            Self::Unsupported { said } => {
                if !std::mem::replace(said, true) {
                    warn!(
                        "the kernel has no nftables rules for bridges (CONFIG_NF_TABLES_BRIDGE): an endpoint on its client's \
                         own bridge sees the node's address instead of the client's"
                    );
                }
                None
            }
            Self::Absent | Self::Present => {
                *self = Self::Present;
                Some(networks)
            }
        }
    }
}

/// Which rules the table has that an earlier weir keeps, by the name of a chain; `None` without a table.
pub(super) async fn known_rules() -> Option<String> {
    let words = [&["-t", "list", "table"][..], &BRIDGE_TABLE.split(' ').collect::<Vec<_>>()].concat();
    let listing = program::query(&words).await.ok()?;
    rules_chain(&listing).map(str::to_owned)
}

/// Whether there is a table of weir's for frames on bridges.
pub(crate) async fn is_there() -> bool {
    let tables = program::query(&["list", "tables"]).await.unwrap_or_default();
    tables.lines().any(|line| line.trim().strip_prefix("table ") == Some(BRIDGE_TABLE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks() -> Vec<BridgeNetwork> {
        vec![BridgeNetwork {
            bridge: "cni0".into(),
            hardware_address: [2; 6],
            network: "10.244.1.0/24".parse().unwrap(),
            elsewhere: Vec::new(),
            hands_over: false,
        }]
    }

    #[test]
    fn nothing_is_written_until_there_is_a_bridge_and_what_was_written_goes_with_the_bridge() {
        let mut table = BridgeTable::Absent;
        assert_eq!(table.wanted(Vec::new()), None);
        assert_eq!(table.wanted(networks()), Some(networks()));
        assert_eq!(table.wanted(Vec::new()), Some(Vec::new()));
        assert_eq!(BridgeTable::Present.wanted(Vec::new()), Some(Vec::new()), "an earlier weir's");
    }

    #[test]
    fn where_the_kernel_has_no_such_rules_nothing_is_written() {
        let mut table = BridgeTable::Unsupported { said: false };
        assert_eq!(table.wanted(networks()), None);
        assert_eq!(table, BridgeTable::Unsupported { said: true });
    }
}
