//! How is what would be served shown to people? One row for each address that a client may dial.

use super::{
    endpoints::endpoints,
    view::{Row, View},
};
use crate::output::table::Table;
use weir_control::Loaded;
use weir_core::EndpointSet;

/// Table of all frontends, by Service.
pub(super) fn table(loaded: &Loaded, view: &View) -> String {
    let cells = view.rows.iter().map(|row| cells(loaded, view, row));
    if view.is_mapped {
        let mut table = Table::new([
            "namespace",
            "service",
            "port",
            "protocol",
            "kind",
            "address",
            "served at",
            "balance",
            "cluster/local",
            "endpoints",
        ]);
        cells.for_each(|row| table.push(row));
        return table.to_string();
    }
    let mut table = Table::new([
        "namespace",
        "service",
        "port",
        "protocol",
        "kind",
        "address",
        "balance",
        "cluster/local",
        "endpoints",
    ]);
    for [namespace, service, port, protocol, kind, address, _, balance, counts, endpoints] in cells {
        table.push([namespace, service, port, protocol, kind, address, balance, counts, endpoints]);
    }
    table.to_string()
}

fn cells(loaded: &Loaded, view: &View, row: &Row) -> [String; 10] {
    let port = &row.port;
    let name =
        if port.key.name.is_empty() { "-".to_owned() } else { port.key.name.escape_debug().to_string() };
    let affinity = port.affinity.map(|timeout| format!(", ClientIP {}s", timeout.as_secs()));
    let count = |set: &Option<EndpointSet>| {
        set.as_ref().map_or_else(|| "-".to_owned(), |endpoints| endpoints.len().to_string())
    };
    [
        port.key.service.namespace.to_string(),
        port.key.service.name.to_string(),
        name,
        port.key.protocol.to_string(),
        row.kind.as_str().to_owned(),
        row.address.address(),
        row.listen.address(),
        format!("{}{}", port.settings.balance, affinity.unwrap_or_default()),
        format!("{}/{}", count(&port.cluster), count(&port.local)),
        endpoints(loaded, view, row),
    ]
}
