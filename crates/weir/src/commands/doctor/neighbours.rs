//! Who else handles Services here?

use super::{
    check::Check,
    rules::{cannot_look, families},
};
use weir_capture::{Host, Ruleset};
use weir_core::PerFamily;

pub(super) fn judge(host: &Host) -> Vec<Check> {
    let mut checks = vec![match &host.is_running {
        Ok(true) => Check::ok("weir", "a weir runs here; a second one needs --takeover"),
        Ok(false) => leftovers(host),
        Err(error) => cannot_look("weir", error),
    }];
    if let Some(Ok(ruleset)) = &host.ruleset {
        checks.push(kube_proxy(ruleset));
    }
    checks
}

/// Checks for rules and routes of a weir that no longer runs.
fn leftovers(host: &Host) -> Check {
    const NAME: &str = "weir";
    let mut left = Vec::new();
    if let Some(Ok(ruleset)) = &host.ruleset
        && ruleset.tables.iter().any(|table| table == "inet weir")
    {
        left.push("the nftables table inet weir".to_owned());
    }
    if let Ok(routing) = &host.routing {
        let has = PerFamily::from_fn(|family| {
            let routing = routing.get(family);
            routing.rules > 0 || routing.routes > 0
        });
        if has.v4 || has.v6 {
            left.push(format!("policy routes of {}", families(&has)));
        }
    }
    match left.is_empty() {
        true => Check::ok(NAME, "no weir runs here, and no earlier one left anything"),
        false => Check::warn(
            NAME,
            format!(
                "no weir runs here, but an earlier one left {}: connections to Services are refused",
                left.join(" and ")
            ),
            "start weir again, which takes over what is there, or run 'weir cleanup'",
        ),
    }
}

fn kube_proxy(ruleset: &Ruleset) -> Check {
    const NAME: &str = "kube-proxy";
    let is_its = |table: &String| table.ends_with(" kube-proxy");
    let in_nftables = ruleset.tables.iter().any(is_its);
    let in_iptables = ruleset.chains.iter().any(|chain| chain.name == "KUBE-SERVICES");
    let rules = match (in_nftables, in_iptables) {
        (false, false) => return Check::ok(NAME, "kube-proxy has no rules in nftables here"),
        (true, false) => "tables kube-proxy",
        (false, true) => "chains KUBE-SERVICES",
        (true, true) => "tables kube-proxy and chains KUBE-SERVICES",
    };
    Check::ok(
        NAME,
        format!(
            "rules of kube-proxy are here ({rules}), which does no harm: weir captures before them. If kube-proxy runs, give \
             weir the ports \
             --health-address 0.0.0.0:10266 and --admin-address 127.0.0.1:10267; if kube-proxy no longer runs, 'kube-proxy \
             --cleanup' removes them"
        ),
    )
}
