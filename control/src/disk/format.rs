//! What is in a state file? The objects as they were translated; what is served follows from them anew at each start.
//!
//! ```text
//! "weirstate"  schema (u32)  length of the body (u64)  CRC-32 of the body (u32)  body        numbers little-endian
//! ```

use crate::{Event, Kind, Object, ObjectKey, State};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use weir_core::{EndpointRemoved, EndpointSlice, Node, Service, Settings};

const MAGIC: &[u8; 9] = b"weirstate";

/// The version of what is in the body. Others are not read.
pub const SCHEMA: u32 = 1;

/// The largest body that is read, in bytes.
pub const MOST_BYTES: u64 = 1 << 30;

const HEADER: usize = MAGIC.len() + 4 + 8 + 4;

/// The largest state file, in bytes.
pub(super) const MOST_FILE_BYTES: u64 = HEADER as u64 + MOST_BYTES;

/// For which weir a state is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The URL of the API server, as configured.
    pub api_server: String,
    /// The name of the node.
    pub node_name: String,
    /// Which Services are served ([`crate::Selection`]).
    pub service_proxy_name: Option<String>,
}

/// What a state file says besides the objects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// When it was saved, to the second.
    #[serde(with = "seconds")]
    pub saved: SystemTime,
    /// For which weir.
    pub identity: Identity,
    /// The settings of Services that say nothing else, which are in those Services already.
    pub defaults: Arc<Settings>,
}

/// Why bytes are not used as a state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// They begin with something else.
    #[error("it is no state file of weir")]
    NotState,
    /// A newer schema.
    #[error("it was written by a newer weir (format {0}, this one reads {SCHEMA})")]
    Newer(u32),
    /// An older schema.
    #[error("it was written by an older weir (format {0}, this one reads {SCHEMA})")]
    Older(u32),
    /// Some are missing.
    #[error("it was cut short: {found} bytes of {expected}")]
    Truncated {
        /// How many bytes there are.
        found: u64,
        /// How many there should be.
        expected: u64,
    },
    /// More than is read.
    #[error("it is larger than {} MiB", MOST_BYTES >> 20)]
    TooLarge,
    /// They are not those that were written.
    #[error("it was damaged: its checksum is wrong")]
    Corrupt,
    /// The checksum is right, and yet weir would not write this.
    #[error("its content makes no sense; did something else write it?")]
    Malformed,
    /// Of another cluster, node or selection.
    #[error("it is for another {0}")]
    Foreign(Difference),
}

/// In what a state is another weir's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    what: &'static str,
    saved: String,
    ours: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} where this is {}", self.what, self.saved, self.ours)
    }
}

impl Identity {
    /// Whether a state is for this weir.
    pub fn check(&self, saved: &Self) -> Result<(), Unusable> {
        let selection = |identity: &Self| match &identity.service_proxy_name {
            Some(name) => format!("{name:?}"),
            None => "that of all Services".to_owned(),
        };
        let quoted = |text: &String| format!("{text:?}");
        let parts = [
            ("API server", quoted(&saved.api_server), quoted(&self.api_server)),
            ("node", quoted(&saved.node_name), quoted(&self.node_name)),
            ("--service-proxy-name", selection(saved), selection(self)),
        ];
        match parts.into_iter().find(|(_, saved, ours)| saved != ours) {
            Some((what, saved, ours)) => Err(Unusable::Foreign(Difference { what, saved, ours })),
            None => Ok(()),
        }
    }
}

/// What is written and read, by postcard: its wire format is stable, and every field is in the order of its declaration. So
/// any change of a type in here is a new schema.
#[derive(Serialize, Deserialize)]
struct Body<Cidrs, Services, Slices> {
    about: About,
    node: Node,
    service_cidrs: Cidrs,
    services: Services,
    slices: Slices,
}

type Read = Body<BTreeMap<Arc<str>, Vec<IpNet>>, Vec<Service>, Vec<EndpointSlice>>;

/// A time of day as whole seconds.
mod seconds {
    use super::{Duration, SystemTime, UNIX_EPOCH};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
        // Until 2106, so that it can be reckoned with.
        let seconds = Duration::from_secs(u32::deserialize(deserializer)?.into());
        Ok(UNIX_EPOCH + seconds)
    }
}

/// Writes a state. Costs what there is.
pub fn encode(about: &About, state: &State) -> Vec<u8> {
    let body = Body {
        about: about.clone(),
        node: state.node().clone(),
        service_cidrs: state.service_cidrs(),
        services: state.services().collect::<Vec<_>>(),
        slices: state.slices().collect::<Vec<_>>(),
    };
    // Only values that cannot say how long they are fail, and there are none.
    let body = postcard::to_allocvec(&body).unwrap_or_default();
    let (length, checksum) = (body.len() as u64, crc32fast::hash(&body));
    [&MAGIC[..], &SCHEMA.to_le_bytes(), &length.to_le_bytes(), &checksum.to_le_bytes(), &body].concat()
}

