//! Which rules bring packets to the data plane in these tests? The shortest that do.

use std::{
    fmt::Write as _,
    io::Write as _,
    net::IpAddr,
    process::{Command, Stdio},
};
use weir_core::{Bridges, CaptureSockets, Family};
use weir_proxy::Marks;

pub(crate) const MARKS: Marks =
    Marks { to_clients: 0x1000_0000, to_endpoints: 0x2000_0000, forwarded: 0x0800_0000 };
const CAPTURED: &str = "0x40000000";
const TABLE: &str = "20736";

/// Service addresses, pods and whoever has an endpoint, in both families.
pub(crate) const SERVICES: [&str; 2] = ["10.96.0.0/16", "fd00:96::/64"];
pub(crate) const PODS: [&str; 2] = ["10.244.0.0/16", "fd00:244::/32"];

/// Routes packets to Service addresses to this host, and brings them to the capture sockets by their origin, or leaves
/// them to the sockets of frontends where these are bound. Must run on the node.
pub(crate) fn install(capture_sockets: CaptureSockets, bridges: &Bridges) {
    for family in ["-4", "-6"] {
        // They are there already when the rules are replaced.
        let _ = try_run("ip", &[family, "rule", "del", "lookup", TABLE], "");
        run("ip", &[family, "rule", "add", "fwmark", &format!("{CAPTURED}/{CAPTURED}"), "lookup", TABLE], "");
        run("ip", &[family, "route", "replace", "local", "default", "dev", "lo", "table", TABLE], "");
    }
    run("nft", &["-f", "-"], &script(capture_sockets, bridges));
}

/// Drops packets that the data plane sends to clients, or to endpoints, without the mark. Must run on the node.
pub(crate) fn require_marks(clients: [&str; 2], endpoints: [&str; 2]) {
    let rules: String = [(clients, MARKS.to_clients), (endpoints, MARKS.to_endpoints)]
        .iter()
        .flat_map(|&([v4, v6], mark)| [("ip", v4, mark), ("ip6", v6, mark)])
        .map(|(ip, to, mark)| {
            format!("{ip} daddr {to} meta l4proto {{ tcp, udp }} meta mark & {mark} == 0 drop\n")
        })
        .collect();
    let script =
        format!("table inet marks {{ chain output {{ type filter hook output priority 0\n{rules} }}\n}}\n");
    run("nft", &["-f", "-"], &script);
}

fn script(capture_sockets: CaptureSockets, bridges: &Bridges) -> String {
    let mut prerouting = String::new();
    let mut output = String::new();
    for (index, family) in Family::ALL.into_iter().enumerate() {
        let (ip, localhost) = [("ip", "127.0.0.1"), ("ip6", "[::1]")][index];
        let (services, pods) = (SERVICES[index], PODS[index]);
        for (protocol, ports) in [("tcp", capture_sockets.tcp), ("udp", capture_sockets.udp)] {
            let ports = ports.get(family).unwrap();
            let of_pods = format!("{ip} saddr {pods} ");
            for (from, port) in
                [("fib saddr type local ", ports.node), (&of_pods, ports.pod), ("", ports.outside)]
            {
                let tproxy = match bridges.bound.get(family) {
                    false => format!("tproxy {ip} to {localhost}:{port}"),
                    true => String::new(),
                };
                writeln!(
                    prerouting,
                    "{from}{ip} daddr {services} meta l4proto {protocol} notrack {tproxy} meta mark set {CAPTURED} accept"
                )
                .unwrap();
            }
        }
        writeln!(output, "{ip} daddr {services} notrack meta mark set {CAPTURED}").unwrap();
    }
    format!(
        "table inet weir
        delete table inet weir
        table inet weir {{
          map reply_ports {{ type mark : inet_service; elements = {{ 0x10000035 : 53 }}; }}
          chain prerouting {{
            type filter hook prerouting priority raw
            meta mark & 0x30000000 != 0 accept
            {prerouting}
            meta l4proto {{ tcp, udp, icmp, ipv6-icmp }} socket transparent 1 notrack meta mark set {CAPTURED} accept
          }}
          chain output {{
            type route hook output priority raw
            meta mark & 0x30000000 == 0x30000000 meta l4proto udp reject
            meta l4proto udp udp sport set meta mark & 0x1000ffff map @reply_ports counter meta mark set meta mark & 0xffff0000
            meta mark & 0x30000000 != 0 notrack accept
            {output}
          }}
        }}"
    )
}

fn run(program: &str, arguments: &[&str], input: &str) {
    try_run(program, arguments, input).unwrap_or_else(|said| panic!("{program} {arguments:?}: {said}"));
}

fn try_run(program: &str, arguments: &[&str], input: &str) -> Result<(), String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// Sets a sysctl of the host that this runs on.
pub(crate) fn sysctl(name: &str, value: &str) {
    std::fs::write(format!("/proc/sys/{name}"), value).unwrap();
}

/// The address without its port.
pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}
