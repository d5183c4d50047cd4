//! Does a firewall turn away what weir captures? Service traffic is forwarded without weir, and with it comes into the
//! host: other chains decide.

use super::{check::Check, rules::cannot_look, settings::Settings};
use weir_capture::{Chain, Host, Ruleset, marks::CAPTURED};

const NAME: &str = "firewall";

pub(super) fn judge(host: &Host, settings: &Settings) -> Vec<Check> {
    let mut checks = match &host.ruleset {
        Some(Ok(ruleset)) => nftables(ruleset),
        Some(Err(error)) => vec![cannot_look(NAME, error)],
        None => Vec::new(),
    };
    if settings.has_legacy_filter {
        checks.push(Check::warn(
            NAME,
            "there are rules of iptables-legacy, which weir doctor does not read",
            format!(
                "look at 'iptables-legacy -S INPUT': if it drops by default, run 'iptables-legacy -I INPUT {} \
                 -j ACCEPT'",
                iptables_match()
            ),
        ));
    }
    checks
}

fn nftables(ruleset: &Ruleset) -> Vec<Check> {
    let on_ip =
        |chain: &&Chain| ["ip ", "ip6 ", "inet "].iter().any(|family| chain.table.starts_with(family));
    let chains = || ruleset.chains.iter().filter(on_ip).filter(|chain| chain.table != "inet weir");
    let mut checks: Vec<Check> = chains().filter(|chain| turns_away(chain)).map(warning).collect();
    checks.extend(chains().filter(|chain| checks_sources(chain)).map(source_check));
    match checks.is_empty() {
        true => vec![Check::ok(NAME, "no chain of nftables on the way into this host drops by default")],
        false => checks,
    }
}

/// Whether a chain drops or rejects captured packets at its end, and no rule before accepts them.
fn turns_away(chain: &Chain) -> bool {
    let ends_so = chain.rules.last().is_some_and(|rule| refuses_everything(rule));
    chain.hook == "input" && (chain.drops || ends_so) && !chain.rules.iter().any(|rule| admits_captured(rule))
}

/// Whether a rule drops or rejects every packet: before the verdict it may only count and log.
pub(super) fn refuses_everything(rule: &str) -> bool {
    let mut rest = rule.trim();
    while let Some(next) = after_count(rest).or_else(|| after_log(rest)) {
        rest = next.trim_start();
    }
    // Without the extensions of iptables, nft names their targets only.
    let is_target =
        ["xt target \"REJECT\"", "xt target \"DROP\""].iter().any(|target| rest.starts_with(target));
    is_target || ["drop", "reject"].contains(&rest.split(' ').next().unwrap_or_default())
}

/// Strips a counter, as in `counter packets 1 bytes 60 ...`.
fn after_count(rule: &str) -> Option<&str> {
    let numbers = rule.strip_prefix("counter packets ")?;
    numbers.splitn(4, ' ').nth(3)
}

/// Strips a log statement, as in `log prefix "a drop " level info ...`.
fn after_log(rule: &str) -> Option<&str> {
    let mut rest = rule.strip_prefix("log")?.trim_start();
    loop {
        rest = if let Some(text) = rest.strip_prefix("prefix \"") {
            text.split_once('"')?.1
        } else if let Some(text) =
            ["level ", "flags ", "group "].iter().find_map(|word| rest.strip_prefix(word))
        {
            text.split_once(' ')?.1
        } else {
            return Some(rest);
        }
        .trim_start();
    }
}

fn admits_captured(rule: &str) -> bool {
    let words: Vec<&str> = rule.split_whitespace().collect();
    words.contains(&"mark") && rule.contains(&format!("{CAPTURED:#x}")) && words.contains(&"accept")
}

fn warning(chain: &Chain) -> Check {
    Check::warn(
        NAME,
        format!(
            "chain {} of table {} drops or rejects all packets that no rule accepts. Service traffic that weir captures passes \
             this chain (input), no longer forward, and has the mark {CAPTURED:#x}",
            chain.name, chain.table
        ),
        format!(
            "unless a rule before its end accepts that traffic, run '{}', and add the rule to the program that manages the \
             firewall",
            remedy(chain)
        ),
    )
}

