//! Which endpoints does a discovery/v1 EndpointSlice list, and for which Service? (semantics S5, E1-E4, O1-O4, R1)

use super::{Notes, Translate, labels, text};
use crate::problem::Problem;
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointHints, EndpointSlice as ApiSlice};
use std::sync::Arc;
use weir_core::{
    EndpointSlice, Family, ServiceKey,
    address::parse_ip,
    endpoint::{Conditions, Hints, SliceEndpoint, SlicePort},
};

/// The label that names the Service a slice belongs to.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// The label of slices that belong to a headless Service.
const HEADLESS: &str = "service.kubernetes.io/headless";

pub(super) fn slice(object: &ApiSlice, notes: &mut Notes) -> Result<Option<EndpointSlice>, Problem> {
    let labels = labels(&object.metadata);
    let owner = labels.get(SERVICE_NAME).map_or("", String::as_str);
    let family = Family::ALL.into_iter().find(|family| family.as_str() == object.address_type);
    let (Some(family), false) = (family, owner.is_empty() || labels.contains_key(HEADLESS)) else {
        return Ok(None);
    };
    let key = object.key();
    let mut hints = HintsOfSlice::default();
    let mut endpoints = Vec::with_capacity(object.endpoints.len());
    for (index, endpoint) in object.endpoints.iter().enumerate() {
        endpoints.extend(slice_endpoint(endpoint, index, &mut hints, notes));
    }
    Ok(Some(EndpointSlice {
        name: key.name,
        service: ServiceKey::new(key.namespace, owner),
        family,
        ports: ports(object, notes)?,
        endpoints,
    }))
}

fn ports(object: &ApiSlice, notes: &Notes) -> Result<Vec<SlicePort>, Problem> {
    let mut ports = Vec::new();
    for (index, port) in object.ports.iter().flatten().enumerate() {
        let number = notes.optional_port(format_args!("ports[{index}].port"), port.port)?;
        let (Some(name), Some(number)) = (port.name.as_deref(), number) else { continue };
        let protocol = port.protocol.as_deref().unwrap_or("TCP").parse();
        let protocol =
            protocol.map_err(|error| notes.problem(format_args!("ports[{index}].protocol"), error))?;
        ports.push(SlicePort { name: text(Some(name)), protocol, port: number });
    }
    Ok(ports)
}

fn slice_endpoint(
    endpoint: &Endpoint,
    index: usize,
    hints: &mut HintsOfSlice,
    notes: &mut Notes,
) -> Option<SliceEndpoint> {
    let address = endpoint.addresses.first()?;
    let Some(ip) = parse_ip(address) else {
        let message = format_args!("{address:?} is not an IP address; the endpoint is ignored");
        notes.note(format_args!("endpoints[{index}].addresses[0]"), message);
        return None;
    };
    let conditions = endpoint.conditions.as_ref();
    Some(SliceEndpoint {
        ip,
        conditions: Conditions {
            ready: conditions.and_then(|c| c.ready).unwrap_or(true),
            serving: conditions.and_then(|c| c.serving).unwrap_or(true),
            terminating: conditions.and_then(|c| c.terminating).unwrap_or(false),
        },
        node: endpoint.node_name.as_deref().map(Arc::from),
        zone: endpoint.zone.as_deref().map(Arc::from),
        hints: hints.share(endpoint.hints.as_ref()),
    })
}

/// Hints that occur in one slice. Endpoints of a zone have equal hints, so they share them.
#[derive(Default)]
struct HintsOfSlice {
    known: Vec<Arc<Hints>>,
}

impl HintsOfSlice {
    /// Beyond this many different hints in one slice, sharing is not looked for: the search is linear.
    const MOST: usize = 16;

    fn share(&mut self, hints: Option<&EndpointHints>) -> Arc<Hints> {
        let zones = hints.and_then(|hints| hints.for_zones.as_deref()).unwrap_or_default();
        let nodes = hints.and_then(|hints| hints.for_nodes.as_deref()).unwrap_or_default();
        let hints = Hints {
            zones: zones.iter().map(|zone| text(Some(&zone.name))).collect(),
            nodes: nodes.iter().map(|node| text(Some(&node.name))).collect(),
        };
        if let Some(known) = self.known.iter().find(|known| ***known == hints) {
            return Arc::clone(known);
        }
        let hints = Arc::new(hints);
        if self.known.len() < Self::MOST {
            self.known.push(Arc::clone(&hints));
        }
        hints
    }
}
