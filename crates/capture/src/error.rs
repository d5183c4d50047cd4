//! What can go wrong, and what can be done about it?

use std::{io, time::Duration};

/// Why Service traffic cannot be captured, or not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This host or process lacks something that capturing needs.
    #[error("cannot change nftables rules and routes: {0}")]
    RequirementMissing(String),
    /// Another weir captures Service traffic in this network namespace.
    #[error(
        "another weir captures Service traffic on this node (it holds the abstract socket @{0}): stop it, \
         or take over with --takeover"
    )]
    SecondWeir(&'static str),
    /// A setting that is not the name of an interface.
    #[error("{0:?} is not the name of an interface: 1 to 15 letters, digits, '.', '_' or '-'")]
    Interface(String),
    /// A transaction that nft or the kernel did not accept. The rules are as they were before it.
    #[error(
        "nft refused a change of the rules; those before it stay in force, and it is tried again. Is the kernel out of \
         memory, or does something else change table inet weir? nft said: {0}"
    )]
    Refused(String),
    /// A transaction that took too long.
    #[error(
        "nft did not finish within {0:?}; the rules are written anew. Is this host overloaded, or does something else \
         keep changing nftables rules?"
    )]
    TimedOut(Duration),
    /// `nft` cannot be run.
    #[error("cannot run nft: {0}; is the package nftables installed, and in $PATH?")]
    Nft(#[source] io::Error),
    /// The kernel refused the policy rule or its route.
    #[error("cannot route captured packets to this host (policy rule and table {table}): {why}")]
    Route {
        /// The routing table.
        table: u32,
        /// The kernel's answer.
        why: String,
    },
    /// Netlink cannot be used.
    #[error("cannot use netlink: {0}")]
    Netlink(#[from] io::Error),
}
