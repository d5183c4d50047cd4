//! Which annotations are there, how are they written, and what do they mean? One table, which the parser goes by and the
//! reference (`docs/reference/annotations.md`) is written from.

use super::{
    annotation::{Annotation, EXTERNAL_IPS, WEIGHT},
    shown::{code, numbers, or, time, times, word, words},
    values::{count, duration, endpoint_removed, networks, number, one_of, parse},
};
use std::{num::NonZeroU32, ops::RangeInclusive, time::Duration};
use weir_core::{ActiveCheck, EndpointRemoved, NoLocalEndpoints, Policy, ProxyProtocol};

/// Annotation of a name without [`ANNOTATION_PREFIX`](super::ANNOTATION_PREFIX).
pub(super) fn find(name: &str) -> Option<&'static Annotation> {
    ANNOTATIONS.iter().find(|annotation| annotation.name == name)
}

/// Names of all annotations, without [`ANNOTATION_PREFIX`](super::ANNOTATION_PREFIX).
pub(super) fn names() -> Vec<&'static str> {
    ANNOTATIONS.iter().map(|annotation| annotation.name).collect()
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const CONNECT_TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(10)..=seconds(600);
const IDLE_TIMEOUT: RangeInclusive<Duration> = seconds(1)..=seconds(30 * 24 * 3600);
const UDP_IDLE_TIMEOUT: RangeInclusive<Duration> = seconds(1)..=seconds(24 * 3600);
const DEAD_PEER_TIMEOUT: RangeInclusive<Duration> = seconds(2)..=seconds(3600);
const MAX_CONNECTION_AGE: RangeInclusive<Duration> = seconds(1)..=seconds(30 * 24 * 3600);
const DRAIN: RangeInclusive<Duration> = seconds(1)..=seconds(24 * 3600);
const CHECK_INTERVAL: RangeInclusive<Duration> = Duration::from_millis(100)..=seconds(3600);
const CHECK_STREAK: RangeInclusive<u32> = 1..=100;
const COUNT: RangeInclusive<u32> = 1..=u32::MAX;
const QUEUE: RangeInclusive<u32> = 0..=65_536;
const QUEUE_TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(10)..=seconds(600);
const ACCEPT_RATE: RangeInclusive<u32> = 1..=1_000_000;
const NO_LOCAL_ENDPOINTS: [(&str, NoLocalEndpoints); 2] =
    [("drop", NoLocalEndpoints::Drop), ("pass", NoLocalEndpoints::Pass)];
const PROXY_PROTOCOLS: [(&str, ProxyProtocol); 2] = [("v1", ProxyProtocol::V1), ("v2", ProxyProtocol::V2)];

