//! Which connections or flows are asked for?

use crate::admin::{
    basics::{api_error::ApiError, clock::Clock},
    routes::asked::Asked,
};
use std::{collections::HashSet, net::SocketAddr, sync::Arc};
use weir_core::Endpoint;
use weir_proxy::{Closed, ConnectionFilter, ConnectionId};

/// Reads the filters of connections and flows.
pub(in crate::admin) fn read(asked: &Asked<'_>, clock: &Clock) -> Result<ConnectionFilter, ApiError> {
    let query = &asked.query;
    let before =
        |name| Ok::<_, ApiError>(query.duration(name)?.and_then(|age| clock.instant.checked_sub(age)));
    Ok(ConnectionFilter {
        id: query.parse::<ConnectionId>("id", "must be the id of a connection, as in 0-4711")?,
        namespace: query.text("namespace"),
        service: query.text("service"),
        services: asked.chosen()?,
        port: query.text("port"),
        client: query.network("client")?,
        endpoint: query.endpoint("endpoint")?,
        endpoints: query.get("node").map(|node| Arc::new(endpoints_on(asked, node))),
        opened_before: before("older")?,
        opened_after: before("younger")?,
        reason: query.word("reason", &Closed::ALL.map(|reason| (reason.as_str(), reason)))?,
    })
}

/// Endpoints on a node.
fn endpoints_on(asked: &Asked<'_>, node: &str) -> HashSet<SocketAddr> {
    let snapshot = asked.knowledge.served.borrow().clone();
    let is_there = |endpoint: &&Endpoint| endpoint.node.as_deref() == Some(node);
    let ports = snapshot.services().flat_map(|service| &service.ports);
    ports.flat_map(|port| port.merged.iter().filter(is_there).map(|endpoint| endpoint.address)).collect()
}

/// The node that an endpoint of a Service port is on; `None` if that is not known.
pub(in crate::admin) fn node_of(
    snapshot: &weir_core::Snapshot,
    port: &weir_core::PortKey,
    endpoint: SocketAddr,
) -> Option<String> {
    let service = snapshot.get(&port.service)?;
    let of_port = service.ports.iter().filter(|known| known.key == *port);
    let found = of_port.flat_map(|port| port.merged.iter()).find(|known| known.address == endpoint);
    found.and_then(|endpoint| endpoint.node.as_deref()).map(str::to_owned)
}

/// Where a page of connections or flows begins: after this one.
pub(in crate::admin) fn after(asked: &Asked<'_>) -> Result<Option<ConnectionId>, ApiError> {
    asked.query.parse("continue", "must be what an earlier answer gave")
}
