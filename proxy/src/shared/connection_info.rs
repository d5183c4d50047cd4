//! What can be told of a connection or a UDP flow, and which ones were asked for? Plain data.

use crate::telemetry::close_reason::Closed;
use ipnet::IpNet;
use std::{
    collections::HashSet,
    fmt,
    net::{IpAddr, SocketAddr},
    num::NonZeroU16,
    os::fd::RawFd,
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};
use weir_core::{Flow, PortKey, ServiceKey};

/// Number of a connection or a flow: never used twice in one process, of connections and of flows each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId {
    /// Number of the worker.
    pub worker: u16,
    /// Number on that worker.
    pub number: u64,
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.worker, self.number)
    }
}

impl FromStr for ConnectionId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let (worker, number) = text
            .split_once('-')
            .filter(|(worker, number)| digits(worker) && digits(number))
            .ok_or("must be the number of a connection, as in 0-4711")?;
        let parsed = worker.parse().ok().zip(number.parse().ok());
        parsed.map(|(worker, number)| Self { worker, number }).ok_or("is too large")
    }
}

/// A Service port as connections name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedPort {
    /// Key of the Service port.
    pub key: PortKey,
    /// Number of the port.
    pub number: NonZeroU16,
}

impl ServedPort {
    /// Whether this is the label of the port: its name, or its number if it has none.
    fn has_label(&self, label: &str) -> bool {
        match &*self.key.name {
            "" => self.number.to_string() == label,
            name => name == label,
        }
    }
}

/// One TCP connection, live or closed.
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    /// Number of the connection.
    pub id: ConnectionId,
    /// Addresses of the connection as the client sees them.
    pub flow: Flow,
    /// Service port behind the frontend that was dialled.
    pub port: PortKey,
    /// Number of that port.
    pub port_number: NonZeroU16,
    /// Proxy that speaks for the client by a PROXY protocol header; `None` for a client that connected itself.
    pub via: Option<IpAddr>,
    /// Endpoint; `None` until one has accepted.
    pub endpoint: Option<SocketAddr>,
    /// Time at which the client was accepted.
    pub opened: Instant,
    /// Time of the last byte, exact to a second.
    pub last_active: Instant,
    /// Time from the beginning until an endpoint had accepted; `None` until then.
    pub connect_time: Option<Duration>,
    /// Attempts to reach an endpoint.
    pub attempts: u8,
    /// Bytes relayed to the endpoint.
    pub to_endpoint: u64,
    /// Bytes relayed to the client.
    pub to_client: u64,
    /// Descriptors of the sockets to the client and to the endpoint, as numbers; -1 before there are both. Either may be
    /// closed by now, and be another file's.
    pub(crate) sockets: [RawFd; 2],
    /// The end; `None` for a live connection.
    pub end: Option<ConnectionEnd>,
}

/// When a connection ended, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionEnd {
    /// Time of the end.
    pub at: Instant,
    /// Reason.
    pub reason: Closed,
}

/// One live UDP flow.
#[derive(Clone, Debug)]
pub struct FlowInfo {
    /// Number of the flow.
    pub id: ConnectionId,
    /// Addresses of the flow as the client sees them.
    pub flow: Flow,
    /// Service port behind the frontend that was dialled.
    pub port: PortKey,
    /// Number of that port.
    pub port_number: NonZeroU16,
    /// Endpoint.
    pub endpoint: SocketAddr,
    /// Time of the first datagram.
    pub opened: Instant,
    /// Time of the last datagram.
    pub last_active: Instant,
    /// Datagrams of the client; no more than 2^32 are counted.
    pub to_endpoint: u32,
    /// Datagrams of the endpoint; no more than 2^32 are counted.
    pub to_client: u32,
    /// Whether both sides have spoken repeatedly, so that the longer time-out counts.
    pub assured: bool,
}

/// Which connections or flows are asked for: those that match all that is set.
#[derive(Clone, Debug, Default)]
pub struct ConnectionFilter {
    /// Number.
    pub id: Option<ConnectionId>,
    /// Namespace of the Service.
    pub namespace: Option<String>,
    /// Name of the Service.
    pub service: Option<String>,
    /// Services, as those with a label.
    pub services: Option<Arc<HashSet<ServiceKey>>>,
    /// Name of the port, or its number if it has none.
    pub port: Option<String>,
    /// Network of the client's address.
    pub client: Option<IpNet>,
    /// Address of the endpoint, and its port.
    pub endpoint: Option<(IpAddr, Option<u16>)>,
    /// Addresses of endpoints, as of those on a node.
    pub endpoints: Option<Arc<HashSet<SocketAddr>>>,
    /// Opened before this time.
    pub opened_before: Option<Instant>,
    /// Opened after this time.
    pub opened_after: Option<Instant>,
    /// Reason of the end.
    pub reason: Option<Closed>,
}

