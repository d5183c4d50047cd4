//! What is known of the ways to clients and endpoints? Plain values: of each connection, and summed up for each endpoint.

use crate::admin::basics::clock::seconds;
use serde::Serialize;
use std::{collections::HashMap, net::SocketAddr, time::Duration};
use weir_proxy::{ConnectionId, ConnectionPaths, TcpInfo};

/// The ways of connections, and of the endpoints that they lead to, at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paths {
    of_connections: HashMap<ConnectionId, ConnectionPaths>,
    to_endpoints: HashMap<SocketAddr, Sum>,
}

/// Sum over the sockets to an endpoint.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    sockets: u32,
    /// Sockets with a round trip that was measured, the sum of these times, and the longest.
    measured: u32,
    round_trips: Duration,
    longest: Duration,
    retransmits: u64,
    unacknowledged_bytes: u64,
}

/// The two ways of a connection, as they are told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ConnectionDetail {
    client: Option<PathForm>,
    endpoint: Option<PathForm>,
}

/// One way, as it is told.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct PathForm {
    rtt_seconds: Option<f64>,
    retransmits: u32,
    unacked_bytes: Option<u32>,
}

/// The ways to an endpoint, as they are told.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndpointDetail {
    /// Connections that were looked at.
    sockets: u32,
    /// Mean of their round trips; `None` without one.
    rtt_seconds: Option<f64>,
    rtt_max_seconds: Option<f64>,
    retransmits: u64,
    unacked_bytes: u64,
}

impl Paths {
    /// Sums up what the kernel has said of live connections, each with its endpoint if it has one.
    pub(super) fn of(
        told: impl IntoIterator<Item = (ConnectionId, Option<SocketAddr>, ConnectionPaths)>,
    ) -> Self {
        let mut paths = Self::default();
        for (id, endpoint, path) in told {
            if let (Some(endpoint), Some(info)) = (endpoint, &path.endpoint) {
                paths.to_endpoints.entry(endpoint).or_default().add(info);
            }
            paths.of_connections.insert(id, path);
        }
        paths
    }

    /// What is known of a connection; `None` if nothing is.
    pub(in crate::admin) fn of_connection(&self, id: ConnectionId) -> Option<ConnectionDetail> {
        let ConnectionPaths { client, endpoint } = self.of_connections.get(&id)?;
        let form = |info: &Option<TcpInfo>| info.as_ref().map(PathForm::of);
        let is_known = client.is_some() || endpoint.is_some();
        is_known.then(|| ConnectionDetail { client: form(client), endpoint: form(endpoint) })
    }

    /// What is known of a TCP endpoint, by the connections that lead to it: perhaps by none.
    pub(in crate::admin) fn to_endpoint(&self, endpoint: SocketAddr) -> EndpointDetail {
        self.to_endpoints.get(&endpoint).copied().unwrap_or_default().form()
    }
}

impl PathForm {
    fn of(info: &TcpInfo) -> Self {
        Self {
            rtt_seconds: info.round_trip.map(seconds),
            retransmits: info.retransmits,
            unacked_bytes: info.unacknowledged_bytes,
        }
    }
}

impl Sum {
    fn add(&mut self, info: &TcpInfo) {
        self.sockets += 1;
        if let Some(round_trip) = info.round_trip {
            self.measured += 1;
            self.round_trips += round_trip;
            self.longest = self.longest.max(round_trip);
        }
        self.retransmits += u64::from(info.retransmits);
        self.unacknowledged_bytes += u64::from(info.unacknowledged_bytes.unwrap_or(0));
    }

    fn form(self) -> EndpointDetail {
        EndpointDetail {
            sockets: self.sockets,
            rtt_seconds: self.round_trips.checked_div(self.measured).map(seconds),
            rtt_max_seconds: (self.measured > 0).then(|| seconds(self.longest)),
            retransmits: self.retransmits,
            unacked_bytes: self.unacknowledged_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use weir_proxy::CongestionState;

    fn info(micros: u64, retransmits: u32, unacknowledged: u32) -> TcpInfo {
        TcpInfo {
            round_trip: (micros > 0).then(|| Duration::from_micros(micros)),
            round_trip_variation: Duration::ZERO,
            retransmits,
            congestion_window: 10,
            congestion: CongestionState::Open,
            bytes_acknowledged: None,
            bytes_received: None,
            unacknowledged_bytes: Some(unacknowledged),
        }
    }

    fn id(number: u64) -> ConnectionId {
        ConnectionId { worker: 0, number }
    }

    fn json(form: impl Serialize) -> Value {
        serde_json::to_value(form).unwrap()
    }

    #[test]
    fn ways_to_an_endpoint_are_summed_up_and_told_as_on_the_page() {
        let [a, b] = [1, 2].map(|last| SocketAddr::from(([10, 0, 0, last], 80)));
        let way = |endpoint| ConnectionPaths { client: Some(info(800, 9, 9)), endpoint };
        let paths = Paths::of([
            (id(1), Some(a), way(Some(info(100, 1, 0)))),
            (id(2), Some(a), way(Some(info(900, 2, 70_000)))),
            // Not measured yet: it is no zero that lowers the mean.
            (id(3), Some(a), way(Some(info(0, 0, 5)))),
            (id(4), Some(a), way(None)),
            (id(5), None, way(None)),
            (id(6), Some(b), way(Some(info(7, 0, 0)))),
        ]);
        assert_eq!(
            json(paths.to_endpoint(a)),
            json!({"sockets": 3, "rttSeconds": 0.0005, "rttMaxSeconds": 0.0009, "retransmits": 3, "unackedBytes": 70_005})
        );
        assert_eq!(json(paths.to_endpoint(b))["sockets"], 1);
        let nobody = SocketAddr::from(([10, 0, 0, 3], 80));
        assert_eq!(
            json(paths.to_endpoint(nobody)),
            json!({"sockets": 0, "rttSeconds": null, "rttMaxSeconds": null, "retransmits": 0, "unackedBytes": 0})
        );
    }

    #[test]
    fn either_way_of_a_connection_may_be_unknown() {
        let client = Some(info(800, 0, 3));
        let paths = Paths::of([
            (id(1), None, ConnectionPaths { client, endpoint: None }),
            (id(2), None, ConnectionPaths::default()),
        ]);
        let known = json!({"rttSeconds": 0.0008, "retransmits": 0, "unackedBytes": 3});
        assert_eq!(json(paths.of_connection(id(1))), json!({"client": known, "endpoint": null}));
        assert_eq!(paths.of_connection(id(2)), None);
        assert_eq!(paths.of_connection(id(3)), None, "it has come since");
    }
}
