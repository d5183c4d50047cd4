//! What on this host could refuse packets to endpoints, if these were forwarded, and are they?

use super::ruleset::{self, Chain};
use crate::{
    Error,
    nft::{TABLE, TABLE_NAME, program},
    route::{PAIR_IN, Routes},
};
use std::fs;

/// Hooks that forwarded packets pass after their route is known. Chains of `postrouting` are entered by packets of this
/// host, too, but may tell them by the process that sent them, and are not shown connections.
const HOOKS: [&str; 2] = ["forward", "postrouting"];

/// Tables of iptables-legacy that a packet passes where it is forwarded.
const LEGACY_TABLES: [&str; 3] = ["filter", "mangle", "security"];

/// The most chains that are read to find out whether one of the hook could refuse; with more it is taken for one that could.
const MAX_CHAINS: usize = 64;

/// What forwarded packets meet on this host, and whether packets to endpoints are among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForwardFirewalls {
    /// Base chains that could refuse: they drop by default, or a rule of theirs, or of a chain that they jump to, does not
    /// only accept. Chains that translate addresses are none.
    pub chains: Vec<Chain>,
    /// Tables of iptables-legacy, as in `iptables-legacy filter`, which weir cannot look into.
    pub legacy: Vec<String>,
    /// Whether the pair of interfaces weir0 and weir1 is there.
    pub has_pair: bool,
    /// Whether weir's rules send packets to endpoints by the pair.
    pub is_used: bool,
}

impl ForwardFirewalls {
    /// Looks at this host.
    ///
    /// # Errors
    /// When nftables cannot be listed, or netlink cannot be used.
    pub async fn read() -> Result<Self, Error> {
        let words = ["-t", "list", "chain", "inet", TABLE_NAME, "prerouting"];
        Ok(Self {
            chains: refusing_chains().await?,
            legacy: legacy_tables(),
            has_pair: Routes::open()?.has_pair().await?,
            // Without a table of weir's nothing is sent there.
            is_used: program::query(&words).await.is_ok_and(|text| text.contains(PAIR_IN)),
        })
    }
}

/// What could refuse forwarded packets, each named for the operator; none if nothing could.
pub(crate) async fn refusing() -> Result<Vec<String>, Error> {
    let chains = refusing_chains().await?;
    let named = chains.iter().map(|chain| format!("chain {} of table {}", chain.name, chain.table));
    Ok(named.chain(legacy_tables()).collect())
}

/// The base chains of forwarded packets that could refuse. Only their rules, and those of chains that they jump to, are listed.
async fn refusing_chains() -> Result<Vec<Chain>, Error> {
    let mut refusing = Vec::new();
    for mut chain in candidates(&program::query(&["list", "chains"]).await?) {
        if !chain.read_rules().await || chain.drops || could_refuse(&chain).await {
            refusing.push(chain);
        }
    }
    Ok(refusing)
}

/// Whether a rule of a chain, or of one that it jumps to, could refuse.
async fn could_refuse(base: &Chain) -> bool {
    let (mut seen, mut pending) = (vec![base.name.clone()], base.rules.clone());
    while let Some(rule) = pending.pop() {
        let next = match Effect::of(&rule) {
            Effect::Passes => continue,
            Effect::MayRefuse => return true,
            Effect::Enters(name) if seen.iter().any(|seen| seen == name) => continue,
            Effect::Enters(name) => name.to_owned(),
        };
        seen.push(next.clone());
        let mut chain = Chain { table: base.table.clone(), name: next, ..Chain::default() };
        if seen.len() > MAX_CHAINS || !chain.read_rules().await {
            return true;
        }
        pending.append(&mut chain.rules);
    }
    false
}

/// What a rule may do to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect<'rule> {
    /// The packet goes on, or is accepted.
    Passes,
    /// The packet enters the chain of this name.
    Enters(&'rule str),
    /// The packet may be dropped or rejected, or given to something that may.
    MayRefuse,
}

impl<'rule> Effect<'rule> {
    /// The effect of a rule as `nft` writes it. What is not known may refuse.
    fn of(rule: &'rule str) -> Self {
        /// Verdicts, maps to verdicts, and extensions of iptables, of which nft knows no more than the name.
        const REFUSING: [&str; 7] = ["drop", "reject", "queue", "vmap", "synproxy", "xt", "#"];
        // Every other part is between quotation marks: a comment, or the prefix of a log line.
        let unquoted = rule.split('"').step_by(2);
        let mut words = unquoted.flat_map(str::split_whitespace);
        while let Some(word) = words.next() {
            match word {
                "jump" | "goto" => return words.next().map_or(Self::MayRefuse, Self::Enters),
                word if REFUSING.contains(&word) => return Self::MayRefuse,
                _ => {}
            }
        }
        Self::Passes
    }
}

