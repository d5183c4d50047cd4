//! Which Services does the weir of this host serve, and how are they? One line for each Service port.

use super::{
    known::{check_service, note_selector},
    list::{list, note},
};
use crate::{
    cli::ServicesOptions,
    client::{Query, with_client},
    output::{
        part::Part,
        quantity::{age, between, latency, size},
        stdout,
        table::Table,
    },
};
use std::process::ExitCode;

/// Columns that only a wide table has.
const WIDE: [&str; 12] = [
    "since",
    "most",
    "node port",
    "balance",
    "policy",
    "to endpoints",
    "to clients",
    "failed",
    "retried",
    "hedged",
    "ejections",
    "connect p50/p99",
];

/// Lists the Service ports of the running weir.
pub(crate) fn services(options: &ServicesOptions) -> anyhow::Result<ExitCode> {
    let ServicesOptions { namespace, selector, state, sort, shown } = options;
    with_client(shown.socket.clone(), async |client| {
        let query = Query::of("services")
            .with_some("namespace", namespace.as_ref())
            .with_some("labelSelector", selector.as_ref())
            .with_some("state", state.as_ref())
            .with("sort", sort);
        let services = list(&client, &query, shown.limit).await?;
        if Part::of(&services).items("items").len() == 0 {
            check_service(&client, namespace.as_deref(), None).await?;
            note_selector(&client, selector.as_deref()).await?;
        }
        stdout::print(&shown.output.text(&services, |wide| table(Part::of(&services), wide))?)?;
        if let Some(note) = note(&services, "Service ports") {
            eprintln!("{note}");
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn table(services: Part<'_>, wide: bool) -> String {
    let mut table = Table::new([
        "namespace",
        "service",
        "port",
        "protocol",
        "address",
        "state",
        "since",
        "ready",
        "connections",
        "most",
        "opened",
        "node port",
        "balance",
        "policy",
        "to endpoints",
        "to clients",
        "failed",
        "retried",
        "hedged",
        "ejections",
        "connect p50/p99",
        "why",
    ]);
    let now = services.text("metadata.time");
    for port in services.items("items") {
        let text = |path: &str| port.text_or_dash(path).to_owned();
        let count = |path: &str| port.count_or_dash(path);
        let affinity = port.count("affinitySeconds").map(|seconds| format!(", ClientIP {seconds}s"));
        table.push([
            text("namespace"),
            text("service"),
            text("port"),
            text("protocol"),
            addresses(port),
            text("state"),
            age(between(port.text("since"), now)),
            format!("{}/{}", count("endpoints.ready"), count("endpoints.total")),
            of_limit(port),
            count("connections.most"),
            count("connections.openedTotal"),
            count("nodePort"),
            format!("{}{}", text("balance"), affinity.unwrap_or_default()),
            format!("{}/{}", text("internalTrafficPolicy"), text("externalTrafficPolicy")),
            size(port.count("bytes.toEndpointTotal")),
            size(port.count("bytes.toClientTotal")),
            count("connections.failedTotal"),
            count("connections.retriedTotal"),
            count("connections.hedgedTotal"),
            count("endpoints.ejectionsTotal"),
            connect_times(port),
            text("reason"),
        ]);
    }
    if wide { table.coloured() } else { table.without(&WIDE).coloured() }
}

/// Cluster IPs with the port, as in `10.96.0.10:80`.
fn addresses(port: Part<'_>) -> String {
    let number = port.count_or_dash("portNumber");
    let with_port =
        |ip: &str| if ip.contains(':') { format!("[{ip}]:{number}") } else { format!("{ip}:{number}") };
    let addresses: Vec<String> =
        port.items("clusterIPs").filter_map(|ip| ip.text("")).map(with_port).collect();
    if addresses.is_empty() { "-".to_owned() } else { addresses.join(",") }
}

/// Times within which half of all connects were accepted, and nearly all.
fn connect_times(port: Part<'_>) -> String {
    let time = |path: &str| port.number(path).map(|seconds| latency(Some(seconds)));
    match (time("connectTime.p50Seconds"), time("connectTime.p99Seconds")) {
        (Some(half), Some(most)) => format!("{half}/{most}"),
        _ => "-".to_owned(),
    }
}

/// Connections that are open, of those that may be.
pub(super) fn of_limit(item: Part<'_>) -> String {
    let active = item.count_or_dash("connections.active");
    match item.count("connections.limit") {
        Some(limit) => format!("{active} of {limit}"),
        None => active,
    }
}
