//! Are limits and kernel parameters as they should be?

use super::{check::Check, settings::Settings};
use std::{ops::RangeInclusive, time::Duration};

/// Range that Kubernetes allocates node ports from by default.
const NODE_PORTS: RangeInclusive<u16> = 30_000..=32_767;

/// Local ports below which they are soon used up, by weir for one endpoint or by all processes.
const MIN_LOCAL_PORTS: usize = 16_384;

/// Open files below which fewer than some 8,000 connections can be served.
const MIN_OPEN_FILES: u64 = 16_384;

/// Time that kube-proxy gives to connections of which one side has ended.
const CLOSE_WAIT: Duration = Duration::from_secs(3600);

pub(super) fn judge(settings: &Settings) -> Vec<Check> {
    let mut checks = vec![files(settings.files), local_port_range(settings), tracking(settings.tracked)];
    checks.extend(close_wait(settings.close_wait));
    checks.extend([peers(&settings.sock_diag), localnet(&settings.route_localnet)]);
    checks
}

fn files(limit: Option<u64>) -> Check {
    const NAME: &str = "open files";
    match limit {
        Some(limit) if limit < MIN_OPEN_FILES => Check::warn(
            NAME,
            format!("at most {limit}, for less than {} connections; weir refuses more", limit / 2),
            "raise it: LimitNOFILE= of the container runtime's systemd unit, or ulimit -Hn",
        ),
        Some(limit) => Check::ok(NAME, format!("at most {limit}, for less than {} connections", limit / 2)),
        None => Check::ok(NAME, "no limit"),
    }
}

fn local_port_range(settings: &Settings) -> Check {
    const NAME: &str = "local ports";
    let Some(range) = &settings.local_ports else {
        return Check::ok(NAME, "the kernel does not say which it gives out");
    };
    let is_given = |port: &u16| !settings.reserved_ports.iter().any(|reserved| reserved.contains(port));
    let shown = format!("{}-{}", range.start(), range.end());
    let given = range.clone().filter(is_given).count();
    if range.clone().filter(is_given).any(|port| NODE_PORTS.contains(&port)) {
        return Check::warn(
            NAME,
            format!(
                "net.ipv4.ip_local_port_range is {shown}, with node ports in it: a connection of this host that gets the \
                 number of a node port is captured and does not work"
            ),
            "set net.ipv4.ip_local_reserved_ports=30000-32767",
        );
    }
    match given < MIN_LOCAL_PORTS {
        true => Check::warn(
            NAME,
            format!(
                "net.ipv4.ip_local_port_range gives {given} ports: so many connections from this node's address can be \
                 open to one endpoint"
            ),
            "set net.ipv4.ip_local_port_range=32768 60999",
        ),
        false => Check::ok(NAME, format!("{shown}, apart from node ports")),
    }
}

fn tracking(tracked: Option<(u64, u64)>) -> Check {
    const NAME: &str = "connection tracking";
    match tracked {
        Some((count, most)) if count >= most / 10 * 9 => Check::warn(
            NAME,
            format!(
                "{count} of at most {most} connections are tracked: when there is no room, new ones are dropped"
            ),
            "raise net.netfilter.nf_conntrack_max",
        ),
        Some((count, most)) => {
            Check::ok(NAME, format!("is loaded; {count} of at most {most} connections are tracked"))
        }
        None => Check::warn(
            NAME,
            "is not loaded; weir's rules load it, if there is the module, for endpoints outside the pod networks",
            "modprobe nf_conntrack",
        ),
    }
}

/// Checks the time for connections that the endpoint has ended and the client has not: the kernel's default of a minute is
/// shorter than some clients take.
fn close_wait(time: Option<Duration>) -> Option<Check> {
    const NAME: &str = "half-closed";
    let time = time?;
    Some(match time < CLOSE_WAIT {
        true => Check::warn(
            NAME,
            format!(
                "net.netfilter.nf_conntrack_tcp_timeout_close_wait is {} s: a tracked connection is forgotten so soon after one \
                 side has ended it, and what the other one still sends is lost. kube-proxy sets {} s",
                time.as_secs(),
                CLOSE_WAIT.as_secs()
            ),
            format!(
                "set net.netfilter.nf_conntrack_tcp_timeout_close_wait={}; weir run does so where it may write to /proc/sys",
                CLOSE_WAIT.as_secs()
            ),
        ),
        false => Check::ok(NAME, format!("tracked connections are remembered for {} s", time.as_secs())),
    })
}

fn peers(sock_diag: &Result<(), String>) -> Check {
    const NAME: &str = "peers";
    match sock_diag {
        Ok(()) => Check::ok(NAME, "the kernel can be asked about connections (sock_diag)"),
        Err(why) => Check::warn(
            NAME,
            format!(
                "the kernel cannot be asked about connections (sock_diag: {why}): a side that pauses reading for longer than \
                 weir.dev/dead-peer-timeout is reset as if it had vanished"
            ),
            "modprobe tcp_diag, or allow netlink in the seccomp profile",
        ),
    }
}

fn localnet(interfaces: &[String]) -> Check {
    const NAME: &str = "route_localnet";
    match interfaces {
        [] => Check::ok(NAME, "is off: nobody outside reaches 127.0.0.0/8 here"),
        _ => Check::warn(
            NAME,
            format!(
                "is set for {}: hosts nearby may reach what listens on 127.0.0.0/8 here (CVE-2020-8558). weir neither \
                 sets nor needs it; kube-proxy with iptables sets it for node ports on localhost",
                interfaces.join(", ")
            ),
            "if kube-proxy runs no more, set net.ipv4.conf.*.route_localnet=0 there",
        ),
    }
}
