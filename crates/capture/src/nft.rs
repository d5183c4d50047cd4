//! How is a plan said to nftables?
//!
//! Everything in a script is a number, an address, one of the fixed names here, or an interface name that was checked:
//! no content of an object can make a script fail or mean something else.

mod base_chains;
mod bridge_table;
mod edits;
mod names;
mod origin;
mod own_packets;
mod passing;
pub(crate) mod program;
mod syntax;
mod table;
mod whole;

pub(crate) use bridge_table::{bridge_table, rules_chain};
pub(crate) use edits::edits;
pub(crate) use names::{BRIDGE_TABLE, OWNER_CHAIN, TABLE, TABLE_NAME};
pub(crate) use table::Table;
pub(crate) use whole::whole;

#[cfg(test)]
mod tests;
