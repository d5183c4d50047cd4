//! How do packets to a frontend go on untouched, and which of them are weir's all the same? (kep#6272)

use super::{
    names::{Key, PassingVerdict, digit, ip},
    origin::of_origin,
    syntax::{LATER, chain, set},
    table::Table,
};
use crate::{
    marks::REPLY_PORT,
    plan::{Plan, Treatment},
};
use weir_core::{Family, Frontend, Origin};

/// Seconds for which a client is remembered that got a datagram from a frontend whose flows may pass later on. Its flow
/// goes on while it is answered; if the endpoint is gone, it passes after that time.
const REMEMBERED_SECONDS: u32 = 10;

/// Clients that are remembered in each family; more pass at once.
const MAX_REMEMBERED: u32 = 65_536;

/// Writes the sets and chains of one family.
pub(super) fn passing(text: &mut String, table: &Table, plan: &Plan, family: Family) {
    let digit = digit(family);
    let of_family = |(frontend, _): &(Frontend, Treatment)| Family::of(frontend.address.ip()) == family;
    let frontends = || plan.frontends().filter(of_family);
    let passing = frontends().filter_map(|(frontend, treatment)| {
        Some(format!("{} : {}", Key(frontend), PassingVerdict(treatment.passing?, family)))
    });
    let remembered = frontends().filter(|(_, treatment)| treatment.remembers);
    let address = match family {
        Family::V4 => "ipv4_addr",
        Family::V6 => "ipv6_addr",
    };
    let flow = format!(
        "{address} . inet_service . {address} . inet_service; size {MAX_REMEMBERED}; flags dynamic, timeout; \
         timeout {REMEMBERED_SECONDS}s"
    );
    set(text, &format!("flows{digit}"), &flow, [""; 0]);
    chain(text, &format!("pass_connections{digit}"), &connections(table, family));
    chain(text, &format!("pass_outsiders{digit}"), &rules(table, family, |_| true));
    chain(text, &format!("pass_all_but_node{digit}"), &rules(table, family, |origin| origin == Origin::Node));
    let key = format!("{address} . inet_proto . inet_service");
    set(text, &format!("passing{digit}"), &format!("{key} : verdict"), passing);
    set(text, &format!("remembered{digit}"), &key, remembered.map(|(frontend, _)| Key(frontend)));
}

/// Rules that let segments of connections go on that are not weir's. Where frontends are bound these are not told from
/// others, and are reset.
fn connections(table: &Table, family: Family) -> Vec<String> {
    if *table.bound.get(family) {
        return Vec::new();
    }
    let stay = |origin| (origin == Origin::Node).then(|| "return".to_owned());
    [of_origin(table, family, stay), vec![format!("{LATER} accept")]].concat()
}

/// Rules that let packets go on unless they belong to a flow of weir's, or to a client of an origin that is not to pass.
/// Segments of weir's connections do not come here.
fn rules(table: &Table, family: Family, stays: impl Fn(Origin) -> bool) -> Vec<String> {
    let (ip, digit) = (ip(family), digit(family));
    let flow = format!("{ip} saddr . udp sport . {ip} daddr . udp dport");
    let mut rules = vec![format!("meta l4proto udp {flow} @flows{digit} return")];
    let stay = |origin| stays(origin).then(|| "return".to_owned());
    rules.extend(of_origin(table, family, stay));
    rules.push(format!("{ip} daddr . meta l4proto . th dport vmap @guards{digit}"));
    rules.push("accept".into());
    rules
}

/// Matches, after `socket transparent 1`, the socket of a connection. Where frontends are bound the one that listens for pods
/// and this node while others pass is found, too; it has one of these bits.
pub(super) fn is_connected(table: &Table, family: Family) -> String {
    match *table.bound.get(family) {
        true => format!(" socket mark & {REPLY_PORT:#x} == 0"),
        false => String::new(),
    }
}

/// The rule, for packets to clients, that remembers who gets datagrams from a frontend.
pub(super) fn remember(family: Family) -> String {
    let (ip, digit) = (ip(family), digit(family));
    format!(
        "meta l4proto udp {ip} saddr . meta l4proto . th sport @remembered{digit} \
         update @flows{digit} {{ {ip} daddr . udp dport . {ip} saddr . udp sport }}"
    )
}
