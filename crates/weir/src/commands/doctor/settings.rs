//! How is this host set up beside rules and routes: limits and kernel parameters?

use std::{fs, ops::RangeInclusive, time::Duration};

/// Limits and kernel parameters of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    /// Support of IPv6.
    pub(super) ipv6: Ipv6,
    /// Files that this process may have open; `None` for any number, or if the limit cannot be read.
    pub(super) files: Option<u64>,
    /// First port that unprivileged processes may bind.
    pub(super) unprivileged_ports: u16,
    /// Ports that the kernel assigns to sockets that ask for none.
    pub(super) local_ports: Option<RangeInclusive<u16>>,
    /// Ports that the kernel never assigns.
    pub(super) reserved_ports: Vec<RangeInclusive<u16>>,
    /// Number and limit of tracked connections; `None` where tracking is not loaded.
    pub(super) tracked: Option<(u64, u64)>,
    /// Time after which a tracked connection is forgotten whose client has not ended its side yet; `None` where tracking is
    /// not loaded.
    pub(super) close_wait: Option<Duration>,
    /// Whether the kernel can be asked about TCP connections; else the reason.
    pub(super) sock_diag: Result<(), String>,
    /// Interfaces that accept packets to 127.0.0.0/8 from outside.
    pub(super) route_localnet: Vec<String>,
    /// Interfaces whose packets' sources are looked up by the mark.
    pub(super) source_checks_by_mark: Vec<String>,
    /// Whether rules of iptables-legacy may be there.
    pub(super) has_legacy_filter: bool,
}

/// Support of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ipv6 {
    /// Usable like IPv4.
    Usable,
    /// Not on loopback: there is no `::1`.
    NotOnLoopback,
    /// No IPv6.
    Absent,
}

impl Settings {
    /// Reads `/proc`. What cannot be read counts as not there.
    pub(super) fn read() -> Self {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let count = |path: &str| text(path).trim().parse().ok();
        let ipv6 = match fs::read_to_string("/proc/net/if_inet6") {
            Ok(addresses)
                if addresses.starts_with(LOOPBACK) || addresses.contains(&format!("\n{LOOPBACK}")) =>
            {
                Ipv6::Usable
            }
            Ok(_) => Ipv6::NotOnLoopback,
            Err(_) => Ipv6::Absent,
        };
        let names =
            |families: &[&str]| families.iter().any(|path| text(path).lines().any(|name| name == "filter"));
        Self {
            ipv6,
            files: hard_limit(&text("/proc/self/limits")),
            unprivileged_ports: text("/proc/sys/net/ipv4/ip_unprivileged_port_start")
                .trim()
                .parse()
                .unwrap_or(1024),
            local_ports: local_ports(&text("/proc/sys/net/ipv4/ip_local_port_range")),
            reserved_ports: reserved_ports(&text("/proc/sys/net/ipv4/ip_local_reserved_ports")),
            tracked: count("/proc/sys/net/netfilter/nf_conntrack_count")
                .zip(count("/proc/sys/net/netfilter/nf_conntrack_max")),
            close_wait: count("/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close_wait")
                .map(Duration::from_secs),
            sock_diag: weir_proxy::sock_diag_availability().map_err(str::to_owned),
            route_localnet: interfaces_with("route_localnet"),
            source_checks_by_mark: interfaces_with("src_valid_mark"),
            has_legacy_filter: names(&["/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"]),
        }
    }
}

/// The address `::1`, as the kernel writes it.
const LOOPBACK: &str = "00000000000000000000000000000001 ";

/// Hard limit of open files, from a line such as `Max open files            1024                 20000                files`.
fn hard_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn local_ports(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.trim().split_once(char::is_whitespace)?;
    Some(first.parse().ok()?..=last.trim().parse().ok()?)
}

/// Parses port ranges such as `8080,30000-32767`.
fn reserved_ports(text: &str) -> Vec<RangeInclusive<u16>> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
    };
    text.split(',').filter_map(range).collect()
}

/// Interfaces whose parameter is 1; `all` may be among them.
fn interfaces_with(parameter: &str) -> Vec<String> {
    let folders = fs::read_dir("/proc/sys/net/ipv4/conf").into_iter().flatten().flatten();
    let is_set = |folder: &fs::DirEntry| {
        fs::read_to_string(folder.path().join(parameter)).is_ok_and(|value| value.trim() == "1")
    };
    let mut names: Vec<String> =
        folders.filter(is_set).map(|folder| folder.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_writes_is_read() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max open files            1024                 20000                files     \n";
        assert_eq!(hard_limit(limits), Some(20_000));
        assert_eq!(hard_limit(&limits.replace("20000", "unlimited")), None);
        assert_eq!(local_ports("32768\t60999\n"), Some(32_768..=60_999));
        assert_eq!(local_ports("\n"), None);
        assert_eq!(reserved_ports("8080,30000-32767\n"), [8080..=8080, 30_000..=32_767]);
        assert!(reserved_ports("\n").is_empty());
    }
}