/// Command that lets captured packets pass, of the program that the chain belongs to.
fn remedy(chain: &Chain) -> String {
    match (&*chain.table, &*chain.name) {
        ("ip filter", "INPUT") => format!("iptables -I INPUT {} -j ACCEPT", iptables_match()),
        ("ip6 filter", "INPUT") => format!("ip6tables -I INPUT {} -j ACCEPT", iptables_match()),
        (table, name) => {
            format!("nft insert rule {table} {name} meta mark and {CAPTURED:#x} == {CAPTURED:#x} accept")
        }
    }
}

fn iptables_match() -> String {
    format!("-m mark --mark {CAPTURED:#x}/{CAPTURED:#x}")
}

/// Whether a chain checks the reverse path by the mark: with weir's mark that leads to `lo`, never to where the packet
/// came from. firewalld has such a chain for IPv6 by default.
fn checks_sources(chain: &Chain) -> bool {
    let is_check = |rule: &String| {
        rule.contains("fib saddr . mark . iif oif") && rule.split_whitespace().any(|word| word == "drop")
    };
    chain.hook == "prerouting" && !is_before_weir(&chain.priority) && chain.rules.iter().any(is_check)
}

/// Whether a chain of prerouting has its turn before weir captures, so that it never sees weir's mark.
fn is_before_weir(priority: &str) -> bool {
    priority == "raw"
        || priority.starts_with("raw -")
        || priority.parse().is_ok_and(|number: i32| number <= -300)
}

fn source_check(chain: &Chain) -> Check {
    Check::fail(
        NAME,
        format!(
            "chain {} of table {} drops packets whose source has no route back by its mark (fib saddr . mark . iif): all \
             that weir captures in the families it looks at",
            chain.name, chain.table
        ),
        "with firewalld set IPv6_rpfilter=loose in /etc/firewalld/firewalld.conf; else leave 'mark' out of that rule",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_refuses_everything_if_it_only_counts_and_logs_before() {
        for rule in [
            "drop",
            "reject",
            "reject with icmpx admin-prohibited",
            "counter packets 12 bytes 720 drop",
            "log prefix \"a drop of: \" level info counter packets 0 bytes 0 reject with tcp reset",
            "counter packets 1 bytes 1 log drop",
            "drop comment \"the end\"",
            "counter packets 0 bytes 0 xt target \"REJECT\"",
        ] {
            assert!(refuses_everything(rule), "{rule}");
        }
        for rule in [
            "",
            "accept",
            "ct state invalid drop",
            "counter packets 1 bytes 1",
            "log prefix \"drop\"",
            "log prefix \"reject",
            "tcp dport 22 counter packets 1 bytes 60 drop",
            "jump drop_all",
            "counter packets 0 bytes 0 xt target \"LOG\"",
        ] {
            assert!(!refuses_everything(rule), "{rule}");
        }
    }

    #[test]
    fn a_check_of_sources_matters_only_after_weir_has_set_its_mark() {
        let chain = |priority: &str| Chain {
            hook: "prerouting".into(),
            priority: priority.into(),
            rules: vec!["fib saddr . mark . iif oif missing drop".into()],
            ..Chain::default()
        };
        for before in ["raw", "raw - 10", "-300", "-450"] {
            assert!(!checks_sources(&chain(before)), "{before}");
        }
        for after in ["raw + 10", "mangle + 10", "filter + 10", "-290", ""] {
            assert!(checks_sources(&chain(after)), "{after}");
        }
    }

    #[test]
    fn chains_that_admit_captured_packets_or_what_they_do_not_name_are_no_matter() {
        let chain = |drops, rules: &[&str]| Chain {
            table: "inet f".into(),
            name: "in".into(),
            hook: "input".into(),
            priority: String::new(),
            drops,
            rules: rules.iter().map(|&rule| rule.to_owned()).collect(),
        };
        let admits = "meta mark & 0x40000000 == 0x40000000 counter packets 0 bytes 0 accept";
        assert!(turns_away(&chain(true, &["tcp dport 22 accept"])));
        assert!(turns_away(&chain(false, &["tcp dport 22 accept", "drop"])));
        assert!(!turns_away(&chain(true, &[admits])) && !turns_away(&chain(false, &[admits, "reject"])));
        assert!(turns_away(&chain(true, &["meta mark & 0x00004000 == 0x00004000 accept"])));
        assert!(!turns_away(&Chain { hook: "forward".into(), ..chain(true, &[]) }));
    }
}
