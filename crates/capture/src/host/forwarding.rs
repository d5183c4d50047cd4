//! Can a rule of this host refuse what it forwards?

use super::ruleset::{Chain, Ruleset};

/// Statements by which a rule lets every packet go on, whatever follows them.
const HARMLESS: [&str; 4] = ["accept", "return", "continue", "counter"];

/// Whether a chain of the hook `forward` might drop or reject a packet: by its policy, or by a rule. A rule that jumps, asks
/// a map or hands packets to a program counts, too, since what follows is not looked into.
pub fn can_refuse(ruleset: &Ruleset) -> bool {
    let foreign = ruleset.chains.iter().filter(|chain| chain.hook == "forward" && chain.table != "inet weir");
    foreign
        .filter(|chain| is_of_ip(chain))
        .any(|chain| chain.drops || chain.rules.iter().any(|rule| refuses(rule)))
}

/// Whether packets of IP pass the chain: a bridge's own frames, for one, do not.
fn is_of_ip(chain: &Chain) -> bool {
    ["ip ", "ip6 ", "inet "].iter().any(|family| chain.table.starts_with(family))
}

/// Whether a rule may refuse a packet: unless its verdict is known to let every packet go on.
fn refuses(rule: &str) -> bool {
    let rule = rule.split(" comment \"").next().unwrap_or_default();
    // A counter of the end has its numbers behind it.
    let words: Vec<&str> = rule.split_whitespace().filter(|word| word.parse::<u64>().is_err()).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !["packets", "bytes"].contains(word)).collect();
    !words.last().is_some_and(|last| HARMLESS.contains(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ruleset(hook: &str, drops: bool, rules: &[&str]) -> Ruleset {
        let rules = rules.iter().map(|&rule| rule.to_owned()).collect();
        let chain = Chain { table: "ip filter".into(), hook: hook.into(), drops, rules, ..Chain::default() };
        Ruleset { chains: vec![chain], ..Ruleset::default() }
    }

    #[test]
    fn rules_that_let_everything_go_on_refuse_nothing() {
        assert!(!can_refuse(&Ruleset::default()));
        let harmless = [
            "accept",
            "counter packets 5 bytes 300 accept",
            "ip saddr 10.244.0.0/16 accept comment \"drop nothing\"",
            "ct state established counter packets 1 bytes 2",
            "return",
        ];
        assert!(!can_refuse(&ruleset("forward", false, &harmless)));
        assert!(!can_refuse(&ruleset("input", true, &["drop"])));
    }

    #[test]
    fn a_policy_a_verdict_a_jump_a_map_a_queue_and_an_unknown_target_may_refuse() {
        assert!(can_refuse(&ruleset("forward", true, &[])));
        for rule in [
            "ct state invalid drop",
            "counter packets 1 bytes 60 reject with icmp port-unreachable",
            "jump cali-FORWARD",
            "iifname \"cali*\" goto chain",
            "ip daddr vmap @pods",
            "queue flags bypass to 100",
            "counter packets 0 bytes 0 xt target \"REJECT\"",
        ] {
            assert!(can_refuse(&ruleset("forward", false, &["accept", rule])), "{rule}");
        }
    }

    #[test]
    fn what_is_not_of_ip_or_weirs_own_is_left_out() {
        for table in ["bridge filter", "netdev f", "inet weir"] {
            let mut ruleset = ruleset("forward", true, &["drop"]);
            ruleset.chains[0].table = table.into();
            assert!(!can_refuse(&ruleset), "{table}");
        }
    }
}
