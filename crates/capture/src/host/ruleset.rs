//! What is in nftables beside weir's own table? Read from the listings of `nft`, as far as it matters to captured packets.

use crate::{Error, nft::program};

/// Hooks that a packet passes on its way into this host or through it.
const INBOUND_HOOKS: [&str; 3] = ["prerouting", "input", "forward"];

/// End of the name of Calico's chain that says at its end what becomes of packets which pods send to this host.
const TO_HOST_CHAIN: &str = "cali-wl-to-host";

/// The most chains of these hooks whose rules are read; nobody has more.
const MAX_CHAINS: usize = 64;

/// The tables and chains of a host, whichever program made them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ruleset {
    /// Family and name of each table, as in `inet weir`.
    pub tables: Vec<String>,
    /// The chains of all tables.
    pub chains: Vec<Chain>,
    /// Table and name of each flow table, as in `inet fastpath f`: established connections bypass the rules there.
    pub flow_tables: Vec<String>,
}

/// A chain of nftables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// Family and name of the chain's table, as in `ip filter`.
    pub table: String,
    /// The chain's name.
    pub name: String,
    /// The hook at which packets enter the chain, as in `input`; empty for a chain that is only jumped to.
    pub hook: String,
    /// When the chain's turn is at its hook, as in `raw` or `filter + 10`; empty for a chain that is only jumped to.
    pub priority: String,
    /// Whether the chain's policy is to drop.
    pub drops: bool,
    /// The chain's rules as `nft` writes them. Read for chains of the hooks `prerouting`, `input` and `forward`, and for
    /// Calico's `cali-wl-to-host`, only.
    pub rules: Vec<String>,
}

impl Ruleset {
    /// Lists the tables and chains of this host with `nft`.
    pub(crate) async fn read() -> Result<Self, Error> {
        let mut ruleset = Self {
            tables: tables(&program::query(&["list", "tables"]).await?),
            chains: chains(&program::query(&["list", "chains"]).await?),
            // A kernel without them refuses the question.
            flow_tables: program::query(&["list", "flowtables"])
                .await
                .map(|text| flow_tables(&text))
                .unwrap_or_default(),
        };
        let is_inbound =
            |chain: &&mut Chain| INBOUND_HOOKS.contains(&&*chain.hook) || chain.name.ends_with(TO_HOST_CHAIN);
        for chain in ruleset.chains.iter_mut().filter(is_inbound).take(MAX_CHAINS) {
            chain.read_rules().await;
        }
        Ok(ruleset)
    }
}

impl Chain {
    /// Lists the chain's rules with `nft`, without the elements of sets. Returns whether that was possible: a chain that is
    /// gone by now is still known by its policy.
    pub(super) async fn read_rules(&mut self) -> bool {
        // Names are part of a command.
        if !self.table.split(' ').chain([&*self.name]).all(is_plain) {
            return false;
        }
        let listing = program::query(&["-t", "list", "chain", &self.table, &self.name]).await;
        self.rules = listing.as_deref().map(rules).unwrap_or_default();
        listing.is_ok()
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// Parses the answer to `list tables`.
fn tables(text: &str) -> Vec<String> {
    text.lines().filter_map(|line| line.strip_prefix("table ")).map(|name| name.trim().to_owned()).collect()
}

/// Parses the answer to `list chains`.
pub(super) fn chains(text: &str) -> Vec<Chain> {
    let (mut table, mut found) = ("", Vec::<Chain>::new());
    for line in text.lines().map(str::trim) {
        if let Some(name) = opens("table ", line) {
            table = name;
        } else if let Some(name) = opens("chain ", line) {
            found.push(Chain { table: table.to_owned(), name: name.to_owned(), ..Chain::default() });
        } else if let (true, Some(chain)) = (is_base(line), found.last_mut()) {
            chain.hook = word_after("hook", line).to_owned();
            chain.priority = line
                .split_once(" priority ")
                .and_then(|(_, rest)| rest.split(';').next())
                .unwrap_or_default()
                .to_owned();
            chain.drops = word_after("policy", line) == "drop";
        }
    }
    found
}

/// Parses the answer to `list flowtables`.
fn flow_tables(text: &str) -> Vec<String> {
    let (mut table, mut found) = ("", Vec::new());
    for line in text.lines().map(str::trim) {
        if let Some(name) = opens("table ", line) {
            table = name;
        } else if let Some(name) = opens("flowtable ", line) {
            found.push(format!("{table} {name}"));
        }
    }
    found
}

/// Parses the rules in the answer to `list chain`.
fn rules(text: &str) -> Vec<String> {
    let inside = text.lines().map(str::trim).skip_while(|line| opens("chain ", line).is_none()).skip(1);
    let rules = inside.take_while(|line| *line != "}").filter(|line| !line.is_empty() && !is_base(line));
    rules.map(str::to_owned).collect()
}

fn opens<'a>(keyword: &str, line: &'a str) -> Option<&'a str> {
    Some(line.strip_prefix(keyword)?.split_once(" {")?.0)
}

