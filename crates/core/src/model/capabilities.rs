//! Which capabilities does a process have? (capabilities(7))

/// The effective capabilities of a process: `CapEff` in proc_pid_status(5), one bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities(u64);

/// A capability, with its number in linux/capability.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// CAP_NET_BIND_SERVICE: may bind ports below `net.ipv4.ip_unprivileged_port_start`.
    NetBindService = 10,
    /// CAP_NET_ADMIN: may change rules and routes, mark packets, and bind addresses of other hosts.
    NetAdmin = 12,
}

impl Capabilities {
    /// Reads the text of `/proc/PID/status`. Without a line `CapEff` there is no capability.
    pub fn of_status(status: &str) -> Self {
        let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        Self(effective.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0))
    }

    /// Whether the process has a capability.
    pub fn contains(self, capability: Capability) -> bool {
        self.0 & (1 << capability as u32) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capability_is_read_from_the_effective_ones() {
        let of = |bits: &str| {
            Capabilities::of_status(&format!("Name:\tweir\nCapPrm:\tffffffffffffffff\nCapEff:\t{bits}\n"))
        };
        assert!(of("0000000000001000").contains(Capability::NetAdmin));
        assert!(!of("0000000000000fff").contains(Capability::NetAdmin));
        assert!(of("0000000000000400").contains(Capability::NetBindService));
        for nothing in ["", "Name:\tweir\n", "CapEff:\tmany\n"] {
            assert_eq!(Capabilities::of_status(nothing), Capabilities::default(), "{nothing:?}");
        }
    }
}
