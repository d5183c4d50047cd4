//! How are changes of a plan said to nftables? One transaction that touches only what differs.

use super::{
    names::{Key, OWNER_CHAIN, PassingVerdict, RangesChain, ReplyPort, TABLE, Verdict, digit},
    syntax::{commas, ranges_rule},
    table::Table,
};
use crate::plan::{Edit, Edits, Plan, Treatment, with_port};
use std::fmt::Write;
use weir_core::{Family, Frontend};

/// The script for `edits`, which led to `plan`. The kernel refuses the whole script when `table` is no longer there, or
/// another owner's.
pub(crate) fn edits(table: &Table, plan: &Plan, edits: &Edits) -> String {
    // Changes nothing, but fails where this chain is not.
    let mut script = format!("flush chain {TABLE} {OWNER_CHAIN}{}\n", table.owner);
    for id in &edits.new_ranges {
        if let Some((family, networks)) = plan.ranges().get(*id) {
            let (chain, rule) = (RangesChain(*id), ranges_rule(*family, networks));
            let _ = writeln!(script, "add chain {TABLE} {chain}\nadd rule {TABLE} {chain} {rule}");
        }
    }
    // What is not captured has no sets.
    for family in table.families() {
        elements(&mut script, family, edits);
        if *table.bound.get(family) {
            stand_in_ports(&mut script, family, edits);
        }
    }
    let reply_ports: Vec<_> = edits.reply_ports.iter().collect();
    change(
        &mut script,
        "reply_ports",
        &reply_ports,
        |()| Some(()),
        |port, ()| format!("{} : {port}", ReplyPort(*port)),
    );
    for id in &edits.unused_ranges {
        let chain = RangesChain(*id);
        let _ = writeln!(script, "flush chain {TABLE} {chain}\ndelete chain {TABLE} {chain}");
    }
    script
}

fn elements(script: &mut String, family: Family, edits: &Edits) {
    let digit = digit(family);
    let frontends: Vec<_> =
        edits.frontends.iter().filter(|edit| Family::of(edit.key.address.ip()) == family).collect();
    change(script, &format!("frontends{digit}"), &frontends, |_| Some(()), |key, ()| Key(*key).to_string());
    let is_judged = |treatment: &Treatment| treatment.is_judged().then_some(());
    change(script, &format!("judged{digit}"), &frontends, is_judged, |key, ()| Key(*key).to_string());
    let ranges = |treatment: &Treatment| treatment.ranges;
    change(script, &format!("guards{digit}"), &frontends, ranges, |key, id| {
        format!("{} : jump {}", Key(*key), RangesChain(id))
    });
    let exception = |treatment: &Treatment| treatment.exception;
    change(script, &format!("exceptions{digit}"), &frontends, exception, |key, exception| {
        format!("{} : {}", Key(*key), Verdict(exception, family))
    });
    let passing = |treatment: &Treatment| treatment.passing;
    change(script, &format!("passing{digit}"), &frontends, passing, |key, passing| {
        format!("{} : {}", Key(*key), PassingVerdict(passing, family))
    });
    let remembers = |treatment: &Treatment| treatment.remembers.then_some(());
    change(script, &format!("remembered{digit}"), &frontends, remembers, |key, ()| Key(*key).to_string());
    let cluster_ips: Vec<_> =
        edits.cluster_ips.iter().filter(|edit| Family::of(edit.key) == family).collect();
    change(script, &format!("cluster_ips{digit}"), &cluster_ips, |()| Some(()), |ip, ()| ip.to_string());
}

fn stand_in_ports(script: &mut String, family: Family, edits: &Edits) {
    let digit = digit(family);
    let of_family = edits.stand_in_ports.iter().filter(|edit| Family::of(edit.key.address.ip()) == family);
    let there: Vec<_> = of_family.collect();
    let original = |edit: &&Edit<Frontend, u16>| edit.key.address.port();
    // Here the ports that stand in are keys.
    let gone = there.iter().filter_map(|edit| Some((edit, edit.before?, Some(original(edit)), None)));
    let new = there.iter().filter_map(|edit| Some((edit, edit.after?, None, Some(original(edit)))));
    let back = gone.chain(new);
    let back: Vec<_> = back
        .map(|(edit, port, before, after)| Edit { key: with_port(edit.key, port), before, after })
        .collect();
    let back: Vec<_> = back.iter().collect();
    let to = |key: &Frontend, port| format!("{} : {port}", Key(*key));
    change(script, &format!("stand_in_ports{digit}"), &there, |port| Some(*port), to);
    change(script, &format!("original_ports{digit}"), &back, |port| Some(*port), to);
    change(script, &format!("stand_ins{digit}"), &back, |_| Some(()), |key, ()| Key(*key).to_string());
}

/// Deletes the elements of one set that are gone or have another value, then adds those that are new.
fn change<K: Keyed, Value, Part: PartialEq>(
    script: &mut String,
    set: &str,
    edits: &[&Edit<K, Value>],
    part: impl Fn(&Value) -> Option<Part>,
    element: impl Fn(&K, Part) -> String,
) {
    let (mut out, mut into) = (Vec::new(), Vec::new());
    for edit in edits {
        let (before, after) = (edit.before.as_ref().and_then(&part), edit.after.as_ref().and_then(&part));
        if before == after {
            continue;
        }
        out.extend(before.map(|_| edit.key.key()));
        into.extend(after.map(|part| element(&edit.key, part)));
    }
    for (verb, items) in [("delete", out), ("add", into)] {
        if !items.is_empty() {
            let _ = writeln!(script, "{verb} element {TABLE} {set} {{ {} }}", commas(items));
        }
    }
}

/// A value that names an element of a set.
trait Keyed {
    fn key(&self) -> String;
}

impl Keyed for Frontend {
    fn key(&self) -> String {
        Key(*self).to_string()
    }
}

impl Keyed for std::net::IpAddr {
    fn key(&self) -> String {
        self.to_string()
    }
}

impl Keyed for u16 {
    fn key(&self) -> String {
        ReplyPort(*self).to_string()
    }
}
