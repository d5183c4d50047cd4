//! What is in a state file? The objects as they were translated; what is served follows from them anew at each start.
//!
//! ```text
//! "weirstate"  schema (u32)  length of the body (u64)  CRC-32 of the body (u32)  body        numbers little-endian
//! ```

use super::{
    objects::parts,
    wire::{Malformed, Reader, Wire, Writer},
};
use crate::{Event, Kind, Object, ObjectKey, State};
use ipnet::IpNet;
use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use weir_core::{EndpointSlice, Node, Service, Settings};

const MAGIC: &[u8; 9] = b"weirstate";

/// The version of what is in the body. Others are not read.
pub const SCHEMA: u32 = 1;

/// The largest body that is read, in bytes.
pub const MOST_BYTES: u64 = 1 << 30;

const HEADER: usize = MAGIC.len() + 4 + 8 + 4;

/// The largest state file, in bytes.
pub(super) const MOST_FILE_BYTES: u64 = HEADER as u64 + MOST_BYTES;

/// For which weir a state is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The URL of the API server, as configured.
    pub api_server: String,
    /// The name of the node.
    pub node_name: String,
    /// Which Services are served ([`crate::Selection`]).
    pub service_proxy_name: Option<String>,
}

/// What a state file says besides the objects.
#[derive(Clone, Debug, PartialEq)]
pub struct About {
    /// When it was saved, to the second.
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
    #[error("byte {0} of its content makes no sense; did something else write it?")]
    Malformed(usize),
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

parts!(Identity { api_server, node_name, service_proxy_name });
parts!(About { saved, identity, defaults });

impl Wire for SystemTime {
    fn write(&self, out: &mut Writer) {
        out.number(self.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let seconds = input.small::<u32>()?;
        UNIX_EPOCH.checked_add(Duration::from_secs(seconds.into())).ok_or(input.malformed())
    }
}

/// Writes a state. Costs what there is.
pub fn encode(about: &About, state: &State) -> Vec<u8> {
    let mut out = Writer::default();
    out.bytes.resize(HEADER, 0);
    about.write(&mut out);
    state.node().write(&mut out);
    out.number(state.service_cidrs().len() as u64);
    for (name, networks) in state.service_cidrs() {
        name.write(&mut out);
        networks.write(&mut out);
    }
    out.number(state.services().count() as u64);
    state.services().for_each(|service| service.write(&mut out));
    out.number(state.slices().count() as u64);
    state.slices().for_each(|slice| slice.write(&mut out));
    let mut bytes = out.bytes;
    let (length, checksum) = ((bytes.len() - HEADER) as u64, crc32fast::hash(&bytes[HEADER..]));
    let header = [&MAGIC[..], &SCHEMA.to_le_bytes(), &length.to_le_bytes(), &checksum.to_le_bytes()].concat();
    bytes[..HEADER].copy_from_slice(&header);
    bytes
}

/// Reads a state: complete lists of all kinds. Any bytes do no harm.
pub fn decode(bytes: &[u8]) -> Result<(About, Vec<Event>), Unusable> {
    let mut input = Reader::new(body(bytes)?);
    let about = About::read(&mut input)?;
    let mut events = Vec::new();
    let node = Node::read(&mut input)?;
    let known = node.known.then(|| Object::Node(node.clone()));
    let nodes = known.map(|object| (ObjectKey::new(Kind::Node, "", Arc::clone(&node.name)), object));
    list(&mut events, Kind::Node, nodes.map(Ok).into_iter())?;
    let mut read = |kind, object: fn(&mut Reader<'_>) -> Result<(ObjectKey, Object), Malformed>| {
        let count: usize = input.small()?;
        list(&mut events, kind, (0..count).map(|_| object(&mut input)))
    };
    read(Kind::ServiceCidr, service_cidr)?;
    read(Kind::Service, service)?;
    read(Kind::EndpointSlice, endpoint_slice)?;
    match input.is_at_end() {
        true => Ok((about, events)),
        false => Err(input.malformed().into()),
    }
}

impl From<Malformed> for Unusable {
    fn from(Malformed { at }: Malformed) -> Self {
        Self::Malformed(at)
    }
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

fn list(
    events: &mut Vec<Event>,
    kind: Kind,
    objects: impl Iterator<Item = Result<(ObjectKey, Object), Malformed>>,
) -> Result<(), Malformed> {
    events.push(Event::Begin(kind));
    for object in objects {
        let (key, object) = object?;
        events.push(Event::Put(key, object));
    }
    events.push(Event::Complete(kind));
    Ok(())
}

fn service_cidr(input: &mut Reader<'_>) -> Result<(ObjectKey, Object), Malformed> {
    let (name, networks) = (<Arc<str>>::read(input)?, Vec::<IpNet>::read(input)?);
    Ok((ObjectKey::new(Kind::ServiceCidr, "", name), Object::ServiceCidr(networks)))
}

fn service(input: &mut Reader<'_>) -> Result<(ObjectKey, Object), Malformed> {
    let service = Service::read(input)?;
    let [namespace, name] = [&service.key.namespace, &service.key.name].map(Arc::clone);
    Ok((ObjectKey::new(Kind::Service, namespace, name), Object::Service(Box::new(service))))
}

fn endpoint_slice(input: &mut Reader<'_>) -> Result<(ObjectKey, Object), Malformed> {
    let slice = EndpointSlice::read(input)?;
    let [namespace, name] = [&slice.service.namespace, &slice.name].map(Arc::clone);
    Ok((ObjectKey::new(Kind::EndpointSlice, namespace, name), Object::EndpointSlice(slice)))
}
