//! How are connections followed? One line when one is opened and one when it is closed.

use super::{
    check::check,
    rows::{Rows, View},
};
use crate::{
    cli::ConnsOptions,
    client::{Client, Event, Query},
    output::{
        format::Output,
        part::Part,
        stdout::{self, Reader},
    },
};
use anyhow::bail;
use std::process::ExitCode;

/// Prints connections as they are opened and closed. Ends when whoever reads has closed the pipe.
pub(super) async fn follow(
    client: &Client,
    query: &Query,
    options: &ConnsOptions,
) -> anyhow::Result<ExitCode> {
    let limit = options.limit.map_or(1000, |limit| limit.get().min(1000));
    let mut events = client.follow(&query.clone().with("limit", limit)).await?;
    let mut rows = Rows::new(View::of(options));
    while let Some(event) = events.next().await? {
        if event.name == "list" && Part::of(&event.data).items("items").len() == 0 {
            check(client, options).await?;
        }
        let text = match options.output {
            Output::Table | Output::Wide => lines(&mut rows, &event),
            format => format.line(&event.name, &event.data)?,
        };
        if stdout::print(&text)? == Reader::Gone {
            return Ok(ExitCode::SUCCESS);
        }
    }
    bail!("weir has ended, or another one has taken over: ask again")
}

fn lines(rows: &mut Rows, event: &Event) -> String {
    let data = Part::of(&event.data);
    if event.name == "list" {
        return rows.lines(data.items("items"), data.text("metadata.time"));
    }
    // What was opened and closed in the same second comes in this order, too.
    let changed = data.items("opened").chain(data.items("closed"));
    let mut text = rows.lines(changed, data.text("time"));
    if let Some(skipped) = data.count("skipped").filter(|skipped| *skipped > 0) {
        text += &format!("... and {skipped} more, too many to follow\n");
    }
    text
}
