//! Who is connected to what? `weir conns` lists connections, or follows them.

mod check;
mod follow;
mod rows;

use super::list::{list, note};
use crate::{
    cli::ConnsOptions,
    client::{Query, with_client},
    output::{part::Part, stdout},
};
use check::check;
pub(super) use rows::service;
use rows::{Rows, View};
use std::{process::ExitCode, time::Duration};

/// Lists connections, or follows them until Ctrl-C.
pub(crate) fn conns(options: &ConnsOptions) -> anyhow::Result<ExitCode> {
    with_client(options.socket.clone(), async |client| {
        let query = query(options);
        if options.watch {
            return Box::pin(follow::follow(&client, &query, options)).await;
        }
        let connections = match list(&client, &query, options.limit).await {
            Err(failure) if failure.is_too_many() => {
                eprintln!("note: {failure}: round-trip times are not shown");
                list(&client, &without_detail(options), options.limit).await?
            }
            connections => connections?,
        };
        if Part::of(&connections).items("items").len() == 0 {
            check(&client, options).await?;
        }
        let view = View::of(options);
        let text = options.output.text(&connections, |_| Rows::new(view).page(Part::of(&connections)))?;
        stdout::print(&text)?;
        if let Some(note) = note(&connections, if options.udp { "flows" } else { "connections" }) {
            eprintln!("{note}");
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn query(options: &ConnsOptions) -> Query {
    let query = without_detail(options);
    // What costs the weir something is asked for only where it is shown.
    let with_detail = options.output.has_details() && !options.udp;
    if with_detail { query.with("detail", true) } else { query }
}

fn without_detail(options: &ConnsOptions) -> Query {
    let seconds = |time: Option<Duration>| time.map(|time| format!("{}ms", time.as_millis()));
    let service = options.service.as_ref();
    let query = Query::of(if options.udp { "flows" } else { "connections" })
        .with_some("namespace", options.namespace.as_ref())
        .with_some("labelSelector", options.selector.as_ref())
        .with_some("service", service.map(|service| &service.name))
        .with_some("port", service.and_then(|service| service.port.as_ref()))
        .with_some("client", options.client.as_ref())
        .with_some("endpoint", options.endpoint.as_ref())
        .with_some("node", options.node.as_ref())
        .with_some("older", seconds(options.older))
        .with_some("younger", seconds(options.younger));
    if options.udp {
        return query;
    }
    query
        .with("state", options.state.as_str())
        .with_some("reason", options.reason.as_ref())
        .with_some("sort", options.sort.as_ref())
}