/// Reads a state: complete lists of all kinds. Any bytes do no harm.
pub fn decode(bytes: &[u8]) -> Result<(About, Vec<Event>), Unusable> {
    let (read, rest) = postcard::take_from_bytes::<Read>(body(bytes)?).map_err(|_| Unusable::Malformed)?;
    let Read { about, node, service_cidrs, services, slices } = read;
    let durations = services.iter().flat_map(durations).chain(durations_of(&about.defaults));
    if !rest.is_empty() || durations.max().is_some_and(|longest| longest > LONGEST) {
        return Err(Unusable::Malformed);
    }
    let known = node.known.then(|| put(Kind::Node, "".into(), Arc::clone(&node.name), Object::Node(node)));
    let cidrs = |(name, networks)| put(Kind::ServiceCidr, "".into(), name, Object::ServiceCidr(networks));
    let service = |service: Service| {
        let [namespace, name] = [&service.key.namespace, &service.key.name].map(Arc::clone);
        put(Kind::Service, namespace, name, Object::Service(Box::new(service)))
    };
    let slice = |slice: EndpointSlice| {
        let [namespace, name] = [&slice.service.namespace, &slice.name].map(Arc::clone);
        put(Kind::EndpointSlice, namespace, name, Object::EndpointSlice(slice))
    };
    let mut events = Vec::new();
    list(&mut events, Kind::Node, known.into_iter());
    list(&mut events, Kind::ServiceCidr, service_cidrs.into_iter().map(cidrs));
    list(&mut events, Kind::Service, services.into_iter().map(service));
    list(&mut events, Kind::EndpointSlice, slices.into_iter().map(slice));
    Ok((about, events))
}

/// No time-out is longer: each can be added to any moment.
const LONGEST: Duration = Duration::from_secs(u32::MAX as u64);

fn durations(service: &Service) -> impl Iterator<Item = Duration> {
    durations_of(&service.settings).chain(service.affinity)
}

fn durations_of(settings: &Settings) -> impl Iterator<Item = Duration> {
    let drain = match settings.on_endpoint_removed {
        EndpointRemoved::Drain(within) => Some(within),
        EndpointRemoved::Keep | EndpointRemoved::Reset => None,
    };
    [
        settings.connect_timeout,
        settings.idle_timeout,
        settings.udp_idle_timeout,
        settings.udp_assured_timeout,
        settings.dead_peer_timeout,
        settings.limits.queue_timeout,
    ]
    .into_iter()
    .chain(
        [settings.max_connection_age, settings.health_check.map(|check| check.interval), drain]
            .into_iter()
            .flatten(),
    )
}

/// The body, if the header is right and it is what was written.
fn body(bytes: &[u8]) -> Result<&[u8], Unusable> {
    let found = bytes.len() as u64;
    let short = |expected| Unusable::Truncated { found, expected };
    let begun = MAGIC.iter().zip(bytes).all(|(expected, byte)| expected == byte);
    let Some((_, rest)) = bytes.split_at_checked(MAGIC.len()).filter(|_| begun) else {
        return Err(if begun { short(HEADER as u64) } else { Unusable::NotState });
    };
    let (schema, rest) = rest.split_first_chunk().ok_or(short(HEADER as u64))?;
    match u32::from_le_bytes(*schema) {
        SCHEMA => {}
        newer if newer > SCHEMA => return Err(Unusable::Newer(newer)),
        older => return Err(Unusable::Older(older)),
    }
    let (length, rest) = rest.split_first_chunk().ok_or(short(HEADER as u64))?;
    let (checksum, body) = rest.split_first_chunk().ok_or(short(HEADER as u64))?;
    let length = u64::from_le_bytes(*length);
    if length > MOST_BYTES {
        return Err(Unusable::TooLarge);
    }
    if length > body.len() as u64 {
        return Err(short(HEADER as u64 + length));
    }
    if length < body.len() as u64 || crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
        return Err(Unusable::Corrupt);
    }
    Ok(body)
}

fn put(kind: Kind, namespace: Arc<str>, name: Arc<str>, object: Object) -> Event {
    Event::Put(ObjectKey { kind, namespace, name }, object)
}

fn list(events: &mut Vec<Event>, kind: Kind, objects: impl Iterator<Item = Event>) {
    events.push(Event::Begin(kind));
    events.extend(objects);
    events.push(Event::Complete(kind));
}
