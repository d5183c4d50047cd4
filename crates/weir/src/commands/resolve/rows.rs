//! How is what would be served shown to people? One row for each address that a client may dial.

use super::{
    endpoints::endpoints,
    view::{Row, View},
};
use crate::output::table::Table;
use weir_control::Loaded;
use weir_core::{EndpointSet, FrontendKind};

/// Table of all frontends, by Service.
pub(super) fn table(loaded: &Loaded, view: &View, wide: bool) -> String {
    let mut table = Table::new([
        "namespace",
        "service",
        "port",
        "protocol",
        "kind",
        "address",
        "served at",
        "policy",
        "balance",
        "cluster/local",
        "endpoints",
    ]);
    view.rows.iter().for_each(|row| table.push(cells(loaded, view, row, wide)));
    let mut left_out = Vec::new();
    left_out.extend((!view.is_mapped).then_some("served at"));
    left_out.extend((!wide).then_some("policy"));
    table.without(&left_out).to_string()
}

fn cells(loaded: &Loaded, view: &View, row: &Row, wide: bool) -> [String; 11] {
    let port = &row.port;
    let name =
        if port.key.name.is_empty() { "-".to_owned() } else { port.key.name.escape_debug().to_string() };
    let affinity = port.affinity.map(|timeout| format!(", ClientIP {}s", timeout.as_secs()));
    let count = |set: &Option<EndpointSet>| {
        set.as_ref().map_or_else(|| "-".to_owned(), |endpoints| endpoints.len().to_string())
    };
    let local = match row.kind {
        FrontendKind::ClusterIp => port.internal_local,
        _ => port.external_local,
    };
    [
        port.key.service.namespace.to_string(),
        port.key.service.name.to_string(),
        name,
        port.key.protocol.to_string(),
        row.kind.as_str().to_owned(),
        row.address.address(),
        row.listen.address(),
        if local { "Local" } else { "Cluster" }.to_owned(),
        format!("{}{}", port.settings.balance, affinity.unwrap_or_default()),
        format!("{}/{}", count(&port.cluster), count(&port.local)),
        endpoints(loaded, view, row, wide),
    ]
}