/// Every annotation.
pub static ANNOTATIONS: [Annotation; 24] = [
    Annotation {
        name: "balance",
        values: || words(&Policy::ALL.map(Policy::as_str)),
        default: |settings| code(settings.balance),
        set: |draft, value| set(&mut draft.settings.balance, parse(value)),
        meaning: "How new connections and UDP flows are spread over endpoints: at random, one after another, to the less \
                  busy of two, to the faster and less busy of two, or by a hash that is the same on every node.",
    },
    Annotation {
        name: "connect-timeout",
        values: || times(CONNECT_TIMEOUT),
        default: |settings| time(settings.connect_timeout),
        set: |draft, value| set(&mut draft.settings.connect_timeout, duration(value, CONNECT_TIMEOUT)),
        meaning: "Time that a TCP client may wait until some endpoint accepts.",
    },
    Annotation {
        name: "idle-timeout",
        values: || times(IDLE_TIMEOUT),
        default: |settings| time(settings.idle_timeout),
        set: |draft, value| set(&mut draft.settings.idle_timeout, duration(value, IDLE_TIMEOUT)),
        meaning: "Time without a byte in either direction after which a TCP connection ends.",
    },
    Annotation {
        name: "half-closed-timeout",
        values: || times(IDLE_TIMEOUT),
        default: |settings| time(settings.half_closed_timeout),
        set: |draft, value| set(&mut draft.settings.half_closed_timeout, duration(value, IDLE_TIMEOUT)),
        meaning: "Time without a byte after which a TCP connection ends once one side has ended its stream; \
                  `idle-timeout`, if that is shorter.",
    },
    Annotation {
        name: "udp-idle-timeout",
        values: || times(UDP_IDLE_TIMEOUT),
        default: |settings| {
            let [first, assured] = [settings.udp_idle_timeout, settings.udp_assured_timeout].map(time);
            format!("{first}; {assured} once both sides have spoken repeatedly")
        },
        set: |draft, value| {
            let timeout = duration(value, UDP_IDLE_TIMEOUT)?;
            draft.settings.udp_assured_timeout = timeout;
            draft.settings.udp_idle_timeout = timeout;
            Ok(())
        },
        meaning: "Time without a datagram in either direction after which a UDP flow ends.",
    },
    Annotation {
        name: "dead-peer-timeout",
        values: || times(DEAD_PEER_TIMEOUT),
        default: |settings| time(settings.dead_peer_timeout),
        set: |draft, value| set(&mut draft.settings.dead_peer_timeout, duration(value, DEAD_PEER_TIMEOUT)),
        meaning: "Time for which the host of a client or endpoint may acknowledge nothing, neither data nor probes; then \
                  it has vanished, and the other side of the connection is reset. One that only pauses reading lives.",
    },
    Annotation {
        name: "max-connection-age",
        values: || times(MAX_CONNECTION_AGE),
        default: |settings| or(settings.max_connection_age.map(time), "no limit"),
        set: |draft, value| {
            set(&mut draft.settings.max_connection_age, duration(value, MAX_CONNECTION_AGE).map(Some))
        },
        meaning: "Age at which TCP connections are reset, each up to a tenth earlier.",
    },
    Annotation {
        name: "on-endpoint-removed",
        values: || format!("`keep`, `reset`, or `drain=TIME` with {}", times(DRAIN)),
        default: |settings| match settings.on_endpoint_removed {
            EndpointRemoved::Keep => code("keep"),
            EndpointRemoved::Reset => code("reset"),
            EndpointRemoved::Drain(time) => code(format_args!("drain={}", humantime::format_duration(time))),
        },
        set: |draft, value| set(&mut draft.settings.on_endpoint_removed, endpoint_removed(value, DRAIN)),
        meaning: "What happens to TCP connections when their endpoint is in no EndpointSlice any more (not ready or \
                  terminating is not enough), or their Service is deleted: they go on, are reset, or are reset one by one \
                  within a time.",
    },
    Annotation {
        name: "no-local-endpoints",
        values: || words(&NO_LOCAL_ENDPOINTS.map(|(word, _)| word)),
        default: |settings| word(&NO_LOCAL_ENDPOINTS, settings.no_local_endpoints),
        set: |draft, value| set(&mut draft.settings.no_local_endpoints, one_of(value, &NO_LOCAL_ENDPOINTS)),
        meaning: "Where `externalTrafficPolicy` is `Local` and no endpoint may serve: whether new flows to external and \
                  load-balancer IPs get silence or a refusal, or go on untouched, to where the network takes them (node mode).",
    },
    Annotation {
        name: "health-check",
        values: || code("tcp"),
        default: |settings| or(settings.health_check.map(|_| code("tcp")), "none"),
        set: |draft, value| set(&mut draft.is_checked, one_of(value, &[("tcp", true)])),
        meaning: "Active check of every endpoint: weir connects from time to time. An endpoint that is down gets no new \
                  connection unless all are. An endpoint of several Services is checked by the strictest of their settings.",
    },
    Annotation {
        name: "health-check-interval",
        values: || times(CHECK_INTERVAL),
        default: |_| time(ActiveCheck::default().interval),
        set: |draft, value| set(&mut draft.check.interval, duration(value, CHECK_INTERVAL)),
        meaning: "Time between two checks of an endpoint. A check may take as long, and 5s at most.",
    },
    Annotation {
        name: "health-check-rise",
        values: || numbers(CHECK_STREAK),
        default: |_| code(ActiveCheck::default().rise),
        set: |draft, value| set(&mut draft.check.rise, count(value, CHECK_STREAK)),
        meaning: "Successful checks in a row after which an endpoint is up.",
    },
    Annotation {
        name: "health-check-fall",
        values: || numbers(CHECK_STREAK),
        default: |_| code(ActiveCheck::default().fall),
        set: |draft, value| set(&mut draft.check.fall, count(value, CHECK_STREAK)),
        meaning: "Failed checks in a row after which an endpoint is down.",
    },
    Annotation {
        name: "topology-spill",
        values: || "`1` to `100`, such as `1.5`".to_owned(),
        default: |settings| or(settings.topology_spill.map(code), "off"),
        set: |draft, value| set(&mut draft.settings.topology_spill, parse(value).map(Some)),
        meaning: "Prefers endpoints of this node, else of its zone, until they have this many times the mean of live \
                  connections of all endpoints.",
    },
    Annotation {
        name: "proxy-protocol",
        values: || words(&PROXY_PROTOCOLS.map(|(word, _)| word)),
        default: |settings| {
            or(settings.proxy_protocol.map(|version| word(&PROXY_PROTOCOLS, version)), "none")
        },
        set: |draft, value| {
            set(&mut draft.settings.proxy_protocol, one_of(value, &PROXY_PROTOCOLS).map(Some))
        },
        meaning: "Version of the PROXY protocol header with which each TCP connection to an endpoint begins; it tells the \
                  addresses of the client and of the Service.",
    },
    Annotation {
        name: "accept-proxy-protocol",
        values: || "networks, comma separated, such as `10.0.0.0/8,fd00::/8`".to_owned(),
        default: |settings| match &*settings.accept_proxy_protocol {
            [] => "none".to_owned(),
            networks => words(&networks.iter().map(ToString::to_string).collect::<Vec<_>>()),
        },
        set: |draft, value| set(&mut draft.settings.accept_proxy_protocol, networks(value)),
        meaning: "Networks whose TCP clients must begin with a PROXY protocol header, of either version and at most 536 \
                  bytes. The client in it counts for balancing, affinity, logs and the header sent on; without a header \
                  the client is reset (`proxy_protocol_error`).",
    },
    Annotation {
        name: "max-connections",
        values: || numbers(COUNT),
        default: |settings| or(settings.limits.connections.map(code), "no limit"),
        set: |draft, value| set(&mut draft.settings.limits.connections, some_count(value, COUNT)),
        meaning: "Live TCP connections of the Service on one node; more are refused. `--max-connections-per-service` sets \
                  it for all Services.",
    },
    Annotation {
        name: "max-connections-per-endpoint",
        values: || numbers(COUNT),
        default: |settings| or(settings.limits.connections_per_endpoint.map(code), "no limit"),
        set: |draft, value| {
            set(&mut draft.settings.limits.connections_per_endpoint, some_count(value, COUNT))
        },
        meaning: "Live TCP connections to one endpoint; when all endpoints have as many, clients wait. \
                  `--max-connections-per-endpoint` sets it for all Services.",
    },
    Annotation {
        name: "max-connections-per-client",
        values: || numbers(COUNT),
        default: |settings| or(settings.limits.connections_per_client.map(code), "no limit"),
        set: |draft, value| set(&mut draft.settings.limits.connections_per_client, some_count(value, COUNT)),
        meaning: "Live TCP connections of one client address; more are refused. `--max-connections-per-client` sets it for \
                  all Services.",
    },
    Annotation {
        name: "queue",
        values: || numbers(QUEUE),
        default: |settings| code(settings.limits.queue),
        set: |draft, value| set(&mut draft.settings.limits.queue, number(value, QUEUE)),
        meaning: "Clients that may wait for an endpoint; more are refused.",
    },
    Annotation {
        name: "queue-timeout",
        values: || times(QUEUE_TIMEOUT),
        default: |settings| time(settings.limits.queue_timeout),
        set: |draft, value| set(&mut draft.settings.limits.queue_timeout, duration(value, QUEUE_TIMEOUT)),
        meaning: "Time that a client may wait for an endpoint; then it is refused.",
    },
    Annotation {
        name: "accept-rate",
        values: || numbers(ACCEPT_RATE),
        default: |settings| or(settings.limits.accept_rate.map(code), "no limit"),
        set: |draft, value| set(&mut draft.settings.limits.accept_rate, some_count(value, ACCEPT_RATE)),
        meaning: "TCP clients accepted in one second; more wait. `--accept-rate` sets it for all Services.",
    },
    Annotation {
        name: EXTERNAL_IPS,
        values: || "up to 64 addresses, comma separated, such as `203.0.113.7,2001:db8::7`".to_owned(),
        default: |_| "none".to_owned(),
        set: |draft, value| {
            value.clone_into(&mut draft.external_ips);
            Ok(())
        },
        meaning: "External IPs beside those of `spec.externalIPs`, for clusters where that field is disabled (KEP-5707). They \
                  count as those do, and have to be allowed in the same way: `--allow-external-ips`.",
    },
    Annotation {
        name: "max-udp-flows-per-client",
        values: || numbers(COUNT),
        default: |settings| or(settings.limits.udp_flows_per_client.map(code), "no limit"),
        set: |draft, value| set(&mut draft.settings.limits.udp_flows_per_client, some_count(value, COUNT)),
        meaning: "UDP flows of one client address; one more ends the flow of this client that has been idle for longest. \
                  `--max-udp-flows-per-client` sets it for all Services.",
    },
];

/// An annotation of an EndpointSlice, for its endpoints.
#[derive(Debug)]
pub struct SliceAnnotation {
    /// Name without [`ANNOTATION_PREFIX`](super::ANNOTATION_PREFIX).
    pub name: &'static str,
    /// Values that are accepted, as Markdown.
    pub values: &'static str,
    /// The value that counts without the annotation, as Markdown.
    pub default: &'static str,
    /// What the annotation does.
    pub meaning: &'static str,
}

/// Every annotation of EndpointSlices.
pub static SLICE_ANNOTATIONS: [SliceAnnotation; 1] = [SliceAnnotation {
    name: WEIGHT,
    values: "`0` to `65535`",
    default: "`100`",
    meaning: "Share of new connections and UDP flows that each endpoint of the slice gets, relative to the other endpoints of \
              the Service. `0` is maintenance: they get nothing new, and what they have goes on. Without it, \
              `service.cilium.io/weight` is read.",
}];

fn set<T>(setting: &mut T, value: Result<T, String>) -> Result<(), String> {
    *setting = value?;
    Ok(())
}

fn some_count(value: &str, range: RangeInclusive<u32>) -> Result<Option<NonZeroU32>, String> {
    count(value, range).map(Some)
}
