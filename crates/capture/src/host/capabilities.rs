//! Which capabilities does this process have?

use std::fs;

/// A capability that capturing may need, by its number (linux/capability.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Capability {
    /// CAP_NET_BIND_SERVICE: to bind ports below `ip_unprivileged_port_start`.
    NetBindService = 10,
    /// CAP_NET_ADMIN: to change rules and routes.
    NetAdmin = 12,
}

impl Capability {
    /// Whether this process has the capability in its effective set.
    pub(crate) fn is_effective(self) -> bool {
        self.is_effective_in(&fs::read_to_string("/proc/self/status").unwrap_or_default())
    }

    /// Whether the effective set in the text of `/proc/PID/status` has the capability.
    fn is_effective_in(self, status: &str) -> bool {
        let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        let effective = effective.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
        effective.is_some_and(|bits| bits & (1 << self as u32) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::Capability::{NetAdmin, NetBindService};

    #[test]
    fn the_capability_is_read_from_the_effective_ones() {
        let status = |bits: &str| format!("Name:\tweir\nCapPrm:\tffffffffffffffff\nCapEff:\t{bits}\n");
        assert!(NetAdmin.is_effective_in(&status("0000000000001000")));
        assert!(!NetAdmin.is_effective_in(&status("0000000000000fff")));
        assert!(NetBindService.is_effective_in(&status("0000000000000400")));
        assert!(!NetAdmin.is_effective_in(""));
    }
}
