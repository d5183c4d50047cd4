//! How is an event shown?

use super::column::{Column, SERVICE, words};
use crate::commands::top::{
    model::{clock, service_port},
    view::{style::signed, text::shown},
};

pub(super) const COLUMNS: [Column; 6] = [
    words("TIME", 9, 0, |line| line.item.text("time").and_then(clock).unwrap_or_else(|| "-".to_owned())),
    words("SEVERITY", 9, 60, |line| signed(&line.text("severity"))),
    words("TYPE", 12, 0, |line| line.text("type")),
    words(SERVICE, 10, 0, |line| shown(&service_port(line.item))),
    words("ENDPOINT", 12, 100, |line| line.text("endpoint")),
    words("MESSAGE", 12, 70, |line| line.text("message")),
];
