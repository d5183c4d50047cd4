//! What is in a state file? The objects as they were translated; each start computes the Snapshot from them.
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

/// Version of the body's format. Other versions are not read.
pub const SCHEMA: u32 = 5;

/// Largest body that is read, in bytes.
pub const MAX_BODY_BYTES: u64 = 1 << 30;

const HEADER_BYTES: usize = MAGIC.len() + 4 + 8 + 4;

/// Largest state file that is read, in bytes.
pub(super) const MAX_FILE_BYTES: u64 = HEADER_BYTES as u64 + MAX_BODY_BYTES;

/// Identity of the weir that a state is saved for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// URL of the API server, as configured.
    pub api_server: String,
    /// Name of the node.
    pub node_name: String,
    /// Selection of Services ([`crate::Selection`]).
    pub service_proxy_name: Option<String>,
}

/// Part of a state file that describes the objects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StateMetadata {
    /// Time of day at which the state was saved, to the second.
    #[serde(with = "seconds")]
    pub saved: SystemTime,
    /// Identity of the weir that saved the state.
    pub identity: Identity,
    /// Settings of Services whose annotations say nothing else; those Services contain them already.
    pub defaults: Arc<Settings>,
}

/// Reason why bytes are not used as a state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// The bytes begin with something else than a state file.
    #[error("it is no state file of weir")]
    NotState,
    /// The schema is newer.
    #[error("it was written by a newer weir (format {0}, this one reads {SCHEMA})")]
    Newer(u32),
    /// The schema is older.
    #[error("it was written by an older weir (format {0}, this one reads {SCHEMA})")]
    Older(u32),
    /// The end of the file is missing.
    #[error("it was cut short: {found} bytes of {expected}")]
    Truncated {
        /// Number of bytes in the file.
        found: u64,
        /// Number of bytes that the header announces.
        expected: u64,
    },
    /// The body is larger than [`MAX_BODY_BYTES`].
    #[error("it is larger than {} MiB", MAX_BODY_BYTES >> 20)]
    TooLarge,
    /// The checksum does not match.
    #[error("it was damaged: its checksum is wrong")]
    Corrupt,
    /// The checksum matches, but the content is not what weir writes.
    #[error("its content makes no sense; did something else write it?")]
    Malformed,
    /// The state is for another cluster, node or selection.
    #[error("it is for another {0}")]
    Foreign(IdentityMismatch),
}

/// Difference between the identities of two weirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityMismatch {
    what: &'static str,
    saved: String,
    ours: String,
}

impl fmt::Display for IdentityMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} where this is {}", self.what, self.saved, self.ours)
    }
}

impl Identity {
    /// Checks that a state with the identity `saved` is for the weir of this identity.
    pub fn check(&self, saved: &Self) -> Result<(), StateError> {
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
            Some((what, saved, ours)) => Err(StateError::Foreign(IdentityMismatch { what, saved, ours })),
            None => Ok(()),
        }
    }
}

/// Body of a state file, in postcard: its wire format is stable, and fields follow in the order of their
/// declaration. So any change of a type in here is a new schema.
#[derive(Serialize, Deserialize)]
struct Body<Cidrs, Services, Slices> {
    about: StateMetadata,
    node: Node,
    service_cidrs: Cidrs,
    services: Services,
    slices: Slices,
}

type Read = Body<BTreeMap<Arc<str>, Vec<IpNet>>, Vec<Service>, Vec<EndpointSlice>>;

/// Time of day as whole seconds of Unix time.
mod seconds {
    use super::{Duration, SystemTime, UNIX_EPOCH};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
        // Times until 2106 only, so that adding a duration cannot overflow.
        let seconds = Duration::from_secs(u32::deserialize(deserializer)?.into());
        Ok(UNIX_EPOCH + seconds)
    }
}

/// Encodes a state; takes time in proportion to all objects.
pub fn encode(about: &StateMetadata, state: &State) -> Vec<u8> {
    let body = Body {
        about: about.clone(),
        node: state.node().clone(),
        service_cidrs: state.service_cidrs(),
        services: state.services().collect::<Vec<_>>(),
        slices: state.slices().collect::<Vec<_>>(),
    };
    // postcard fails only for values without a known length, and there are none.
    let body = postcard::to_allocvec(&body).unwrap_or_default();
    let (length, checksum) = (body.len() as u64, crc32fast::hash(&body));
    [&MAGIC[..], &SCHEMA.to_le_bytes(), &length.to_le_bytes(), &checksum.to_le_bytes(), &body].concat()
}

/// Decodes a state into complete lists of all kinds. Hostile bytes give an error.
pub fn decode(bytes: &[u8]) -> Result<(StateMetadata, Vec<Event>), StateError> {
    let (read, rest) = postcard::take_from_bytes::<Read>(body(bytes)?).map_err(|_| StateError::Malformed)?;
    let Read { about, node, service_cidrs, services, slices } = read;
    let durations = services.iter().flat_map(durations).chain(durations_of(&about.defaults));
    if !rest.is_empty() || durations.max().is_some_and(|longest| longest > MAX_DURATION) {
        return Err(StateError::Malformed);
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

/// Longest time-out that is read: it can be added to any `Instant`.
const MAX_DURATION: Duration = Duration::from_secs(u32::MAX as u64);

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
        settings.half_closed_timeout,
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

/// Body of a state file, if header and checksum match.
fn body(bytes: &[u8]) -> Result<&[u8], StateError> {
    let found = bytes.len() as u64;
    let short = |expected| StateError::Truncated { found, expected };
    let begun = MAGIC.iter().zip(bytes).all(|(expected, byte)| expected == byte);
    let Some((_, rest)) = bytes.split_at_checked(MAGIC.len()).filter(|_| begun) else {
        return Err(if begun { short(HEADER_BYTES as u64) } else { StateError::NotState });
    };
    let (schema, rest) = rest.split_first_chunk().ok_or(short(HEADER_BYTES as u64))?;
    match u32::from_le_bytes(*schema) {
        SCHEMA => {}
        newer if newer > SCHEMA => return Err(StateError::Newer(newer)),
        older => return Err(StateError::Older(older)),
    }
    let (length, rest) = rest.split_first_chunk().ok_or(short(HEADER_BYTES as u64))?;
    let (checksum, body) = rest.split_first_chunk().ok_or(short(HEADER_BYTES as u64))?;
    let length = u64::from_le_bytes(*length);
    if length > MAX_BODY_BYTES {
        return Err(StateError::TooLarge);
    }
    if length > body.len() as u64 {
        return Err(short(HEADER_BYTES as u64 + length));
    }
    if length < body.len() as u64 || crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
        return Err(StateError::Corrupt);
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
