//! How are tables, chains, keys and verdicts called in scripts?

use crate::{
    marks::TO_CLIENT,
    plan::{Exception, Passing, RangesId},
};
use std::fmt::{self, Display};
use weir_core::{Family, Frontend, Protocol};

/// Family and name of weir's one table. The family is `inet`, so that both IP families change in one transaction.
pub(crate) const TABLE: &str = "inet weir";

/// Name of weir's table.
pub(crate) const TABLE_NAME: &str = "weir";

/// Family and name of weir's table for frames on bridges.
pub(crate) const BRIDGE_TABLE: &str = "bridge weir";

/// Prefix of the chain whose name tells which weir made the table.
pub(crate) const OWNER_CHAIN: &str = "owner_";

/// The last character in the names of sets and chains of one family.
pub(super) fn digit(family: Family) -> char {
    match family {
        Family::V4 => '4',
        Family::V6 => '6',
    }
}

/// The keyword of a family's header in rules.
pub(super) fn ip(family: Family) -> &'static str {
    match family {
        Family::V4 => "ip",
        Family::V6 => "ip6",
    }
}

/// Writes the key of a frontend in sets and maps.
pub(super) struct Key(pub(super) Frontend);

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

/// Writes the mark of a reply that left from another port than this one, which the client dialled.
pub(super) struct ReplyPort(pub(super) u16);

impl Display for ReplyPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", TO_CLIENT | u32::from(self.0))
    }
}

/// Writes the verdict of an exception.
pub(super) struct Verdict(pub(super) Exception, pub(super) Family);

impl Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Exception::Refuse => f.write_str("goto refuse"),
            Exception::Silent => f.write_str("drop"),
            Exception::InsideOnly => write!(f, "jump inside_only{}", digit(self.1)),
        }
    }
}

/// Writes the verdict for packets that may go on untouched.
pub(super) struct PassingVerdict(pub(super) Passing, pub(super) Family);

impl Display for PassingVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Passing::Connections => write!(f, "jump pass_connections{}", digit(self.1)),
            Passing::Outsiders => write!(f, "jump pass_outsiders{}", digit(self.1)),
            Passing::AllButNode => write!(f, "jump pass_all_but_node{}", digit(self.1)),
        }
    }
}

/// Writes the name of the chain of a list of sources.
pub(super) struct RangesChain(pub(super) RangesId);

impl Display for RangesChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ranges_{}", self.0.0)
    }
}
