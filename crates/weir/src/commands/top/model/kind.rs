//! What can be listed, how is it asked for and sorted, and which item is which?

use crate::output::part::Part;

/// Kind of items in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands::top) enum Kind {
    /// Service ports.
    Services,
    /// Endpoints of Service ports.
    Endpoints,
    /// TCP connections that are open.
    Live,
    /// TCP connections that have ended.
    Closed,
    /// UDP flows.
    Flows,
    /// What happened lately.
    Events,
}

/// Width of the terminal from which on a list shows round-trip times, in cells: they are asked for only then.
pub(in crate::commands::top) const DETAIL_WIDTH: u16 = 118;

impl Kind {
    /// Route of the admin API.
    pub(super) fn route(self) -> &'static str {
        match self {
            Self::Services => "services",
            Self::Endpoints => "endpoints",
            Self::Live | Self::Closed => "connections",
            Self::Flows => "flows",
            Self::Events => "events",
        }
    }

    /// Name for people.
    pub(in crate::commands::top) fn title(self) -> &'static str {
        match self {
            Self::Services => "Services",
            Self::Endpoints => "Endpoints",
            Self::Live => "Connections",
            Self::Closed => "Closed connections",
            Self::Flows => "UDP flows",
            Self::Events => "Events",
        }
    }

    /// Orders, as the admin API names them; the first is the one to begin with. What is wrong comes first.
    pub(super) fn sorts(self) -> &'static [&'static str] {
        match self {
            Self::Services => &["state", "connections", "opened", "bytes", "failures", "endpoints", "name"],
            Self::Endpoints => &["state", "connections", "picked", "failures", "connectTime", "name"],
            Self::Live => &["opened", "bytes", "idle", "duration"],
            Self::Closed => &["closed", "opened", "bytes", "duration"],
            Self::Flows => &["opened"],
            Self::Events => &["time"],
        }
    }

    /// Whether the server sorts the list.
    pub(super) fn is_sorted_by_server(self) -> bool {
        !matches!(self, Self::Flows | Self::Events)
    }

    /// Whether round-trip times are among its columns on a terminal of this width.
    pub(in crate::commands::top) fn shows_detail(self, width: u16) -> bool {
        matches!(self, Self::Endpoints | Self::Live) && width >= DETAIL_WIDTH
    }

    /// Name of an item, which no other item of the list has.
    pub(super) fn key(self, item: Part<'_>) -> String {
        match self {
            Self::Services => service_port(item),
            Self::Endpoints => format!("{} {}", service_port(item), item.text_or_dash("endpoint")),
            Self::Live | Self::Closed | Self::Flows => item.text_or_dash("id").to_owned(),
            Self::Events => item.count_or_dash("id"),
        }
    }

    /// Address of an item that is worth copying: where clients or weir connect to, or who the client is.
    pub(super) fn address(self, item: Part<'_>) -> Option<String> {
        match self {
            Self::Services => cluster_address(item),
            Self::Endpoints | Self::Events => item.text("endpoint").map(str::to_owned),
            Self::Live | Self::Closed | Self::Flows => item.text("client").map(str::to_owned),
        }
    }

    /// Counters of an item from which rates follow.
    pub(super) fn totals(self, item: Part<'_>) -> [u64; 4] {
        let paths = match self {
            Self::Services => [
                "connections.openedTotal",
                "connections.failedTotal",
                "bytes.toEndpointTotal",
                "bytes.toClientTotal",
            ],
            Self::Endpoints => ["connections.pickedTotal", "failures.total", "", ""],
            _ => [""; 4],
        };
        paths.map(|path| item.count(path).unwrap_or(0))
    }
}

/// Service port of an item, as in `default/web:http/TCP`.
pub(in crate::commands::top) fn service_port(item: Part<'_>) -> String {
    let Some(service) = item.text("service") else { return "-".to_owned() };
    let mut name = format!("{}/{service}", item.text_or_dash("namespace"));
    for (separator, key) in [(':', "port"), ('/', "protocol")] {
        if let Some(part) = item.text(key).filter(|part| !part.is_empty()) {
            name.push(separator);
            name += part;
        }
    }
    name
}

/// First cluster IP of a Service port with its port, as in `10.96.0.10:80`.
pub(in crate::commands::top) fn cluster_address(item: Part<'_>) -> Option<String> {
    let ip = item.items("clusterIPs").find_map(|ip| ip.text(""))?;
    let port = item.count_or_dash("portNumber");
    Some(if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_same_address_of_two_service_ports_is_two_items() {
        let item = |service: &str| json!({"namespace": "a", "service": service, "port": "p", "protocol": "TCP", "endpoint": "10.0.0.1:1"});
        let keys = ["x", "y"].map(|service| Kind::Endpoints.key(Part::of(&item(service))));
        assert_eq!(keys, ["a/x:p/TCP 10.0.0.1:1", "a/y:p/TCP 10.0.0.1:1"]);
    }

    #[test]
    fn an_address_of_ipv6_has_brackets_and_a_headless_one_none() {
        let address = |ips| Kind::Services.address(Part::of(&json!({"clusterIPs": ips, "portNumber": 80})));
        assert_eq!(address(json!(["fd00::1"])).as_deref(), Some("[fd00::1]:80"));
        assert_eq!(address(json!([])), None);
    }
}
