//! How does everything go away that weir put into the kernel?

use crate::{
    Error,
    host::requirements,
    nft::{TABLE, TABLE_NAME, program},
    route::Routes,
};
use std::fmt;
use weir_core::{Family, PerFamily};

/// weir's routing tables, for the operator.
const TABLES: &str = "20736 to 20738";

/// What a clean-up has removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Whether there was a table.
    pub table: bool,
    /// Number of policy rules.
    pub rules: PerFamily<usize>,
    /// Number of routes in weir's routing tables.
    pub routes: PerFamily<usize>,
    /// Whether there were interfaces of weir's.
    pub interfaces: bool,
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
                writeln!(f, "removed {rules} {family} policy rule(s) to tables {TABLES}")?;
            }
            if routes > 0 {
                writeln!(f, "removed {routes} {family} route(s) of tables {TABLES}")?;
            }
        }
        if self.interfaces {
            writeln!(f, "removed the interfaces weir0 and weir1")?;
        }
        Ok(())
    }
}

/// Removes every trace of weir from nftables, routing and interfaces, in both families.
///
/// # Errors
/// When `nft` or netlink cannot be used, or this process has no CAP_NET_ADMIN. Whatever can be removed is gone even so.
pub async fn cleanup() -> Result<Removed, Error> {
    requirements::check_capability()?;
    let mut removed = Removed::default();
    let table = remove_table().await;
    let routes = Routes::open()?;
    for family in Family::ALL {
        (*removed.rules.get_mut(family), *removed.routes.get_mut(family)) = routes.remove(family).await?;
    }
    removed.interfaces = routes.remove_pair().await?;
    removed.table = table?;
    Ok(removed)
}

async fn remove_table() -> Result<bool, Error> {
    let tables = program::query(&["list", "tables"]).await?;
    if !tables.lines().any(|line| line.trim() == format!("table inet {TABLE_NAME}")) {
        return Ok(false);
    }
    // Added first: deleting fails where somebody else was faster.
    program::run_transaction(&format!("add table {TABLE}\ndelete table {TABLE}\n")).await.outcome?;
    Ok(true)
}
