//! How is a connection shown? One line each.

use crate::{
    cli::{ConnectionState, ConnsOptions},
    output::{
        format::Output,
        part::Part,
        quantity::{age, between, latency, size},
        table::Table,
        terminal::has_colours,
    },
};
use std::io;

/// Columns of the widest view.
const COLUMNS: [&str; 18] = [
    "id",
    "client",
    "via",
    "service",
    "frontend",
    "endpoint",
    "node",
    "state",
    "age",
    "idle",
    "connect",
    "attempts",
    "to endpoint",
    "to client",
    "rtt client/endpoint",
    "retransmits",
    "closed",
    "reason",
];

/// Columns that only a wide view has.
const WIDE: [&str; 8] =
    ["id", "via", "frontend", "connect", "attempts", "rtt client/endpoint", "retransmits", "closed"];

/// Columns that a view has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct View {
    wide: bool,
    /// Whether closed connections are among those that are shown.
    closed: bool,
    /// Whether live connections are among those that are shown.
    live: bool,
    flows: bool,
}

impl View {
    pub(super) fn of(options: &ConnsOptions) -> Self {
        Self {
            wide: options.output == Output::Wide,
            closed: options.watch || options.state == ConnectionState::Closed,
            live: options.state == ConnectionState::Live,
            flows: options.udp,
        }
    }

    /// Columns that are left out.
    fn hidden(self) -> Vec<&'static str> {
        let mut hidden = if self.wide { Vec::new() } else { WIDE.to_vec() };
        if !self.closed {
            hidden.extend(["closed", "reason"]);
        }
        if !self.live || self.closed {
            hidden.push("idle");
        }
        if self.flows {
            hidden.extend(["via", "state", "connect", "attempts", "rtt client/endpoint", "retransmits"]);
        }
        hidden
    }
}

/// Lines of connections, which may come bit by bit.
pub(super) struct Rows {
    view: View,
    /// Widths of the columns so far.
    widths: [usize; COLUMNS.len()],
    has_header: bool,
}

impl Rows {
    pub(super) fn new(view: View) -> Self {
        let is_followed = view.live && view.closed;
        // Words of states that are still to come.
        let widest = |name| if name == "state" && is_followed { "connecting".len() } else { 0 };
        Self { view, widths: COLUMNS.map(widest), has_header: false }
    }

    /// Lines of a whole list.
    pub(super) fn page(mut self, list: Part<'_>) -> String {
        self.lines(list.items("items"), list.text("metadata.time"))
    }

    /// Lines of some more connections, with a header in front of the first ones. Later ones are at least as wide.
    pub(super) fn lines<'a>(
        &mut self,
        connections: impl IntoIterator<Item = Part<'a>>,
        now: Option<&str>,
    ) -> String {
        let mut table = Table::new(COLUMNS).without(&self.view.hidden());
        connections.into_iter().for_each(|connection| table.push(self.view.row(connection, now)));
        self.widths = table.widths(self.widths);
        let skipped = usize::from(std::mem::replace(&mut self.has_header, true));
        let lines = table.lines(self.widths, has_colours(&io::stdout())).skip(skipped);
        lines.map(|line| line + "\n").collect()
    }
}

impl View {
    fn row(self, connection: Part<'_>, now: Option<&str>) -> [String; COLUMNS.len()] {
        let text = |path: &str| connection.text_or_dash(path).to_owned();
        let latency_of = |path: &str| latency(connection.number(path));
        let counted = |side: &str| match self.flows {
            true => connection.count_or_dash(&format!("datagrams{side}")),
            false => size(connection.count(&format!("bytes{side}"))),
        };
        [
            text("id"),
            text("client"),
            text("via"),
            service(connection),
            text("frontend"),
            text("endpoint"),
            text("node"),
            text("state"),
            age(connection.number("durationSeconds")),
            age(connection.number("idleSeconds")),
            latency_of("connectSeconds"),
            connection.count_or_dash("attempts"),
            counted("ToEndpoint"),
            counted("ToClient"),
            format!(
                "{}/{}",
                latency_of("detail.client.rttSeconds"),
                latency_of("detail.endpoint.rttSeconds")
            ),
            format!(
                "{}/{}",
                connection.count_or_dash("detail.client.retransmits"),
                connection.count_or_dash("detail.endpoint.retransmits")
            ),
            age(between(connection.text("closedAt"), now)),
            text("reason"),
        ]
    }
}

/// Service port that an item belongs to, as in `default/web:http`; a dash where there is none.
pub(in super::super) fn service(item: Part<'_>) -> String {
    match (item.text("namespace"), item.text("service"), item.text("port")) {
        (Some(namespace), Some(service), Some(port)) => format!("{namespace}/{service}:{port}"),
        (Some(namespace), Some(service), None) => format!("{namespace}/{service}"),
        (_, Some(service), _) => service.to_owned(),
        _ => "-".to_owned(),
    }
}
