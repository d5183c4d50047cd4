//! Does a firewall refuse what weir sends to endpoints? In the hook `forward`, which such packets pass where a rule there can
//! refuse anything: they come in again on an interface of their own.

use super::{check::Check, firewall::refuses_everything, settings::Settings};
use weir_capture::{Chain, ForwardFirewalls, Host, Ruleset};

const NAME: &str = "forwarding";

/// Interface on which weir's packets to endpoints come in again.
const INTERFACE: &str = "weir1";

pub(super) fn judge(host: &Host, settings: &Settings) -> Vec<Check> {
    let mut checks = match (&host.ruleset, &host.forward_firewalls) {
        (Some(Ok(ruleset)), Some(Ok(firewalls))) => nftables(ruleset, firewalls),
        // Said of the firewall.
        _ => Vec::new(),
    };
    if settings.has_legacy_filter {
        checks.push(Check::warn(
            NAME,
            "there are rules of iptables-legacy, which weir doctor does not read",
            format!(
                "look at 'iptables-legacy -S FORWARD': if it drops by default, run 'iptables-legacy -A FORWARD -i {INTERFACE} \
                 -j ACCEPT'"
            ),
        ));
    }
    checks
}

fn nftables(ruleset: &Ruleset, firewalls: &ForwardFirewalls) -> Vec<Check> {
    let on_ip =
        |chain: &&Chain| ["ip ", "ip6 ", "inet "].iter().any(|family| chain.table.starts_with(family));
    let chains = ruleset.chains.iter().filter(on_ip).filter(|chain| chain.table != "inet weir");
    let warnings: Vec<Check> = chains.filter(|chain| turns_away(chain)).map(warning).collect();
    match warnings.is_empty() {
        true => vec![Check::ok(NAME, way(firewalls))],
        false => warnings,
    }
}

/// Which way weir's packets to endpoints take, or would take.
fn way(firewalls: &ForwardFirewalls) -> String {
    let judged: Vec<String> =
        firewalls.chains.iter().map(|chain| format!("{} of table {}", chain.name, chain.table)).collect();
    let judged = [&judged[..], &firewalls.legacy].concat().join(", ");
    match (firewalls.is_used, judged.is_empty()) {
        (true, true) => format!(
            "weir's packets to endpoints are forwarded here, in from {INTERFACE}; nothing could refuse them"
        ),
        (true, false) => format!(
            "weir's packets to endpoints are forwarded here, in from {INTERFACE}, and pass {judged}. None refuses by default"
        ),
        (false, true) => {
            "nothing on this host could refuse what is forwarded: with --forwarding=auto weir's packets to \
                          endpoints are sent directly"
                .into()
        }
        (false, false) => format!(
            "with --forwarding=auto weir's packets to endpoints are forwarded, in from {INTERFACE}, and pass {judged}. None \
             refuses by default"
        ),
    }
}

/// Whether a chain refuses at its end, and no rule before admits weir's packets or what a network policy has admitted.
fn turns_away(chain: &Chain) -> bool {
    chain.hook == "forward" && (chain.drops || ends_so(chain)) && !chain.rules.iter().any(|rule| admits(rule))
}

fn ends_so(chain: &Chain) -> bool {
    chain.rules.last().is_some_and(|rule| refuses_everything(rule))
}

/// Whether a rule accepts what comes in on weir's interface, or bears the mark by which Calico or kube-router say that a policy
/// admits a packet.
fn admits(rule: &str) -> bool {
    let words: Vec<&str> = rule.split_whitespace().collect();
    let by_interface = rule.contains(&format!("iifname \"{INTERFACE}\""));
    let by_mark = words.contains(&"mark")
        && (rule.contains("0x10000")
            || rule.contains("0x20000")
            || rule.contains("0x00010000")
            || rule.contains("0x00020000"));
    words.contains(&"accept") && (by_interface || by_mark)
}

