//! At which loopback address is a cluster IP served that is not local? (`--map loopback`; pure)

use siphasher::sip::SipHasher13;
use std::{
    collections::{BTreeMap, BTreeSet},
    hash::Hasher,
    net::{IpAddr, Ipv4Addr},
};
use weir_core::{Changes, Family, PerFamily, ResolvedService, ServiceKey};

/// The loopback addresses of Services whose cluster IPs are not local, kept as Services come and go. A Service has one for
/// each family.
#[derive(Debug, Default)]
pub(crate) struct Loopback {
    /// Cluster IPs that need a loopback address.
    wanted: BTreeMap<MappedKey, IpAddr>,
    assigned: BTreeMap<MappedKey, Ipv4Addr>,
    stale: bool,
}

/// Service and family of a cluster IP.
type MappedKey = (ServiceKey, Family);

impl Loopback {
    /// Loopback addresses of the cluster IPs of a Service; `None` for a family that needs none.
    pub(crate) fn get(&self, key: &ServiceKey) -> PerFamily<Option<Ipv4Addr>> {
        // Without `--map loopback` there is none.
        if self.assigned.is_empty() {
            return PerFamily::default();
        }
        let of = |family| self.assigned.get(&(key.clone(), family)).copied();
        PerFamily { v4: of(Family::V4), v6: of(Family::V6) }
    }

    /// Follows the Services of a new Snapshot; returns the Services of which an address changed. `is_local` says whether
    /// this host has an address.
    pub(crate) fn follow(&mut self, changes: &Changes, is_local: impl Fn(IpAddr) -> bool) -> Vec<ServiceKey> {
        let removed = changes.removed.iter().flat_map(|key| Family::ALL.map(|family| (key, family)));
        removed.for_each(|(key, family)| self.want(key, family, None));
        for ResolvedService { key, ports, .. } in changes.changed.iter().map(|served| &**served) {
            for family in Family::ALL {
                let cluster_ip = ports.iter().find(|port| port.family == family).map(|port| port.cluster_ip);
                self.want(key, family, cluster_ip.filter(|ip| !is_local(*ip)));
            }
        }
        self.reassign()
    }

    /// Wants a loopback address for the cluster IP of a family; `None`: it needs none.
    fn want(&mut self, key: &ServiceKey, family: Family, cluster_ip: Option<IpAddr>) {
        let key = (key.clone(), family);
        let before = match cluster_ip {
            Some(ip) => self.wanted.insert(key, ip),
            None => self.wanted.remove(&key),
        };
        self.stale |= before != cluster_ip;
    }

    /// Assigns addresses anew if anything changed; returns the Services of which an address changed.
    fn reassign(&mut self) -> Vec<ServiceKey> {
        if !std::mem::take(&mut self.stale) {
            return Vec::new();
        }
        let old = std::mem::replace(&mut self.assigned, assign(&self.wanted));
        let keys: BTreeSet<_> = old.keys().chain(self.assigned.keys()).collect();
        let differing = keys.into_iter().filter(|&key| old.get(key) != self.assigned.get(key));
        differing.map(|(service, _)| service).collect::<BTreeSet<_>>().into_iter().cloned().collect()
    }
}

/// Gives every cluster IP an address in 127/8 that depends on nothing but the Services that are there.
///
/// An IPv4 cluster IP keeps its last three octets: 10.96.0.10 becomes 127.96.0.10. Where two Services would get one address,
/// the first by name gets it. Others, IPv6 cluster IPs and those that would land in 127.0.0.0/23, where other software
/// listens, get an address by a hash of the Service's name: of all IPv6 only `::1` is local.
fn assign(wanted: &BTreeMap<MappedKey, IpAddr>) -> BTreeMap<MappedKey, Ipv4Addr> {
    let mut assigned = BTreeMap::new();
    let mut taken = BTreeSet::new();
    let mut others = Vec::new();
    for (key, cluster_ip) in wanted {
        match preferred(*cluster_ip).filter(|&ip| !is_reserved(ip) && taken.insert(ip)) {
            Some(ip) => {
                assigned.insert(key.clone(), ip);
            }
            None => others.push(key),
        }
    }
    for key in others {
        let free =
            (0u64..).map(|round| hashed(&key.0, round)).find(|&ip| !is_reserved(ip) && taken.insert(ip));
        assigned.extend(free.map(|ip| (key.clone(), ip)));
    }
    assigned
}

