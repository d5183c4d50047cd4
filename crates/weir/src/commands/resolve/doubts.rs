//! What is valid as an object, but would not be served as its author expects?

use super::view::View;
use crate::commands::problems::Finding;
use weir_control::Loaded;
use weir_core::{Protocol, ResolvedService, Shortage, Traffic};

/// Lines of one kind; more are counted, and the table names all.
const MAX_LINES: usize = 50;

/// Addresses that several claim, Service ports that no EndpointSlice fits, and protocols that weir does not relay. Endpoints
/// that are not ready or not there yet are no mistake.
pub(super) fn doubts(loaded: &Loaded, view: &View) -> Vec<Finding> {
    let mut services: Vec<_> = loaded.snapshot.services().collect();
    services.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    let mut found = limited(view.contests(), "addresses are claimed by several Services");
    let misfits = services.iter().flat_map(|service| misfits(loaded, service));
    found.extend(limited(misfits, "Services have ports that no EndpointSlice fits"));
    let unsupported = services.iter().filter_map(|service| unsupported(service));
    found.extend(limited(unsupported, "Services have SCTP ports"));
    let empty = services.iter().filter(|service| service.ports.is_empty());
    let empty = empty
        .map(|service| format!("Service {}: is not served: it has no port, or no cluster IP", service.key));
    found.extend(limited(empty, "Services have no port, or no cluster IP"));
    if view.rows.is_empty() {
        found.push(Finding::note("nothing would be served: no Service has an address"));
    }
    found
}

fn limited(lines: impl Iterator<Item = String>, what: &str) -> Vec<Finding> {
    let mut lines = lines.peekable();
    let mut found: Vec<Finding> = lines.by_ref().take(MAX_LINES).map(Finding::warning).collect();
    match lines.count() {
        0 => {}
        more => found.push(Finding::warning(format!("{more} more {what}"))),
    }
    found
}

/// Mistakes for which ports of a Service have no endpoints, each with the ports.
fn misfits(loaded: &Loaded, service: &ResolvedService) -> Vec<String> {
    let mut found: Vec<(Shortage, Vec<String>)> = Vec::new();
    for port in service.ports.iter().filter(|port| port.key.protocol != Protocol::Sctp) {
        let slices = loaded.state.slices_of(&service.key);
        let refused = loaded.refused(&service.key);
        let shortage = Shortage::of(port, Traffic::Cluster, slices, refused, &loaded.snapshot.node);
        let Some(shortage) = shortage.filter(Shortage::is_mistake) else { continue };
        let named = match port.key.name.is_empty() {
            true => format!("{}/{}", port.port, port.key.protocol),
            false => format!("{}/{}", port.key.name.escape_debug(), port.key.protocol),
        };
        match found.iter_mut().find(|(known, _)| *known == shortage) {
            Some((_, ports)) if ports.contains(&named) => {}
            Some((_, ports)) => ports.push(named),
            None => found.push((shortage, vec![named])),
        }
    }
    let line = |(shortage, ports): (Shortage, Vec<String>)| {
        let (word, verb) = if ports.len() == 1 { ("port", "has") } else { ("ports", "have") };
        format!("Service {}: {word} {} {verb} no endpoints: {shortage}", service.key, listed(&ports))
    };
    found.into_iter().map(line).collect()
}

/// Ports that are named in one line.
const MAX_PORTS: usize = 5;

fn listed(ports: &[String]) -> String {
    let named = ports.iter().take(MAX_PORTS).map(String::as_str).collect::<Vec<_>>().join(", ");
    match ports.len().saturating_sub(MAX_PORTS) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

fn unsupported(service: &ResolvedService) -> Option<String> {
    let sctp = service.ports.iter().find(|port| port.key.protocol == Protocol::Sctp)?;
    Some(format!("Service {}: port {}/SCTP is not served: weir does not relay SCTP", service.key, sctp.port))
}
