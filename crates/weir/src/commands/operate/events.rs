//! What happened lately? `weir events` lists what the weir of this host remembers, or follows it.

use super::{conns::service, known::check_service, list::list};
use crate::{
    cli::EventsOptions,
    client::{Client, Query, with_client},
    output::{
        format::Output,
        part::Part,
        stdout::{self, Reader},
        table::Table,
        terminal::has_colours,
    },
};
use anyhow::bail;
use std::{io, process::ExitCode};

/// Number of columns.
const COLUMNS: usize = 6;

/// Lists events, or follows them until Ctrl-C.
pub(crate) fn events(options: &EventsOptions) -> anyhow::Result<ExitCode> {
    with_client(options.socket.clone(), async |client| {
        let query = query(options);
        let events = list(&client, &query, None).await?;
        if Part::of(&events).items("items").len() == 0 {
            check_service(&client, options.namespace.as_deref(), options.service.as_ref()).await?;
        }
        let mut lines = Lines::default();
        let shown = match (options.output, options.watch) {
            (Output::Json | Output::Yaml, true) => options.output.line("list", &events)?,
            (output, _) => output.text(&events, |_| lines.of(Part::of(&events).items("items")))?,
        };
        if stdout::print(&shown)? == Reader::Gone || !options.watch {
            return Ok(ExitCode::SUCCESS);
        }
        let last = Part::of(&events).items("items").filter_map(|event| event.count("id")).max();
        follow(&client, &query.with_some("since", last), options, lines).await
    })
}

fn query(options: &EventsOptions) -> Query {
    Query::of("events")
        .with_some("namespace", options.namespace.as_ref())
        .with_some("service", options.service.as_ref().map(|service| &service.name))
        .with_some("endpoint", options.endpoint.as_ref())
        .with_some("type", options.kind.as_ref())
}

async fn follow(
    client: &Client,
    query: &Query,
    options: &EventsOptions,
    mut lines: Lines,
) -> anyhow::Result<ExitCode> {
    let mut events = client.follow(query).await?;
    while let Some(event) = events.next().await? {
        let data = Part::of(&event.data);
        let text = match options.output {
            Output::Table | Output::Wide => match data.count("skipped") {
                Some(skipped) => format!("... and {skipped} more, too many to follow\n"),
                None => lines.of([data]),
            },
            format => format.line(&event.name, &event.data)?,
        };
        if stdout::print(&text)? == Reader::Gone {
            return Ok(ExitCode::SUCCESS);
        }
    }
    bail!("weir has ended, or another one has taken over: ask again")
}

/// Lines of events, which may come bit by bit.
#[derive(Default)]
struct Lines(Option<[usize; COLUMNS]>);

impl Lines {
    fn of<'a>(&mut self, events: impl IntoIterator<Item = Part<'a>>) -> String {
        let mut table: Table<COLUMNS> =
            Table::new(["time", "severity", "type", "service", "endpoint", "message"]);
        for event in events {
            let text = |path: &str| event.text_or_dash(path).to_owned();
            table.push([
                text("time"),
                text("severity"),
                text("type"),
                service(event),
                text("endpoint"),
                text("message"),
            ]);
        }
        let widths = table.widths(self.0.unwrap_or_default());
        let skipped = usize::from(self.0.is_some());
        self.0 = Some(widths);
        table.lines(widths, has_colours(&io::stdout())).skip(skipped).map(|line| line + "\n").collect()
    }
}
