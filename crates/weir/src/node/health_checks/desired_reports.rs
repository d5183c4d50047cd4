//! On which health-check node ports is which Service reported? Pure; a change costs the Services that changed.

use super::report::Report;
use std::net::{IpAddr, SocketAddr};
use weir_core::{Changes, Claimant, Claims, Family, FrontendKind, Rank, ResolvedService, Snapshot};

/// Reports that load balancers should get, by the address of the port.
#[derive(Debug, Default)]
pub(super) struct DesiredReports {
    snapshot: Snapshot,
    addresses: Vec<IpAddr>,
    claims: Claims<SocketAddr, Report>,
}

impl DesiredReports {
    /// Replaces the Snapshot and the addresses to listen on; returns the addresses whose report may have changed.
    pub(super) fn update(&mut self, snapshot: &Snapshot, addresses: &[IpAddr]) -> Vec<SocketAddr> {
        let changes = Changes::between(&self.snapshot, snapshot);
        let mut touched = Vec::new();
        for key in &changes.removed {
            touched.extend(self.claims.replace(key, []));
        }
        if self.addresses == addresses {
            touched.extend(changes.changed.iter().flat_map(|served| self.report(served)));
        } else {
            self.addresses = addresses.to_vec();
            touched.extend(snapshot.services().flat_map(|served| self.report(served)));
        }
        self.snapshot = snapshot.clone();
        touched.sort_unstable();
        touched.dedup();
        touched
    }

    /// Report at an address. The API server gives each Service a port of its own; of two Services with one port the
    /// older is reported, of two of one age the first by name.
    pub(super) fn at(&self, address: SocketAddr) -> Option<&Report> {
        self.claims.winner(address)
    }

    fn report(&mut self, served: &ResolvedService) -> Vec<SocketAddr> {
        let claims = self.addresses.iter().filter_map(|&ip| {
            let check = (*served.health_checks.get(Family::of(ip)))?;
            let report = Report {
                service: served.key.clone(),
                created: served.created,
                local_endpoints: check.local_endpoints,
            };
            Some((SocketAddr::new(ip, check.node_port.get()), report))
        });
        self.claims.replace(&served.key, claims)
    }
}

impl Claimant for Report {
    fn rank(&self) -> Rank<'_> {
        Rank::of_service(FrontendKind::NodePort, self.created, &self.service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::health_checks::fixture::snapshot;

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn texts(touched: &[SocketAddr]) -> Vec<String> {
        touched.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn only_what_changed_is_touched() {
        let mut desired = DesiredReports::default();
        let here = addresses(&["192.0.2.2", "2001:db8::2"]);
        let two = snapshot(&[("a", 30_001, 1, 2), ("b", 30_002, 1, 1)]);
        assert_eq!(desired.update(&two, &here).len(), 4);
        assert!(desired.update(&two, &here).is_empty());
        let touched = desired.update(&snapshot(&[("a", 30_001, 0, 2), ("b", 30_002, 1, 1)]), &here);
        assert_eq!(texts(&touched), ["192.0.2.2:30001", "[2001:db8::2]:30001"]);
        let counts = touched.iter().map(|&address| desired.at(address).unwrap().local_endpoints);
        assert_eq!(counts.collect::<Vec<_>>(), [0, 2], "each family has a count of its own");
        let touched = desired.update(&snapshot(&[("b", 30_003, 1, 1)]), &here);
        let all = ["192.0.2.2:30001", "192.0.2.2:30002", "192.0.2.2:30003"];
        assert_eq!(texts(&touched)[..3], all);
        let open = touched.iter().filter(|&&address| desired.at(address).is_some()).count();
        assert_eq!((touched.len(), open), (6, 2));
    }

    #[test]
    fn new_addresses_take_the_place_of_the_old_ones() {
        let mut desired = DesiredReports::default();
        let one = snapshot(&[("a", 30_001, 1, 1)]);
        desired.update(&one, &addresses(&["192.0.2.2"]));
        let touched = desired.update(&one, &addresses(&["0.0.0.0"]));
        assert_eq!(texts(&touched), ["0.0.0.0:30001", "192.0.2.2:30001"]);
        assert!(desired.at(touched[0]).is_some() && desired.at(touched[1]).is_none());
    }

    #[test]
    fn of_two_services_with_one_port_the_first_by_name_is_reported() {
        let mut desired = DesiredReports::default();
        let here = addresses(&["192.0.2.2"]);
        let [address] = desired.update(&snapshot(&[("b", 30_001, 1, 1), ("a", 30_001, 2, 2)]), &here)[..]
        else {
            panic!()
        };
        assert_eq!(&*desired.at(address).unwrap().service.name, "a");
        desired.update(&snapshot(&[("b", 30_001, 1, 1)]), &here);
        assert_eq!(&*desired.at(address).unwrap().service.name, "b");
    }
}
