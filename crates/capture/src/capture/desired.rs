//! Which rules are wanted, and which are known to be in force?

use crate::{nft::Table, plan::Plan};
use std::{net::IpAddr, sync::Arc};
use weir_core::{Family, Snapshot};

/// Everything that the rules follow from.
#[derive(Clone, Debug)]
pub(super) struct Desired {
    pub(super) snapshot: Snapshot,
    pub(super) node_port_addresses: Vec<IpAddr>,
    pub(super) table: Table,
}

impl Desired {
    /// Whether nothing but Services differs, so that an edit of the table's sets leads from one to the other.
    pub(super) fn differs_only_in_services(&self, other: &Self) -> bool {
        self.table == other.table
            && self.node_port_addresses == other.node_port_addresses
            && self.snapshot.node.internal_ips == other.snapshot.node.internal_ips
    }

    /// Families of which anything is captured.
    pub(super) fn families(&self) -> impl Iterator<Item = Family> {
        Family::ALL.into_iter().filter(|family| self.table.captures(*family))
    }
}

/// Rules that are known to be in force, and what they follow from.
#[derive(Debug)]
pub(super) struct Installed {
    pub(super) desired: Arc<Desired>,
    pub(super) plan: Plan,
}