impl ConnectionFilter {
    /// Whether everything matches.
    pub fn is_empty(&self) -> bool {
        let Self { id, namespace, service, services, port, client, endpoint, endpoints, .. } = self;
        let names = [namespace, service, port].into_iter().all(Option::is_none);
        let addresses = client.is_none() && endpoint.is_none() && endpoints.is_none();
        let times = self.opened_before.is_none() && self.opened_after.is_none();
        id.is_none() && names && services.is_none() && addresses && times && self.reason.is_none()
    }

    /// Whether a connection that was described is asked for.
    pub(crate) fn includes(&self, info: &ConnectionInfo) -> bool {
        let port = ServedPort { key: info.port.clone(), number: info.port_number };
        self.id.is_none_or(|id| id == info.id)
            && self.reason.is_none_or(|reason| info.end.is_some_and(|end| end.reason == reason))
            && self.matches(&port, info.flow.client.ip(), info.endpoint, info.opened)
    }

    /// Whether a connection or flow is asked for, but for its number and its end.
    pub(crate) fn matches(
        &self,
        port: &ServedPort,
        client: IpAddr,
        endpoint: Option<SocketAddr>,
        opened: Instant,
    ) -> bool {
        let is = |wanted: &Option<String>, name: &str| wanted.as_deref().is_none_or(|wanted| wanted == name);
        let service = &port.key.service;
        let is_endpoint = |(ip, number): (IpAddr, Option<u16>)| {
            endpoint.is_some_and(|at| at.ip() == ip && number.is_none_or(|number| number == at.port()))
        };
        is(&self.namespace, &service.namespace)
            && is(&self.service, &service.name)
            && self.services.as_ref().is_none_or(|known| known.contains(service))
            && self.port.as_deref().is_none_or(|label| port.has_label(label))
            && self.client.is_none_or(|network| network.contains(&client))
            && self.endpoint.is_none_or(is_endpoint)
            && self.endpoints.as_ref().is_none_or(|known| endpoint.is_some_and(|at| known.contains(&at)))
            && self.opened_before.is_none_or(|before| opened < before)
            && self.opened_after.is_none_or(|after| opened > after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_core::{Protocol, ServiceKey};

    fn port(name: &str) -> ServedPort {
        let service = ServiceKey::new("default", "web");
        let key = PortKey { service, name: name.into(), protocol: Protocol::Tcp };
        ServedPort { key, number: NonZeroU16::new(80).unwrap() }
    }

    #[test]
    fn a_number_reads_back_and_what_is_none_is_refused() {
        let id = ConnectionId { worker: 3, number: 4711 };
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "3", "3-", "-1", "3-+1", "a-1", "3-1-1", "70000-1", "1-99999999999999999999"] {
            assert!(text.parse::<ConnectionId>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_set_must_match_and_what_is_not_does_not_matter() {
        let now = Instant::now();
        let (client, endpoint) = ([10, 244, 1, 9].into(), Some(([10, 244, 2, 3], 8080).into()));
        let matches = |filter: &ConnectionFilter| filter.matches(&port("http"), client, endpoint, now);
        let none = ConnectionFilter::default;
        let chosen = |name: &str| Some(Arc::new([ServiceKey::new("default", name)].into()));
        assert!(matches(&none()) && none().is_empty());
        let later = now + Duration::from_secs(1);
        for (filter, wanted) in [
            (ConnectionFilter { namespace: Some("default".into()), ..none() }, true),
            (ConnectionFilter { namespace: Some("other".into()), ..none() }, false),
            (ConnectionFilter { service: Some("we".into()), ..none() }, false),
            (ConnectionFilter { services: chosen("web"), ..none() }, true),
            (ConnectionFilter { services: chosen("api"), ..none() }, false),
            (ConnectionFilter { port: Some("http".into()), ..none() }, true),
            (ConnectionFilter { port: Some("80".into()), ..none() }, false),
            (ConnectionFilter { client: Some("10.244.1.0/24".parse().unwrap()), ..none() }, true),
            (ConnectionFilter { client: Some("10.244.2.0/24".parse().unwrap()), ..none() }, false),
            (ConnectionFilter { endpoint: Some(([10, 244, 2, 3].into(), None)), ..none() }, true),
            (ConnectionFilter { endpoint: Some(([10, 244, 2, 3].into(), Some(80))), ..none() }, false),
            (ConnectionFilter { endpoints: Some(Arc::new(endpoint.into_iter().collect())), ..none() }, true),
            (ConnectionFilter { endpoints: Some(Arc::default()), ..none() }, false),
            (ConnectionFilter { opened_before: Some(later), ..none() }, true),
            (ConnectionFilter { opened_after: Some(later), ..none() }, false),
        ] {
            assert_eq!(matches(&filter), wanted, "{filter:?}");
            assert!(!filter.is_empty());
        }
        let unnamed = ConnectionFilter { port: Some("80".into()), ..none() };
        assert!(unnamed.matches(&port(""), client, None, now));
        let of_endpoint = ConnectionFilter { endpoint: Some(([10, 244, 2, 3].into(), None)), ..none() };
        assert!(!of_endpoint.matches(&port(""), client, None, now), "it has none yet");
    }
}
