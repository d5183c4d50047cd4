//! How is a connection or a flow shown?

use super::column::{Column, Line, SERVICE, numbers, words};
use crate::{
    commands::top::{
        model::{DETAIL_WIDTH, service_port},
        view::text::shown,
    },
    output::{
        part::Part,
        quantity::{age, between, latency},
    },
};

pub(super) const LIVE: [Column; 12] = [
    words("CLIENT", 15, 0, |line| line.text("client")),
    words(SERVICE, 10, 70, |line| shown(&service_port(line.item))),
    words("ENDPOINT", 15, 0, |line| line.text("endpoint")),
    words("NODE", 6, 110, |line| line.text("node")),
    words("STATE", 5, 100, |line| line.text("state")),
    numbers("AGE", 4, 0, |line| age(line.item.number("durationSeconds"))),
    numbers("IDLE", 4, 60, |line| age(line.item.number("idleSeconds"))),
    numbers("IN", 7, 60, |line| line.size("bytesToEndpoint")),
    numbers("OUT", 7, 60, |line| line.size("bytesToClient")),
    numbers("RTT C/E", 7, DETAIL_WIDTH, rtt),
    numbers("RETR", 4, DETAIL_WIDTH, retransmits),
    words("ID", 6, 130, |line| line.text("id")),
];

pub(super) const CLOSED: [Column; 10] = [
    words("CLIENT", 15, 0, |line| line.text("client")),
    words(SERVICE, 10, 70, |line| shown(&service_port(line.item))),
    words("ENDPOINT", 15, 80, |line| line.text("endpoint")),
    words("NODE", 6, 120, |line| line.text("node")),
    numbers("LASTED", 6, 90, |line| age(line.item.number("durationSeconds"))),
    numbers("AGO", 4, 0, |line| age(between(line.item.text("closedAt"), line.list.time()))),
    numbers("IN", 7, 80, |line| line.size("bytesToEndpoint")),
    numbers("OUT", 7, 100, |line| line.size("bytesToClient")),
    numbers("TRIES", 5, 100, |line| line.count("attempts")),
    words("REASON", 10, 0, |line| line.text("reason")),
];

pub(super) const FLOWS: [Column; 9] = [
    words("CLIENT", 15, 0, |line| line.text("client")),
    words(SERVICE, 10, 70, |line| shown(&service_port(line.item))),
    words("ENDPOINT", 15, 0, |line| line.text("endpoint")),
    words("NODE", 6, 100, |line| line.text("node")),
    numbers("AGE", 4, 0, |line| age(line.item.number("durationSeconds"))),
    numbers("IDLE", 4, 60, |line| age(line.item.number("idleSeconds"))),
    numbers("IN", 5, 60, |line| line.count("datagramsToEndpoint")),
    numbers("OUT", 5, 60, |line| line.count("datagramsToClient")),
    words("ID", 6, 120, |line| line.text("id")),
];

fn rtt(line: &Line<'_>) -> String {
    let [client, endpoint] =
        ["client", "endpoint"].map(|side| latency(line.item.number(&format!("detail.{side}.rttSeconds"))));
    format!("{client}/{endpoint}")
}

fn retransmits(line: &Line<'_>) -> String {
    let [client, endpoint] =
        ["client", "endpoint"].map(|side| line.count(&format!("detail.{side}.retransmits")));
    format!("{client}/{endpoint}")
}

pub(super) fn about(item: Part<'_>) -> String {
    let text = |name: &str, path: &str| item.text(path).map(|text| format!("{name} {text}"));
    let parts = [
        text("id", "id"),
        text("to", "frontend"),
        text("of", "node"),
        text("through", "via"),
        item.number("connectSeconds").map(|time| format!("connected in {}", latency(Some(time)))),
        text("ended:", "reason"),
    ];
    shown(&parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}
