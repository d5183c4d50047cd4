//! Do packets to Services get as far as weir's sockets, and back?

use super::{
    check::Check,
    rules::{cannot_look, families},
    settings::{Ipv6, Settings},
};
use std::net::IpAddr;
use weir_capture::Host;
use weir_core::Bridges;

pub(super) fn judge(host: &Host, destinations: &[IpAddr], settings: &Settings) -> Vec<Check> {
    let has_policy = host.routing.as_ref().is_ok_and(|routing| routing.v6.has_policy);
    let mut checks = vec![ipv6(settings.ipv6, has_policy)];
    // A failure of netlink is reported already.
    if host.routing.is_ok() {
        checks.push(reach(&host.unreachable, destinations));
    }
    checks.push(match &host.bridges {
        Ok(found) => bridges(found),
        Err(error) => cannot_look("bridges", error),
    });
    checks.push(source_checks(&settings.source_checks_by_mark));
    checks
}

fn ipv6(ipv6: Ipv6, has_policy: bool) -> Check {
    const NAME: &str = "IPv6";
    match ipv6 {
        Ipv6::Usable if has_policy => Check::ok(NAME, "works, like IPv4"),
        Ipv6::Usable => Check::fail(
            NAME,
            "the kernel has IPv6, but does not route it by rules: its Services cannot be captured",
            "use a kernel with CONFIG_IPV6_MULTIPLE_TABLES, or start it with ipv6.disable=1",
        ),
        Ipv6::NotOnLoopback => Check::fail(
            NAME,
            "the kernel has IPv6, but no ::1, on which weir receives captured packets",
            "set the sysctl net.ipv6.conf.lo.disable_ipv6=0, or start the kernel with ipv6.disable=1",
        ),
        Ipv6::Absent => Check::warn(
            NAME,
            "this host has none: Services are not served at IPv6 addresses here",
            "that is fine unless the cluster has such Services",
        ),
    }
}

fn reach(unreachable: &[IpAddr], destinations: &[IpAddr]) -> Check {
    const NAME: &str = "own processes";
    let list = |ips: &[IpAddr]| ips.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match unreachable {
        [] => {
            Check::ok(NAME, format!("there are routes towards Services (looked for {})", list(destinations)))
        }
        _ => Check::warn(
            NAME,
            format!(
                "there is no route to {}: processes on this host (kubelet, pods with hostNetwork) cannot dial Services \
                 there, as the kernel looks for a route before weir captures. Pods and other clients can",
                list(unreachable)
            ),
            "add a default route, or one for the Service network (say which with --service-cidr), to any interface",
        ),
    }
}

fn bridges(found: &Bridges) -> Check {
    const NAME: &str = "bridges";
    if !found.bound.v4 && !found.bound.v6 {
        return Check::ok(
            NAME,
            "none passes its packets to iptables: a few sockets receive for all Services",
        );
    }
    Check::warn(
        NAME,
        format!(
            "a bridge passes {} packets to iptables (bridge-nf-call-iptables), and the kernel then drops what TPROXY \
             assigns: weir opens sockets for each Service address and port instead, which takes descriptors and \
             memory with many Services",
            families(&found.bound)
        ),
        "that is fine unless there are thousands of Services; net.bridge.bridge-nf-call-iptables=0 avoids it, but network \
         policies of some CNIs and kube-proxy with iptables need it",
    )
}

/// Checks `src_valid_mark`: with it the kernel looks a captured packet's source up by the mark, finds it to be local, and
/// drops the packet as a Martian, whatever `rp_filter` says.
fn source_checks(interfaces: &[String]) -> Check {
    const NAME: &str = "source checks";
    let list = interfaces.join(", ");
    let advice =
        "set it to 0 there; if a VPN needs it (wg-quick sets it), keep it on the VPN's interface only";
    match interfaces {
        [] => Check::ok(
            NAME,
            "src_valid_mark is off: sources of captured packets are looked up without weir's mark",
        ),
        _ if interfaces.iter().any(|name| name == "all") => Check::fail(
            NAME,
            format!(
                "net.ipv4.conf.*.src_valid_mark is set for {list}: the kernel drops captured IPv4 packets"
            ),
            advice,
        ),
        _ => Check::warn(
            NAME,
            format!(
                "net.ipv4.conf.*.src_valid_mark is set for {list}: captured IPv4 packets from there are dropped"
            ),
            advice,
        ),
    }
}
