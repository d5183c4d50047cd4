//! Which endpoints does a discovery/v1 EndpointSlice list, and for which Service? (semantics S5, E1-E4, O1-O4, R1)

use super::{
    metadata::{labels, text},
    problems::Problems,
    translation::Translate,
};
use crate::{Kind, Object, Problem, Scope};
use k8s_openapi::{
    api::discovery::v1::{Endpoint, EndpointHints, EndpointSlice as ApiSlice},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
    jiff::Timestamp,
};
use std::{sync::Arc, time::SystemTime};
use weir_core::{
    Conditions, EndpointSlice, Family, Hints, ServiceKey, SliceEndpoint, SlicePort, address::parse_ip,
};

/// Label that names the Service of a slice.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Label of slices that belong to a headless Service.
const HEADLESS: &str = "service.kubernetes.io/headless";

/// Annotation with the time of the last cause of a change, such as a Pod that became ready.
const LAST_CHANGE: &str = "endpoints.kubernetes.io/last-change-trigger-time";

impl Translate for ApiSlice {
    const KIND: Kind = Kind::EndpointSlice;

    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn object(&self, _: &Scope, problems: &mut Problems) -> Result<Option<Object>, Problem> {
        Ok(slice(self, problems)?.map(Object::EndpointSlice))
    }

    fn triggered(&self, problems: &mut Problems) -> Option<SystemTime> {
        triggered(self, problems)
    }
}

fn slice(object: &ApiSlice, problems: &mut Problems) -> Result<Option<EndpointSlice>, Problem> {
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
        endpoints.extend(slice_endpoint(endpoint, index, &mut hints, problems));
    }
    Ok(Some(EndpointSlice {
        name: key.name,
        service: ServiceKey::new(key.namespace, owner),
        family,
        ports: ports(object, problems)?,
        endpoints,
    }))
}

/// Time of the last cause of a change (RFC 3339). A wrong one costs a measurement and nothing else.
fn triggered(object: &ApiSlice, problems: &mut Problems) -> Option<SystemTime> {
    let text = object.metadata.annotations.as_ref()?.get(LAST_CHANGE)?;
    let time = text.parse::<Timestamp>();
    if time.is_err() {
        let field = format_args!("metadata.annotations[{LAST_CHANGE}]");
        problems.add(field, "is not an RFC 3339 time; the propagation of this change is not measured");
    }
    time.ok().map(SystemTime::from)
}

fn ports(object: &ApiSlice, problems: &Problems) -> Result<Vec<SlicePort>, Problem> {
    let mut ports = Vec::new();
    for (index, port) in object.ports.iter().flatten().enumerate() {
        let number = problems.optional_port(format_args!("ports[{index}].port"), port.port)?;
        let (Some(name), Some(number)) = (port.name.as_deref(), number) else { continue };
        let protocol = port.protocol.as_deref().unwrap_or("TCP").parse();
        let protocol =
            protocol.map_err(|error| problems.refusal(format_args!("ports[{index}].protocol"), error))?;
        ports.push(SlicePort { name: text(Some(name)), protocol, port: number });
    }
    Ok(ports)
}

fn slice_endpoint(
    endpoint: &Endpoint,
    index: usize,
    hints: &mut HintsOfSlice,
    problems: &mut Problems,
) -> Option<SliceEndpoint> {
    let address = endpoint.addresses.first()?;
    let Some(ip) = parse_ip(address) else {
        let message = format_args!("{address:?} is not an IP address; the endpoint is ignored");
        problems.add(format_args!("endpoints[{index}].addresses[0]"), message);
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
    /// Number of different hints in one slice up to which equal ones are looked for: the search is linear.
    const MAX_SHARED: usize = 16;

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
        if self.known.len() < Self::MAX_SHARED {
            self.known.push(Arc::clone(&hints));
        }
        hints
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::translate;
    use std::time::Duration;

    fn translated(annotation: &str) -> (Option<SystemTime>, usize) {
        let slice: ApiSlice = serde_json::from_value(serde_json::json!({
            "metadata": {
                "name": "web-1",
                "labels": { SERVICE_NAME: "web" },
                "annotations": { LAST_CHANGE: annotation },
            },
            "addressType": "IPv4",
            "endpoints": [],
        }))
        .unwrap();
        let translation = translate(&slice, &Scope::default());
        (translation.triggered, translation.problems.len())
    }

    #[test]
    fn the_time_of_the_last_cause_is_read_to_the_nanosecond_and_in_any_zone() {
        let time = SystemTime::UNIX_EPOCH + Duration::new(1_767_323_045, 123_456_789);
        assert_eq!(translated("2026-01-02T03:04:05.123456789Z"), (Some(time), 0));
        assert_eq!(translated("2026-01-02T05:04:05.123456789+02:00"), (Some(time), 0));
    }

    #[test]
    fn a_time_that_is_none_is_reported_and_the_slice_used() {
        for wrong in ["", "yesterday", "2026-13-02T03:04:05Z", "99999-01-01T00:00:00Z", &"9".repeat(10_000)] {
            assert_eq!(translated(wrong), (None, 1), "{wrong}");
        }
    }
}