/// The chains in a listing that forwarded packets of IP enter and that are not weir's.
fn candidates(listing: &str) -> Vec<Chain> {
    let is_translation = |line: &&str| line.trim_start().starts_with("type nat ");
    let listing: Vec<&str> = listing.lines().filter(|line| !is_translation(line)).collect();
    let mut chains = ruleset::chains(&listing.join("\n"));
    let is_of_ip = |table: &str| ["ip ", "ip6 ", "inet "].iter().any(|family| table.starts_with(family));
    chains.retain(|chain| HOOKS.contains(&&*chain.hook) && is_of_ip(&chain.table) && chain.table != TABLE);
    chains
}

/// The tables of iptables-legacy that forwarded packets pass.
pub(crate) fn legacy_tables() -> Vec<String> {
    let files = [("iptables-legacy", "ip_tables_names"), ("ip6tables-legacy", "ip6_tables_names")];
    let tables = files.iter().flat_map(|(program, file)| {
        // Without the module there is no such file.
        let names = fs::read_to_string(format!("/proc/thread-self/net/{file}")).unwrap_or_default();
        named(program, &names)
    });
    tables.collect()
}

fn named(program: &str, names: &str) -> Vec<String> {
    let names = names.lines().filter(|name| LEGACY_TABLES.contains(name));
    names.map(|name| format!("table {name} of {program}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_that_forwarded_packets_of_ip_enter_are_found_and_weirs_own_and_translations_are_not() {
        let base = |name: &str, kind: &str| {
            format!("\tchain {name} {{\n\t\ttype {kind} priority 0; policy accept;\n\t}}\n")
        };
        let text = [
            "table ip filter {\n".to_owned(),
            base("FORWARD", "filter hook forward"),
            base("INPUT", "filter hook input"),
            "\tchain jumped {\n\t}\n}\ntable ip nat {\n".to_owned(),
            base("POSTROUTING", "nat hook postrouting"),
            "}\ntable inet weir {\n".to_owned(),
            base("forward", "filter hook forward"),
            "}\ntable bridge b {\n".to_owned(),
            base("forward", "filter hook forward"),
            "}\ntable inet kindnet {\n".to_owned(),
            base("postrouting", "filter hook postrouting"),
            "}\n".to_owned(),
        ];
        let found = candidates(&text.concat());
        let names: Vec<_> = found.iter().map(|chain| format!("{} {}", chain.table, chain.name)).collect();
        assert_eq!(names, ["ip filter FORWARD", "inet kindnet postrouting"]);
    }

    #[test]
    fn a_rule_may_refuse_unless_it_only_counts_accepts_or_enters_another_chain() {
        for rule in [
            "ct state invalid drop",
            "ip saddr 10.0.0.1 counter packets 1 bytes 2 reject with icmp port-unreachable",
            "ip daddr vmap { 10.0.0.1 : drop }",
            "queue flags bypass to 101",
            "counter packets 0 bytes 0 xt target \"DROP\"",
            "meta l4proto tcp # xt_something counter packets 0 bytes 0",
        ] {
            assert_eq!(Effect::of(rule), Effect::MayRefuse, "{rule}");
        }
        for rule in [
            "ct state established,related accept",
            "ip saddr 10.244.0.0/16 counter packets 1 bytes 2 accept comment \"do not drop\"",
            "tcp flags syn tcp option maxseg size set rt mtu",
            "log prefix \"reject: \"",
            "return",
        ] {
            assert_eq!(Effect::of(rule), Effect::Passes, "{rule}");
        }
        let jump = "ip saddr 10.0.0.0/8 counter packets 1 bytes 2 jump FLANNEL-FWD";
        assert_eq!(Effect::of(jump), Effect::Enters("FLANNEL-FWD"));
        assert_eq!(Effect::of("oifname \"drop\" goto here"), Effect::Enters("here"));
    }

    #[test]
    fn tables_of_iptables_legacy_that_translate_addresses_refuse_nothing() {
        assert_eq!(named("iptables-legacy", "nat\nfilter\nraw\n"), ["table filter of iptables-legacy"]);
        assert!(named("iptables-legacy", "").is_empty());
    }
}
