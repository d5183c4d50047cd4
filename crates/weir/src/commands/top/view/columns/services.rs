//! How is a Service port shown?

use super::column::{Column, Line, SERVICE, numbers, words};
use crate::{
    commands::top::{
        model::{cluster_address, service_port},
        view::{style::signed, text::shown},
    },
    output::part::Part,
};

pub(super) const COLUMNS: [Column; 12] = [
    words("STATE", 10, 0, |line| signed(&line.text("state"))),
    words(SERVICE, 12, 0, |line| shown(&service_port(line.item))),
    numbers("READY", 5, 0, ready),
    numbers("CONNS", 5, 40, |line| line.count("connections.active")),
    numbers("NEW/S", 5, 60, |line| line.rate(0)),
    numbers("FAILED", 6, 80, |line| line.count("connections.failedTotal")),
    numbers("FAIL/S", 6, 100, |line| line.rate(1)),
    numbers("IN/S", 8, 110, |line| line.bytes_rate(2)),
    numbers("OUT/S", 8, 110, |line| line.bytes_rate(3)),
    words("ADDRESS", 14, 130, |line| shown(&cluster_address(line.item).unwrap_or_else(|| "-".to_owned()))),
    words("BALANCE", 10, 160, |line| line.text("balance")),
    words("WHY", 10, 80, |line| line.text("reason")),
];

fn ready(line: &Line<'_>) -> String {
    format!("{}/{}", line.count("endpoints.ready"), line.count("endpoints.total"))
}

pub(super) fn about(item: Part<'_>) -> String {
    let address = cluster_address(item).unwrap_or_else(|| "no cluster IP".to_owned());
    let reason = item.text("reason").map(|reason| format!(": {reason}")).unwrap_or_default();
    shown(&format!("{address} {}{reason}", item.text_or_dash("state")))
}
