//! How does everything go away that weir put into the kernel?

use crate::{
    Error,
    host::requirements,
    nft::{BRIDGE_TABLE, TABLE, program},
    ownership::RuntimeDir,
    route::Routes,
};
use std::{fmt, path::Path};
use weir_core::{Family, PerFamily};

/// weir's routing tables, for the operator.
const TABLES: &str = "20736 to 20738";

/// What a clean-up has removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Whether there was a table for packets.
    pub table: bool,
    /// Whether there was a table for frames on bridges.
    pub bridge_table: bool,
    /// Number of policy rules.
    pub rules: PerFamily<usize>,
    /// Number of routes in weir's routing tables.
    pub routes: PerFamily<usize>,
    /// Whether there were interfaces of weir's.
    pub interfaces: bool,
    /// Number of files in the runtime directory of weirs that no longer run.
    pub files: usize,
}

impl fmt::Display for Removed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::default() {
            return writeln!(f, "nothing of weir's was there");
        }
        if self.table {
            writeln!(f, "removed the nftables table {TABLE}")?;
        }
        if self.bridge_table {
            writeln!(f, "removed the nftables table {BRIDGE_TABLE}")?;
        }
        for family in Family::ALL {
            let (rules, routes) = (*self.rules.get(family), *self.routes.get(family));
            if rules > 0 {
                writeln!(f, "removed {rules} {family} policy rule(s) to tables {TABLES}")?;
            }
            if routes > 0 {
                writeln!(f, "removed {routes} {family} route(s) of tables {TABLES}")?;
            }
        }
        if self.interfaces {
            writeln!(f, "removed the interfaces weir0 and weir1")?;
        }
        if self.files > 0 {
            writeln!(
                f,
                "removed {} file(s) of weirs that no longer run from the runtime directory",
                self.files
            )?;
        }
        Ok(())
    }
}

/// Removes every trace of weir from nftables, routing and interfaces, in both families, and the files of weirs that no longer
/// run from the runtime directory, if there is one that can be trusted.
///
/// # Errors
/// When `nft` or netlink cannot be used, or this process has no CAP_NET_ADMIN. Whatever can be removed is gone even so.
pub async fn cleanup(runtime_dir: Option<&Path>) -> Result<Removed, Error> {
    requirements::check_capability()?;
    let mut removed = Removed::default();
    let (table, bridge_table) = (remove_table(TABLE).await, remove_table(BRIDGE_TABLE).await);
    let routes = Routes::open()?;
    for family in Family::ALL {
        (*removed.rules.get_mut(family), *removed.routes.get_mut(family)) = routes.remove(family).await?;
    }
    removed.interfaces = routes.remove_pair().await?;
    (removed.table, removed.bridge_table) = (table?, bridge_table?);
    if let Some(folder) = runtime_dir.and_then(RuntimeDir::find) {
        removed.files = folder.remove_leftovers()?;
    }
    Ok(removed)
}

async fn remove_table(table: &str) -> Result<bool, Error> {
    let tables = program::query(&["list", "tables"]).await?;
    if !tables.lines().any(|line| line.trim().strip_prefix("table ") == Some(table)) {
        return Ok(false);
    }
    // Added first: deleting fails where somebody else was faster.
    program::run_transaction(&format!("add table {table}\ndelete table {table}\n")).await.outcome?;
    Ok(true)
}
