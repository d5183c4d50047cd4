//! Which endpoints does the weir of this host know, and which of them are out? One line for each endpoint of a Service port.

use super::{
    conns::service,
    known::{check_endpoint, check_service, note_selector},
    list::{list, note},
    services::of_limit,
};
use crate::{
    cli::EndpointsOptions,
    client::{Query, with_client},
    output::{
        part::Part,
        quantity::{age, between, latency},
        stdout,
        table::Table,
    },
};
use std::process::ExitCode;

/// Columns that only a wide table has.
const WIDE: [&str; 7] = ["zone", "most", "weight", "ejections", "connect mean/peak", "rtt", "retransmits"];

/// Lists the endpoints of the running weir.
pub(crate) fn endpoints(options: &EndpointsOptions) -> anyhow::Result<ExitCode> {
    let shown = &options.shown;
    with_client(shown.socket.clone(), async |client| {
        let mut query = query(options);
        if shown.output.has_details() {
            query = query.with("detail", true);
        }
        let endpoints = match list(&client, &query, shown.limit).await {
            Err(failure) if failure.is_too_many() => {
                eprintln!("note: {failure}: round-trip times are not shown");
                list(&client, &self::query(options), shown.limit).await?
            }
            endpoints => endpoints?,
        };
        if Part::of(&endpoints).items("items").len() == 0 {
            check_service(&client, options.namespace.as_deref(), options.service.as_ref()).await?;
            check_endpoint(&client, options.endpoint.as_deref(), options.node.as_deref()).await?;
            note_selector(&client, options.selector.as_deref()).await?;
        }
        stdout::print(&shown.output.text(&endpoints, |wide| table(Part::of(&endpoints), wide))?)?;
        if let Some(note) = note(&endpoints, "endpoints") {
            eprintln!("{note}");
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn query(options: &EndpointsOptions) -> Query {
    let service = options.service.as_ref();
    Query::of("endpoints")
        .with_some("namespace", options.namespace.as_ref())
        .with_some("labelSelector", options.selector.as_ref())
        .with_some("service", service.map(|service| &service.name))
        .with_some("port", service.and_then(|service| service.port.as_ref()))
        .with_some("endpoint", options.endpoint.as_ref())
        .with_some("node", options.node.as_ref())
        .with_some("state", options.state.as_ref())
        .with("sort", &options.sort)
}

fn table(endpoints: Part<'_>, wide: bool) -> String {
    let mut table = Table::new([
        "service",
        "endpoint",
        "node",
        "zone",
        "state",
        "since",
        "connections",
        "most",
        "picked",
        "failures",
        "weight",
        "ejections",
        "connect mean/peak",
        "rtt",
        "retransmits",
        "why",
    ]);
    let now = endpoints.text("metadata.time");
    for endpoint in endpoints.items("items") {
        let text = |path: &str| endpoint.text_or_dash(path).to_owned();
        let count = |path: &str| endpoint.count_or_dash(path);
        let time = |path: &str| latency(endpoint.number(path));
        table.push([
            service(endpoint),
            text("endpoint"),
            text("node"),
            text("zone"),
            text("state"),
            age(between(endpoint.text("since"), now)),
            of_limit(endpoint),
            count("connections.max"),
            count("connections.pickedTotal"),
            count("failures.total"),
            count("weight"),
            count("ejections.total"),
            format!("{}/{}", time("connectTime.meanSeconds"), time("connectTime.peakSeconds")),
            time("detail.rttSeconds"),
            count("detail.retransmits"),
            why(endpoint),
        ]);
    }
    if wide { table.coloured() } else { table.without(&WIDE).coloured() }
}

/// Reason for the state in words, and what an operator has asked for.
fn why(endpoint: Part<'_>) -> String {
    let said = endpoint.text("message").or(endpoint.text("reason"));
    let spared = endpoint.flag("lastResort") == Some(true);
    let parts = [
        said.map(str::to_owned),
        spared.then(|| "used all the same: too few others are left".to_owned()),
        endpoint.has("override").then(|| format!("override by {}", endpoint.text_or_dash("override.by"))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "-".to_owned() } else { parts.join("; ") }
}