fn warning(chain: &Chain) -> Check {
    Check::warn(
        NAME,
        format!(
            "chain {} of table {} drops or rejects all forwarded packets that no rule accepts, weir's to endpoints among them: \
             they come in on {INTERFACE}",
            chain.name, chain.table
        ),
        format!(
            "unless a rule before its end accepts what is sent to pods, run '{}', and add the rule to the program that manages \
             the firewall. Put it behind the rules of network policies, never before: it ends a packet's way through this \
             chain",
            remedy(chain)
        ),
    )
}

/// Command that admits what comes in on weir's interface at the end of a chain, behind everything that judges by policies.
fn remedy(chain: &Chain) -> String {
    // A rule of iptables is counted from 1, one of nft from 0.
    let last = chain.rules.len();
    match (&*chain.table, &*chain.name, ends_so(chain)) {
        ("ip filter", "FORWARD", false) => format!("iptables -A FORWARD -i {INTERFACE} -j ACCEPT"),
        ("ip6 filter", "FORWARD", false) => format!("ip6tables -A FORWARD -i {INTERFACE} -j ACCEPT"),
        ("ip filter", "FORWARD", true) => format!("iptables -I FORWARD {last} -i {INTERFACE} -j ACCEPT"),
        ("ip6 filter", "FORWARD", true) => format!("ip6tables -I FORWARD {last} -i {INTERFACE} -j ACCEPT"),
        (table, name, false) => format!("nft add rule {table} {name} iifname {INTERFACE} accept"),
        (table, name, true) => {
            format!(
                "nft insert rule {table} {name} index {} iifname {INTERFACE} accept",
                last.saturating_sub(1)
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(table: &str, name: &str, drops: bool, rules: &[&str]) -> Chain {
        let rules = rules.iter().map(|&rule| rule.to_owned()).collect();
        let (table, name, hook) = (table.into(), name.into(), "forward".into());
        Chain { table, name, hook, drops, rules, ..Chain::default() }
    }

    #[test]
    fn the_rule_that_helps_stands_at_the_end_behind_policies_and_before_what_refuses() {
        for (drops, rules, helps) in [
            (
                true,
                &["jump DOCKER-USER", "jump DOCKER-FORWARD"][..],
                "iptables -A FORWARD -i weir1 -j ACCEPT",
            ),
            (false, &["jump cali-FORWARD", "accept", "reject"], "iptables -I FORWARD 3 -i weir1 -j ACCEPT"),
        ] {
            assert_eq!(remedy(&chain("ip filter", "FORWARD", drops, rules)), helps);
            assert_eq!(
                remedy(&chain("ip6 filter", "FORWARD", drops, rules)),
                helps.replace("iptables", "ip6tables")
            );
        }
        let other = |drops, rules| remedy(&chain("inet f", "way_through", drops, rules));
        assert_eq!(other(true, &[]), "nft add rule inet f way_through iifname weir1 accept");
        let rejecting: &[&str] = &["ct state established accept", "counter packets 1 bytes 2 reject"];
        assert_eq!(
            other(false, rejecting),
            "nft insert rule inet f way_through index 1 iifname weir1 accept"
        );
    }

    #[test]
    fn a_chain_that_admits_weirs_interface_or_what_policies_admit_turns_nothing_away() {
        let drops = |rules: &[&str]| turns_away(&chain("ip filter", "FORWARD", true, rules));
        assert!(drops(&["jump DOCKER-USER"]));
        assert!(!drops(&["iifname \"weir1\" counter packets 0 bytes 0 accept"]));
        assert!(!drops(&["meta mark & 0x00010000 == 0x00010000 counter packets 0 bytes 0 accept"]));
        assert!(drops(&["meta mark & 0x00004000 == 0x00004000 accept", "iifname \"docker0\" accept"]));
        assert!(!turns_away(&chain("ip filter", "FORWARD", false, &["jump DOCKER-USER"])));
    }
}
