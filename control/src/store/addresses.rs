//! Which object holds an address, and which Services want it as an external or load-balancer IP? Indexed by address, so
//! that a change costs only the Services that want what changed.

use ipnet::IpNet;
use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
};
use weir_core::{EndpointSlice, PerFamily, Service, ServiceKey, guards::Holder};

/// Sorted keys, nearly always one: a list is smaller than a set by far.
type Keys = Vec<ServiceKey>;

/// Index of cluster IPs, virtual IPs (external and load-balancer IPs) and the API server's addresses.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    cluster_ips: HashMap<IpAddr, Keys>,
    virtual_ips: HashMap<IpAddr, Keys>,
    /// Sorted.
    api_servers: Vec<IpAddr>,
}

impl Addresses {
    /// Whether `service` is the Service of the API server itself.
    pub(super) fn is_api_server(service: &ServiceKey) -> bool {
        (&*service.namespace, &*service.name) == ("default", "kubernetes")
    }

    /// Replaces the earlier form of a Service; returns the other Services whose virtual IPs this may concern.
    pub(super) fn replace(
        &mut self,
        before: Option<&Service>,
        after: Option<&Service>,
    ) -> BTreeSet<ServiceKey> {
        let cluster_ips = |service: &Service| {
            let PerFamily { v4, v6 } = service.cluster_ips;
            sorted(v4.into_iter().chain(v6))
        };
        let virtual_ips = |service: &Service| {
            let both = [&service.external_ips, &service.load_balancer_ips];
            sorted(both.into_iter().flat_map(|PerFamily { v4, v6 }| v4.iter().chain(v6)).copied())
        };
        replace(&mut self.virtual_ips, before, after, virtual_ips);
        let touched = replace(&mut self.cluster_ips, before, after, cluster_ips);
        touched.iter().filter_map(|ip| self.virtual_ips.get(ip)).flatten().cloned().collect()
    }

    /// All Services that want virtual IPs.
    pub(super) fn claimants(&self) -> impl Iterator<Item = &ServiceKey> {
        self.virtual_ips.values().flatten()
    }

    /// Replaces the endpoints of the API server's Service; returns whether they differ.
    pub(super) fn set_api_servers<'a>(&mut self, slices: impl Iterator<Item = &'a EndpointSlice>) -> bool {
        let now = sorted(slices.flat_map(|slice| &slice.endpoints).map(|endpoint| endpoint.ip));
        let before = std::mem::replace(&mut self.api_servers, now);
        before != self.api_servers
    }

    /// Holder of an address that `claimant` wants as a virtual IP; `None` if the address is free or the
    /// claimant's own.
    pub(super) fn holder(
        &self,
        ip: IpAddr,
        claimant: &ServiceKey,
        service_cidrs: &[IpNet],
    ) -> Option<Holder> {
        let holders = self.cluster_ips.get(&ip);
        let mut others = holders.into_iter().flatten().filter(|&key| key != claimant);
        match () {
            () if self.api_servers.binary_search(&ip).is_ok() => Some(Holder::ApiServer),
            () if others.clone().any(Self::is_api_server) => Some(Holder::ApiServer),
            () if others.next().is_some() => Some(Holder::Service),
            () if holders.is_some() => None,
            // A Service that weir does not watch may have the address as its cluster IP, or get it tomorrow.
            () => service_cidrs.iter().any(|network| network.contains(&ip)).then_some(Holder::Service),
        }
    }
}

/// Replaces the addresses of one form of a Service by those of another; returns the addresses that came or
/// went.
fn replace(
    index: &mut HashMap<IpAddr, Keys>,
    before: Option<&Service>,
    after: Option<&Service>,
    addresses: fn(&Service) -> Vec<IpAddr>,
) -> Vec<IpAddr> {
    let [old, new] = [before, after].map(|service| service.map(addresses).unwrap_or_default());
    let [gone, come] = [missing(&old, &new), missing(&new, &old)];
    for (service, ip) in before.iter().flat_map(|service| gone.iter().map(move |ip| (service, ip))) {
        if let Some(keys) = index.get_mut(ip) {
            keys.retain(|key| *key != service.key);
            if keys.is_empty() {
                index.remove(ip);
            }
        }
    }
    for (service, ip) in after.iter().flat_map(|service| come.iter().map(move |ip| (service, ip))) {
        let keys = index.entry(*ip).or_default();
        if let Err(position) = keys.binary_search(&service.key) {
            keys.reserve_exact(1);
            keys.insert(position, service.key.clone());
        }
    }
    [gone, come].concat()
}

/// Each address once, in order.
fn sorted(addresses: impl Iterator<Item = IpAddr>) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = addresses.collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// Addresses in the sorted list `from` that are not in the sorted list `to`.
fn missing(from: &[IpAddr], to: &[IpAddr]) -> Vec<IpAddr> {
    from.iter().filter(|ip| to.binary_search(ip).is_err()).copied().collect()
}
