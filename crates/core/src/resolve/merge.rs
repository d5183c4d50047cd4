//! Which endpoints does each port of a Service have, all EndpointSlices taken together? (semantics E1-E5, O1-O3)

use super::overrides::Overrides;
use crate::model::{Endpoint, EndpointSlice, Family, Protocol, SliceEndpoint, Weight};
use std::{collections::BTreeMap, collections::HashMap, net::SocketAddr, sync::Arc};

/// Merged endpoints by port name and protocol, each list sorted by the text `ip:port`.
pub(super) type MergedPorts = BTreeMap<(Arc<str>, Protocol), Arc<[Endpoint]>>;

/// Merges the slices of one Service for one family. Of two entries for one address the later one wins, unless it is
/// terminating, so pass slices in a fixed order. An endpoint's weight is that of its entry's slice, unless `overrides` says
/// another one.
pub(super) fn merge<'a>(
    slices: impl IntoIterator<Item = &'a EndpointSlice>,
    family: Family,
    overrides: &Overrides,
) -> MergedPorts {
    let mut ports: BTreeMap<(Arc<str>, Protocol), HashMap<SocketAddr, Endpoint>> = BTreeMap::new();
    for slice in slices.into_iter().filter(|slice| slice.family == family) {
        for port in &slice.ports {
            let merged = ports.entry((Arc::clone(&port.name), port.protocol)).or_default();
            for endpoint in &slice.endpoints {
                let address = SocketAddr::new(endpoint.ip, port.port.get());
                // A terminating entry never replaces another one: a pod that left may have given its address to the
                // next, and both are listed for a while (semantics E3).
                if endpoint.conditions.terminating && merged.contains_key(&address) {
                    continue;
                }
                let mut merging = at(endpoint, address, slice.weight);
                overrides.steer(&mut merging, port.protocol);
                merged.insert(address, merging);
            }
        }
    }
    ports.into_iter().map(|(key, endpoints)| (key, sorted(endpoints))).collect()
}

fn at(endpoint: &SliceEndpoint, address: SocketAddr, weight: Weight) -> Endpoint {
    Endpoint {
        address,
        conditions: endpoint.conditions,
        node: endpoint.node.clone(),
        zone: endpoint.zone.clone(),
        hints: Arc::clone(&endpoint.hints),
        weight,
        overridden: None,
    }
}

/// Sorts endpoints by the text `ip:port`, the order of every list of endpoints (semantics E5).
pub(super) fn sorted(endpoints: HashMap<SocketAddr, Endpoint>) -> Arc<[Endpoint]> {
    let mut list: Vec<Endpoint> = endpoints.into_values().collect();
    list.sort_by_cached_key(|endpoint| endpoint.address.to_string());
    list.into()
}
