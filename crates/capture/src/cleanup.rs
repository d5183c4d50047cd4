//! How does everything go away that weir put into the kernel?

use crate::{
    Error,
    host::requirements,
    nft::{TABLE, TABLE_NAME, program},
    ownership,
    route::Routes,
};
use std::fmt;
use weir_core::{Family, PerFamily};

/// What was there and is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Whether there was a table.
    pub table: bool,
    /// Policy rules.
    pub rules: PerFamily<usize>,
    /// Routes in weir's routing table.
    pub routes: PerFamily<usize>,
}

impl fmt::Display for Removed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::default() {
            return writeln!(f, "nothing of weir's was there");
        }
        if self.table {
            writeln!(f, "removed the nftables table {TABLE}")?;
        }
        for family in Family::ALL {
            let (rules, routes) = (*self.rules.get(family), *self.routes.get(family));
            if rules > 0 {
                writeln!(f, "removed {rules} {family} policy rule(s) to table {}", crate::route::TABLE)?;
            }
            if routes > 0 {
                writeln!(f, "removed {routes} {family} route(s) of table {}", crate::route::TABLE)?;
            }
        }
        Ok(())
    }
}

/// Whether a weir captures in this network namespace: it would put back what is removed.
///
/// # Errors
/// When no Unix socket can be had.
pub fn is_running() -> Result<bool, Error> {
    Ok(ownership::acquire()?.is_none())
}

/// Removes every trace of weir from nftables and routing, in both families.
///
/// # Errors
/// When `nft` or netlink cannot be used, or this process may not. What can be removed is gone even so.
pub async fn cleanup() -> Result<Removed, Error> {
    requirements::check_capability()?;
    let mut removed = Removed::default();
    let table = remove_table().await;
    let routes = Routes::open()?;
    for family in Family::ALL {
        (*removed.rules.get_mut(family), *removed.routes.get_mut(family)) = routes.remove(family).await?;
    }
    removed.table = table?;
    Ok(removed)
}

async fn remove_table() -> Result<bool, Error> {
    let tables = program::query(&["list", "tables"]).await?;
    if !tables.lines().any(|line| line.trim() == format!("table inet {TABLE_NAME}")) {
        return Ok(false);
    }
    // Added first: somebody else may have been faster.
    program::run_transaction(&format!("add table {TABLE}\ndelete table {TABLE}\n")).await.outcome?;
    Ok(true)
}
