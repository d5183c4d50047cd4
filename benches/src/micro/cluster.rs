//! Which Services are there when one changes? (apply.rs)

use std::{
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU16,
    sync::Arc,
};
use weir_control::{Event, Kind, Object, ObjectKey};
use weir_core::{
    Conditions, EndpointSlice, Family, PortSpec, Protocol, Service, ServiceKey, SliceEndpoint, SlicePort,
    Weight,
};

const ENDPOINTS: u32 = 10;
const PORT: NonZeroU16 = NonZeroU16::new(8080).expect("not zero");

/// A number of Services with one port and ten endpoints each.
#[derive(Clone, Copy, Debug)]
pub struct Cluster {
    /// Number of Services.
    pub services: u32,
}

impl Cluster {
    /// Events of a source that lists all Services and EndpointSlices.
    pub fn events(self) -> Vec<Event> {
        let mut events = vec![Event::Begin(Kind::Service), Event::Begin(Kind::EndpointSlice)];
        events.extend((0..self.services).flat_map(|index| [service(index), slice(index, true)]));
        events.extend([Event::Complete(Kind::Service), Event::Complete(Kind::EndpointSlice)]);
        events
    }

    /// The change of the Service in the middle: one of its endpoints becomes ready or unready.
    pub fn change(self, ready: bool) -> Event {
        slice(self.services / 2, ready)
    }
}

fn key(index: u32) -> ServiceKey {
    // Ten Services in a namespace, as in a cluster of many small teams.
    ServiceKey::new(format!("team-{}", index / 10), format!("service-{index}"))
}

fn service(index: u32) -> Event {
    let key = key(index);
    let object = ObjectKey::new(Kind::Service, Arc::clone(&key.namespace), Arc::clone(&key.name));
    let port = PortSpec { name: "http".into(), protocol: Protocol::Tcp, port: PORT, node_port: None };
    let service = Service::new(key, address(96, index), vec![port]);
    Event::Put(object, Object::Service(Box::new(service)))
}

/// The only slice of a Service; `ready` is the condition of its first endpoint.
fn slice(index: u32, ready: bool) -> Event {
    let service = key(index);
    let name: Arc<str> = format!("{}-abcde", service.name).into();
    let endpoint = |number| SliceEndpoint {
        ip: address(128, index * ENDPOINTS + number),
        conditions: Conditions { ready: ready || number > 0, ..Conditions::default() },
        is_pod: true,
        node: Some(format!("node-{number}").into()),
        zone: Some(format!("zone-{}", number % 3).into()),
        hints: Arc::default(),
    };
    let object = ObjectKey::new(Kind::EndpointSlice, Arc::clone(&service.namespace), Arc::clone(&name));
    let slice = EndpointSlice {
        weight: Weight::DEFAULT,
        name,
        service,
        family: Family::V4,
        ports: vec![SlicePort { name: "http".into(), protocol: Protocol::Tcp, port: PORT }],
        endpoints: (0..ENDPOINTS).map(endpoint).collect(),
    };
    Event::Put(object, Object::EndpointSlice(slice))
}

fn address(second: u8, index: u32) -> IpAddr {
    Ipv4Addr::from_bits((10 << 24) + (u32::from(second) << 16) + index).into()
}
