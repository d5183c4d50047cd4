//! Which weir made a table? The name of a chain in it tells.

use crate::nft::OWNER_CHAIN;

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
