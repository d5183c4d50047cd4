//! What is remembered of a change of objects, for those who look?

use crate::{
    routing::endpoints::Endpoints,
    shared::{
        connection_info::ServedPort,
        event_log::{EventKind, EventLog, Occurrence},
    },
};
use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Instant};
use weir_core::{Changes, Conditions, ServiceKey, ServicePort, Snapshot};

/// Services of one change that are remembered one by one.
const MAX_SERVICES: usize = 50;

/// Endpoints of one change that are named.
const MAX_NAMED: usize = 5;

/// Remembers Services that came or went. Those of the first state were there before.
pub(super) fn tell_services(events: &EventLog, changes: &Changes, before: &Snapshot) {
    if before.generation == 0 {
        return;
    }
    let added = changes.changed.iter().map(|service| &service.key).filter(|key| before.get(key).is_none());
    tell(events, EventKind::ServiceAdded, "the Service is served from now on", added);
    tell(events, EventKind::ServiceRemoved, "the Service is no longer served", changes.removed.iter());
}

fn tell<'a>(
    events: &EventLog,
    kind: EventKind,
    message: &str,
    mut keys: impl Iterator<Item = &'a ServiceKey>,
) {
    for key in keys.by_ref().take(MAX_SERVICES) {
        events.record(Occurrence { service: Some(key.clone()), ..Occurrence::new(kind, message) });
    }
    match keys.count() {
        0 => {}
        more => events.record(Occurrence::new(kind, format!("and so {more} more Services"))),
    }
}

/// Remembers endpoints that came or went, and since when each is as it is.
pub(super) fn tell_endpoints(
    events: &EventLog,
    before: &ServicePort,
    after: &ServicePort,
    removed: &[SocketAddr],
    endpoints: &mut Endpoints,
) {
    if Arc::ptr_eq(&before.merged, &after.merged) {
        return;
    }
    let known: HashMap<SocketAddr, Conditions> =
        before.merged.iter().map(|endpoint| (endpoint.address, endpoint.conditions)).collect();
    let (mut added, now) = (Vec::new(), Instant::now());
    for endpoint in after.merged.iter() {
        match known.get(&endpoint.address) {
            None => added.push(endpoint.address),
            Some(conditions) if *conditions != endpoint.conditions => {
                endpoints.load(after.key.protocol, endpoint.address).mark_changed(now);
            }
            Some(_) => {}
        }
    }
    let parts: Vec<String> = [("came", &*added), ("went", removed)]
        .into_iter()
        .filter_map(|(verb, list)| named(verb, list))
        .collect();
    if !parts.is_empty() {
        let port = ServedPort { key: after.key.clone(), number: after.port };
        events.record(Occurrence::of_port(EventKind::EndpointsChanged, port, parts.join("; ")));
    }
}

fn named(verb: &str, addresses: &[SocketAddr]) -> Option<String> {
    let named: Vec<String> = addresses.iter().take(MAX_NAMED).map(ToString::to_string).collect();
    let more = match addresses.len().checked_sub(MAX_NAMED) {
        None | Some(0) => String::new(),
        Some(more) => format!(" and {more} more"),
    };
    (!named.is_empty()).then(|| format!("{} {verb}: {}{more}", addresses.len(), named.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_endpoints_are_named_and_the_others_counted() {
        let address = |last: u8| SocketAddr::from(([10, 0, 0, last], 80));
        assert_eq!(named("came", &[]), None);
        assert_eq!(named("went", &[address(1)]).as_deref(), Some("1 went: 10.0.0.1:80"));
        let many: Vec<_> = (1..=7).map(address).collect();
        assert!(named("came", &many).is_some_and(|text| text.ends_with("10.0.0.5:80 and 2 more")));
    }

    #[test]
    fn a_thousand_services_do_not_push_everything_else_out() {
        let events = EventLog::default();
        let keys: Vec<_> =
            (0..1000).map(|number| ServiceKey::new("default", format!("web-{number}"))).collect();
        tell(&events, EventKind::ServiceRemoved, "gone", keys.iter());
        let (told, _) = events.after(0);
        assert_eq!(told.len(), MAX_SERVICES + 1);
        assert_eq!(told.last().unwrap().occurrence.message, "and so 950 more Services");
    }
}