/// Whether a line attaches a base chain, as in `type filter hook input priority filter; policy drop;`.
fn is_base(line: &str) -> bool {
    line.starts_with("type ") && line.contains(" hook ")
}

fn word_after<'a>(keyword: &str, line: &'a str) -> &'a str {
    let mut words = line.split([' ', ';']).filter(|word| !word.is_empty());
    words.by_ref().find(|word| *word == keyword).and_then(|_| words.next()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_are_read_with_their_table_hook_and_policy() {
        let text = "table ip filter {\n\tchain INPUT {\n\t\ttype filter hook input priority filter; policy drop;\n\t}\n\
                    \tchain KUBE-SERVICES {\n\t}\n}\ntable inet f {\n\tchain in { # handle 1\n\t\ttype filter hook input \
                    priority filter + 10; policy accept;\n\t}\n}\n";
        let of = |chain: &Chain| (chain.table.clone(), chain.name.clone(), chain.hook.clone(), chain.drops);
        let priorities: Vec<_> = chains(text).into_iter().map(|chain| chain.priority).collect();
        assert_eq!(priorities, ["filter", "", "filter + 10"]);
        let found: Vec<_> = chains(text).iter().map(of).collect();
        let expected = [
            ("ip filter", "INPUT", "input", true),
            ("ip filter", "KUBE-SERVICES", "", false),
            ("inet f", "in", "input", false),
        ];
        assert_eq!(
            found,
            expected.map(|(table, name, hook, drops)| {
                (table.to_owned(), name.to_owned(), hook.to_owned(), drops)
            })
        );
        assert_eq!(tables("table ip filter\ntable inet f\n"), ["ip filter", "inet f"]);
        let text = "table inet f {\n\tflowtable fast {\n\t\thook ingress priority filter\n\t\tdevices = { eth0 }\n\t}\n}\n";
        assert_eq!(flow_tables(text), ["inet f fast"]);
    }

    #[test]
    fn rules_of_one_chain_are_read_without_what_attaches_it() {
        let text = "table inet f {\n\tset s {\n\t\ttype ipv4_addr\n\t}\n\n\tchain in {\n\t\ttype filter hook input priority \
                    filter; policy accept;\n\t\ttcp dport { 22, 80 } accept\n\t\treject\n\t}\n}\n";
        assert_eq!(rules(text), ["tcp dport { 22, 80 } accept", "reject"]);
        assert!(rules("").is_empty());
    }

    #[test]
    fn a_name_that_could_be_a_command_is_none_to_ask_for() {
        for wrong in ["", "a b", "a;flush", "a{", "\"a\"", "a#"] {
            assert!(!is_plain(wrong), "{wrong}");
        }
        assert!(is_plain("KUBE-SERVICES") && is_plain("filter_INPUT.1"));
    }
}
