//! Which weir captures here, and which one made the table? One captures in a network namespace; a newcomer may take over.
//!
//! A weir that runs holds an abstract Unix socket as a lock: abstract names belong to one network namespace, and vanish
//! with their process. The name of a chain in the table tells which weir made the table, so that an older weir notices
//! that the table is another's, and that no transaction of the older weir changes the table of the newer one.

use crate::{Error, nft::OWNER_CHAIN};
use std::{
    io,
    os::{linux::net::SocketAddrExt, unix::net::SocketAddr, unix::net::UnixListener},
};

/// Abstract name of the Unix socket that a running weir holds.
pub(crate) const LOCK_SOCKET: &str = "weir/capture";

/// The right to capture in this network namespace, given back when dropped.
#[derive(Debug)]
pub(crate) struct CaptureLock {
    _socket: UnixListener,
}

impl CaptureLock {
    /// Takes the lock; `None` while another weir holds it.
    pub(crate) fn acquire() -> io::Result<Option<Self>> {
        match UnixListener::bind_addr(&SocketAddr::from_abstract_name(LOCK_SOCKET)?) {
            Ok(socket) => Ok(Some(Self { _socket: socket })),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Whether a weir captures in this network namespace. A running weir puts back rules that are removed.
///
/// # Errors
/// When no Unix socket can be opened.
pub fn is_running() -> Result<bool, Error> {
    Ok(CaptureLock::acquire()?.is_none())
}

/// The weir that made a table. Ordered by the time from the start of the host to the start of that weir, so that no change
/// of the host's clock matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TableOwner {
    started: u64,
    process: u32,
}

impl TableOwner {
    /// This process, started now.
    pub(crate) fn new() -> Self {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let started = u64::try_from(now.tv_sec).unwrap_or_default().saturating_mul(1_000_000_000);
        Self {
            started: started.saturating_add(u64::try_from(now.tv_nsec).unwrap_or_default()),
            process: std::process::id(),
        }
    }

    /// Reads the owner from the name of a chain.
    pub(crate) fn of_chain(name: &str) -> Option<Self> {
        let (started, process) = name.strip_prefix(OWNER_CHAIN)?.split_once('_')?;
        Some(Self { started: u64::from_str_radix(started, 16).ok()?, process: process.parse().ok()? })
    }

    /// Reads the owner of a table from its listing by `nft`.
    pub(crate) fn of_listing(text: &str) -> Option<Self> {
        let names = text.lines().filter_map(|line| line.trim().strip_prefix("chain "));
        names.filter_map(|name| Self::of_chain(name.split_whitespace().next()?)).next()
    }
}

impl std::fmt::Display for TableOwner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}_{}", self.started, self.process)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_is_read_back_from_a_listed_table() {
        let owner = TableOwner::new();
        let listing =
            format!("table inet weir {{\n\tset a {{\n\t}}\n\n\tchain {OWNER_CHAIN}{owner} {{\n\t}}\n}}\n");
        assert_eq!(TableOwner::of_listing(&listing), Some(owner));
        for foreign in ["", "chain prerouting {", "chain owner_ {", "chain owner_12 {", "chain owner_zz_1 {"]
        {
            assert_eq!(TableOwner::of_listing(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn who_starts_later_comes_after() {
        let first = TableOwner::new();
        let second = TableOwner { started: first.started + 1, process: 1 };
        assert!(first < second);
    }
}