fn preferred(cluster_ip: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V4(cluster_ip) = cluster_ip else { return None };
    let [_, b, c, d] = cluster_ip.octets();
    Some(Ipv4Addr::new(127, b, c, d))
}

/// 127.0.0.0/23 holds localhost and resolvers; the broadcast address of the network cannot be bound.
fn is_reserved(ip: Ipv4Addr) -> bool {
    matches!(ip.octets(), [127, 0, 0 | 1, _] | [127, 255, 255, 255])
}

fn hashed(key: &ServiceKey, round: u64) -> Ipv4Addr {
    let mut hasher = SipHasher13::new_with_keys(0x7765_6972_2e6d_6170, round);
    hasher.write(key.to_string().as_bytes());
    let [_, b, c, d] = (hasher.finish() as u32).to_be_bytes();
    Ipv4Addr::new(127, b, c, d)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wanted(list: &[(&str, &str)]) -> BTreeMap<MappedKey, IpAddr> {
        let key = |name: &str, ip: IpAddr| (ServiceKey::new("default", name), Family::of(ip));
        let ips = list.iter().map(|&(name, ip)| (name, ip.parse::<IpAddr>().unwrap()));
        ips.map(|(name, ip)| (key(name, ip), ip)).collect()
    }

    fn address(assigned: &BTreeMap<MappedKey, Ipv4Addr>, name: &str, family: Family) -> String {
        assigned[&(ServiceKey::new("default", name), family)].to_string()
    }

    #[test]
    fn a_cluster_ip_keeps_its_last_three_octets() {
        let assigned = assign(&wanted(&[("web", "10.96.0.10")]));
        assert_eq!(address(&assigned, "web", Family::V4), "127.96.0.10");
    }

    #[test]
    fn where_two_collide_the_first_by_name_wins_and_the_other_gets_a_stable_address() {
        let assigned = assign(&wanted(&[("a", "10.96.0.10"), ("b", "172.96.0.10")]));
        assert_eq!(address(&assigned, "a", Family::V4), "127.96.0.10");
        let third = assign(&wanted(&[("a", "10.96.0.10"), ("b", "172.96.0.10"), ("c", "10.96.0.11")]));
        assert_eq!(address(&third, "b", Family::V4), address(&assigned, "b", Family::V4));
    }

    #[test]
    fn the_address_of_an_ipv6_service_is_the_same_in_every_release() {
        let assigned = assign(&wanted(&[("six", "fd00::10")]));
        assert_eq!(address(&assigned, "six", Family::V6), "127.40.241.177");
    }

    #[test]
    fn a_service_of_two_families_has_an_address_for_each() {
        let assigned = assign(&wanted(&[("six", "10.96.0.10"), ("six", "fd00::10")]));
        assert_eq!(address(&assigned, "six", Family::V4), "127.96.0.10");
        assert_eq!(address(&assigned, "six", Family::V6), "127.40.241.177");
    }

    proptest! {
        #[test]
        fn addresses_are_distinct_and_never_where_other_software_listens(
            ips in prop::collection::vec(prop::option::of((0u8..3, 0u8..3, 0u8..5)), 0..60),
        ) {
            let list: BTreeMap<_, _> = ips.iter().enumerate().map(|(i, ip)| {
                let ip: IpAddr = match ip {
                    Some((b, c, d)) => Ipv4Addr::new(10, *b, *c, *d).into(),
                    None => "fd00::10".parse().unwrap(),
                };
                ((ServiceKey::new("n", i.to_string()), Family::of(ip)), ip)
            }).collect();
            let assigned = assign(&list);
            prop_assert_eq!(assigned.len(), list.len());
            prop_assert_eq!(assigned.values().collect::<BTreeSet<_>>().len(), list.len());
            prop_assert!(assigned.values().all(|ip| ip.is_loopback() && !is_reserved(*ip)));
        }
    }
}
