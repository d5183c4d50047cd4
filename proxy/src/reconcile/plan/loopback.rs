//! At which loopback address is a Service served whose cluster IP is not local? (`--map loopback`; pure)

use siphasher::sip::SipHasher13;
use std::{
    collections::{BTreeMap, BTreeSet},
    hash::Hasher,
    net::{IpAddr, Ipv4Addr},
};
use weir_core::{Changes, Family, ResolvedService, ServiceKey};

/// The loopback addresses of Services whose cluster IPs are not local, kept as Services come and go.
#[derive(Debug, Default)]
pub(crate) struct Loopback {
    wanted: BTreeMap<ServiceKey, Option<Ipv4Addr>>,
    assigned: BTreeMap<ServiceKey, Ipv4Addr>,
    stale: bool,
}

impl Loopback {
    /// Loopback address of a Service; `None` if the Service needs none.
    pub(crate) fn get(&self, key: &ServiceKey) -> Option<Ipv4Addr> {
        self.assigned.get(key).copied()
    }

    /// Follows the Services of a new Snapshot; returns the Services whose address changed. `is_local` says whether this
    /// host has an address.
    pub(crate) fn follow(&mut self, changes: &Changes, is_local: impl Fn(IpAddr) -> bool) -> Vec<ServiceKey> {
        changes.removed.iter().for_each(|key| self.release(key));
        for ResolvedService { key, ports, .. } in changes.changed.iter().map(|served| &**served) {
            let v4 = ports.iter().find(|port| port.family == Family::V4);
            match v4.or(ports.first()).map(|port| port.cluster_ip) {
                Some(ip) if is_local(ip) => self.release(key),
                Some(IpAddr::V4(ip)) => self.want(key, Some(ip)),
                Some(IpAddr::V6(_)) => self.want(key, None),
                None => self.release(key),
            }
        }
        self.reassign()
    }

    /// Gives a Service a loopback address; `cluster_ip` is its IPv4 cluster IP, if there is one.
    fn want(&mut self, key: &ServiceKey, cluster_ip: Option<Ipv4Addr>) {
        if self.wanted.get(key) != Some(&cluster_ip) {
            self.wanted.insert(key.clone(), cluster_ip);
            self.stale = true;
        }
    }

    /// Frees the loopback address of a Service.
    fn release(&mut self, key: &ServiceKey) {
        self.stale |= self.wanted.remove(key).is_some();
    }

    /// Assigns addresses anew if anything changed; returns the Services whose address changed.
    fn reassign(&mut self) -> Vec<ServiceKey> {
        if !std::mem::take(&mut self.stale) {
            return Vec::new();
        }
        let old = std::mem::replace(&mut self.assigned, assign(&self.wanted));
        let keys: BTreeSet<_> = old.keys().chain(self.assigned.keys()).collect();
        keys.into_iter().filter(|&key| old.get(key) != self.assigned.get(key)).cloned().collect()
    }
}

/// Gives every Service an address in 127/8 that depends on nothing but the Services that are there.
///
/// A cluster IP keeps its last three octets: 10.96.0.10 becomes 127.96.0.10. Where two Services would get one address,
/// the first by name gets it. Other Services, Services with IPv6 only (`None`) and Services that would land in
/// 127.0.0.0/23, where other software listens, get an address by a hash of their name.
fn assign(services: &BTreeMap<ServiceKey, Option<Ipv4Addr>>) -> BTreeMap<ServiceKey, Ipv4Addr> {
    let mut assigned = BTreeMap::new();
    let mut taken = BTreeSet::new();
    let mut others = Vec::new();
    for (key, cluster_ip) in services {
        match cluster_ip.map(preferred).filter(|&ip| !is_reserved(ip) && taken.insert(ip)) {
            Some(ip) => {
                assigned.insert(key.clone(), ip);
            }
            None => others.push(key),
        }
    }
    for key in others {
        let free = (0u64..).map(|round| hashed(key, round)).find(|&ip| !is_reserved(ip) && taken.insert(ip));
        assigned.extend(free.map(|ip| (key.clone(), ip)));
    }
    assigned
}

fn preferred(cluster_ip: Ipv4Addr) -> Ipv4Addr {
    let [_, b, c, d] = cluster_ip.octets();
    Ipv4Addr::new(127, b, c, d)
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

    fn services(list: &[(&str, Option<[u8; 4]>)]) -> BTreeMap<ServiceKey, Option<Ipv4Addr>> {
        list.iter().map(|(name, ip)| (ServiceKey::new("default", *name), ip.map(Ipv4Addr::from))).collect()
    }

    fn address(assigned: &BTreeMap<ServiceKey, Ipv4Addr>, name: &str) -> Ipv4Addr {
        assigned[&ServiceKey::new("default", name)]
    }

    #[test]
    fn a_cluster_ip_keeps_its_last_three_octets() {
        let assigned = assign(&services(&[("web", Some([10, 96, 0, 10]))]));
        assert_eq!(address(&assigned, "web"), Ipv4Addr::new(127, 96, 0, 10));
    }

    #[test]
    fn where_two_collide_the_first_by_name_wins_and_the_other_gets_a_stable_address() {
        let both = services(&[("a", Some([10, 96, 0, 10])), ("b", Some([172, 96, 0, 10]))]);
        let assigned = assign(&both);
        assert_eq!(address(&assigned, "a"), Ipv4Addr::new(127, 96, 0, 10));
        let third = services(&[
            ("a", Some([10, 96, 0, 10])),
            ("b", Some([172, 96, 0, 10])),
            ("c", Some([10, 96, 0, 11])),
        ]);
        assert_eq!(address(&assign(&third), "b"), address(&assigned, "b"));
    }

    #[test]
    fn the_address_of_an_ipv6_service_is_the_same_in_every_release() {
        assert_eq!(address(&assign(&services(&[("six", None)])), "six"), Ipv4Addr::new(127, 40, 241, 177));
    }

    proptest! {
        #[test]
        fn addresses_are_distinct_and_never_where_other_software_listens(
            ips in prop::collection::vec(prop::option::of((0u8..3, 0u8..3, 0u8..5)), 0..60),
        ) {
            let list: BTreeMap<_, _> = ips.iter().enumerate().map(|(i, ip)| {
                let ip = ip.map(|(b, c, d)| Ipv4Addr::new(10, b, c, d));
                (ServiceKey::new("n", i.to_string()), ip)
            }).collect();
            let assigned = assign(&list);
            prop_assert_eq!(assigned.len(), list.len());
            prop_assert_eq!(assigned.values().collect::<BTreeSet<_>>().len(), list.len());
            prop_assert!(assigned.values().all(|ip| ip.is_loopback() && !is_reserved(*ip)));
        }
    }
}
