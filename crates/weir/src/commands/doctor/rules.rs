//! Can rules and policy routes be had here?

use super::{check::Check, settings::Settings};
use weir_capture::{Error, Host};
use weir_core::{Family, PerFamily};

/// First version of nft that takes weir's rules.
const MIN_NFT_VERSION: [u32; 3] = [1, 0, 1];

pub(super) fn judge(host: &Host, settings: &Settings) -> Vec<Check> {
    let mut checks = vec![capability(host)];
    checks.extend(low_ports(host, settings.unprivileged_ports));
    checks.push(nft(&host.nft));
    // Without the two before there is nothing to try.
    checks.extend(host.rules.as_ref().map(rules));
    checks.push(match &host.routing {
        Ok(routing) => policy_routing(routing.v4.has_policy),
        Err(error) => cannot_look("policy routing", error),
    });
    checks
}

/// Warns of a thing that cannot be looked at, and may be well or not.
pub(super) fn cannot_look(name: &'static str, error: &Error) -> Check {
    Check::warn(name, format!("cannot be checked: {error}"), "fix that and run weir doctor again")
}

fn capability(host: &Host) -> Check {
    const NAME: &str = "privilege";
    match host.has_net_admin {
        true => Check::ok(NAME, "this process has CAP_NET_ADMIN: it can change rules and routes"),
        false => Check::fail(
            NAME,
            "this process has no CAP_NET_ADMIN: it cannot change rules and routes, and nothing below that needs it \
             was tried",
            "run it as root, or give its container securityContext.capabilities.add: [NET_ADMIN] and hostNetwork: true",
        ),
    }
}

/// Checks for CAP_NET_BIND_SERVICE: replies to UDP clients come from sockets bound to the Service's address and port.
fn low_ports(host: &Host, unprivileged: u16) -> Option<Check> {
    let lacks = !host.has_net_bind_service && unprivileged > 1;
    lacks.then(|| {
        Check::fail(
            "low ports",
            format!(
                "this process has no CAP_NET_BIND_SERVICE: UDP Services on ports below {unprivileged}, such as DNS, would \
                 not be answered"
            ),
            "run it as root, or give its container securityContext.capabilities.add: [NET_ADMIN, NET_BIND_SERVICE]",
        )
    })
}

fn nft(version: &Result<String, Error>) -> Check {
    const NAME: &str = "nft";
    const INSTALL: &str = "install the package nftables, 1.0.1 or newer";
    match version {
        Ok(version) if is_older(version) => {
            Check::fail(NAME, format!("nft {version} does not know all that the rules need"), INSTALL)
        }
        Ok(version) => Check::ok(NAME, format!("version {version}")),
        Err(Error::RequirementMissing(_)) => {
            Check::fail(NAME, "there is no program nft in $PATH: rules cannot be written", INSTALL)
        }
        Err(error) => Check::fail(NAME, error.to_string(), INSTALL),
    }
}

/// Whether a version is surely too old: distributions write versions in their own ways.
fn is_older(version: &str) -> bool {
    let numbers: Option<Vec<u32>> = version.split('.').map(|part| part.parse().ok()).collect();
    numbers.is_some_and(|numbers| *numbers < MIN_NFT_VERSION[..])
}

fn rules(outcome: &Result<(), Error>) -> Check {
    const NAME: &str = "rules";
    match outcome {
        Ok(()) => Check::ok(
            NAME,
            "the kernel accepts TPROXY, socket, fib, ct and reject rules (tried, not applied)",
        ),
        Err(error) => Check::fail(
            NAME,
            error.to_string(),
            "load the modules that are named (modprobe), or use a kernel that has them",
        ),
    }
}

fn policy_routing(has_policy: bool) -> Check {
    const NAME: &str = "policy routing";
    match has_policy {
        true => Check::ok(NAME, "the kernel routes by marks"),
        false => Check::fail(
            NAME,
            "the kernel does not route by rules, so captured packets cannot be brought to weir",
            "use a kernel with CONFIG_IP_MULTIPLE_TABLES and CONFIG_IPV6_MULTIPLE_TABLES",
        ),
    }
}

/// Names of the families for which a flag is set.
pub(super) fn families(so: &PerFamily<bool>) -> String {
    let so = Family::ALL.into_iter().filter(|family| *so.get(*family)).map(Family::as_str);
    so.collect::<Vec<_>>().join(" and ")
}
