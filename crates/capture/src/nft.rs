//! How is a plan said to nftables?
//!
//! Everything in a script is a number, an address, one of the fixed names here, or an interface name that was checked:
//! no content of an object can make a script fail or mean something else.

mod edits;
pub(crate) mod program;
mod table;

pub(crate) use edits::edits;
pub(crate) use table::{Table, whole};

use crate::{
    marks::TO_CLIENT,
    plan::{Exception, RangesId},
};
use ipnet::IpNet;
use std::fmt::{self, Display};
use weir_core::{Family, Frontend, Protocol};

/// weir's one table. Its family is `inet`: both IP families in one transaction.
pub(crate) const TABLE: &str = "inet weir";

/// The name of that table alone.
pub(crate) const TABLE_NAME: &str = "weir";

/// What the name of the chain begins with that says whose the table is.
pub(crate) const OWNER_CHAIN: &str = "owner_";

/// Ends a set's name: its elements are of one family.
fn digit(family: Family) -> char {
    match family {
        Family::V4 => '4',
        Family::V6 => '6',
    }
}

/// The word that addresses of a family begin with in rules.
fn ip(family: Family) -> &'static str {
    match family {
        Family::V4 => "ip",
        Family::V6 => "ip6",
    }
}

/// The key of a frontend in sets and maps.
struct Key(Frontend);

impl Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.0.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        };
        write!(f, "{} . {protocol} . {}", self.0.address.ip(), self.0.address.port())
    }
}

/// A port in the mark of a reply that left from another one.
struct ReplyPort(u16);

impl Display for ReplyPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", TO_CLIENT | u32::from(self.0))
    }
}

/// The verdict of an exception.
struct Verdict(Exception, Family);

impl Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Exception::Refuse => f.write_str("goto refuse"),
            Exception::Silent => f.write_str("drop"),
            Exception::InsideOnly => write!(f, "jump inside_only{}", digit(self.1)),
        }
    }
}

/// The chain of a list of sources.
struct RangesChain(RangesId);

impl Display for RangesChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ranges_{}", self.0.0)
    }
}

/// The one rule of such a chain: it returns for those who are admitted.
fn ranges_rule(family: Family, networks: &[IpNet]) -> String {
    match networks {
        [] => "drop".into(),
        networks => format!("{} saddr != {} drop", ip(family), braces(networks)),
    }
}

fn braces(items: impl IntoIterator<Item = impl Display>) -> String {
    format!("{{ {} }}", commas(items))
}

fn commas(items: impl IntoIterator<Item = impl Display>) -> String {
    let mut text = String::new();
    for item in items {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(&item.to_string());
    }
    text
}

#[cfg(test)]
mod tests;
