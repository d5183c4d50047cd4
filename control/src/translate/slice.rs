//! Which endpoints does a discovery/v1 EndpointSlice list, and for which Service? (semantics S5, E1-E4, O1-O4, R1)

mod weight;

use super::{
    metadata::{check_name, labels, optional_name, text},
    nearest::did_you_mean,
    problems::Problems,
    translation::Translate,
};
use crate::{
    Kind, LeftOut, Object, Problem, Scope,
    model::{MAX_TEXT_CHARS, quoted, shown},
};
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
pub(crate) const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Address type of host names, which need a name server.
const FQDN: &str = "FQDN";

/// Label of slices that belong to a headless Service.
const HEADLESS: &str = "service.kubernetes.io/headless";

/// Annotation with the time of the last cause of a change, such as a Pod that became ready.
const LAST_CHANGE: &str = "endpoints.kubernetes.io/last-change-trigger-time";

impl Translate for ApiSlice {
    const KIND: Kind = Kind::EndpointSlice;

    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn object(&self, _: &Scope, problems: &mut Problems) -> Result<Object, Problem> {
        slice(self, problems).map(Object::EndpointSlice)
    }

    fn triggered(&self, problems: &mut Problems) -> Option<SystemTime> {
        triggered(self, problems)
    }
}

fn slice(object: &ApiSlice, problems: &mut Problems) -> Result<EndpointSlice, Problem> {
    let labels = labels(&object.metadata);
    if labels.contains_key(HEADLESS) {
        let field = format_args!("metadata.labels[{HEADLESS}]");
        let message = "says that the Service is headless: the slice is left out";
        return Err(problems.left_out(LeftOut::Headless, field, message));
    }
    let family = family(&object.address_type, problems)?;
    let owner = labels.get(SERVICE_NAME).map_or("", String::as_str);
    if owner.is_empty() {
        return Err(without_owner(labels.keys(), problems));
    }
    check_name(problems, format_args!("metadata.labels[{SERVICE_NAME}]"), owner)?;
    let key = object.key();
    let mut hints = HintsOfSlice::default();
    let mut endpoints = Vec::with_capacity(object.endpoints.len());
    for (index, endpoint) in object.endpoints.iter().enumerate() {
        let endpoint = slice_endpoint(endpoint, index, &mut hints, problems);
        if let Some(of_other) = endpoint.as_ref().filter(|endpoint| Family::of(endpoint.ip) != family) {
            problems.add_with(format_args!("endpoints[{index}].addresses[0]"), || {
                let (ip, of) = (of_other.ip, Family::of(of_other.ip));
                format!("{ip} is {of}, and addressType is {family}: the endpoint counts for {family} Service addresses only")
            });
        }
        endpoints.extend(endpoint);
    }
    Ok(EndpointSlice {
        name: key.name,
        service: ServiceKey::new(key.namespace, owner),
        family,
        ports: ports(object, problems)?,
        endpoints,
        weight: weight::weight(&object.metadata, problems),
    })
}

/// IP family of a slice's addresses. Case counts, as in the API.
fn family(address_type: &str, problems: &Problems) -> Result<Family, Problem> {
    let field = "addressType";
    match Family::ALL.into_iter().find(|family| family.as_str() == address_type) {
        Some(family) => Ok(family),
        None if address_type == FQDN => {
            let message = "FQDN: a proxy can serve only IPv4 and IPv6; the slice is left out";
            Err(problems.left_out(LeftOut::NoIpAddresses, field, message))
        }
        None if address_type.is_empty() => {
            Err(problems.refusal(field, "is missing; write IPv4 or IPv6. The slice is refused"))
        }
        None => {
            let known = [Family::V4.as_str(), Family::V6.as_str(), FQDN];
            let (word, meant) = (quoted(address_type), did_you_mean(address_type, &known));
            let message = format!("{word} is none of {}{meant}; the slice is refused", known.join(", "));
            Err(problems.refusal(field, message))
        }
    }
}

/// Problem with a slice that names no Service. Another label may be the one that was meant.
fn without_owner<'a>(labels: impl Iterator<Item = &'a String>, problems: &Problems) -> Problem {
    let is_meant = |label: &&String| !did_you_mean(label, &[SERVICE_NAME]).is_empty();
    let meant = labels.filter(|&label| label != SERVICE_NAME).find(is_meant);
    let meant =
        meant.map(|label| format!(", {} is another one", shown(label, MAX_TEXT_CHARS))).unwrap_or_default();
    let field = format_args!("metadata.labels[{SERVICE_NAME}]");
    let message = format_args!("is missing{meant}: the slice belongs to no Service, and is left out");
    problems.left_out(LeftOut::NoServiceName, field, message)
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

fn ports(object: &ApiSlice, problems: &mut Problems) -> Result<Vec<SlicePort>, Problem> {
    let mut ports = Vec::new();
    for (index, port) in object.ports.iter().flatten().enumerate() {
        let field = |name| format!("ports[{index}].{name}");
        let Some(number) = problems.optional_port(field("port"), port.port)? else {
            problems.add(field("port"), "is missing; the port is left out");
            continue;
        };
        // As kube-proxy does (semantics O1); an API server writes the empty name there.
        let Some(name) = port.name.as_deref() else {
            let message = "is missing; the port is left out. Write the name of the Service's port, or \"\" if it has none";
            problems.add(field("name"), message);
            continue;
        };
        check_name(problems, field("name"), name)?;
        let protocol = super::service::protocol(problems, field("protocol"), port.protocol.as_deref())?;
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
    let Some(address) = endpoint.addresses.first() else {
        problems.add(format_args!("endpoints[{index}].addresses"), "is empty; the endpoint is ignored");
        return None;
    };
    let Some(ip) = parse_ip(address) else {
        let field = format_args!("endpoints[{index}].addresses[0]");
        problems
            .add_with(field, || format!("{} is not an IP address; the endpoint is ignored", quoted(address)));
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
        is_pod: endpoint.target_ref.as_ref().is_some_and(|target| target.kind.as_deref() == Some("Pod")),
        node: optional_name(
            problems,
            format_args!("endpoints[{index}].nodeName"),
            endpoint.node_name.as_deref(),
        ),
        zone: optional_name(problems, format_args!("endpoints[{index}].zone"), endpoint.zone.as_deref()),
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
