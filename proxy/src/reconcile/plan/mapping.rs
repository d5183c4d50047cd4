//! Where would this host serve the cluster IPs of a Snapshot that are not local? (`--map loopback`)

use super::{listen, loopback::Loopback};
use crate::sys::host;
use std::net::IpAddr;
use weir_core::{Changes, Claim, Frontend, Snapshot};

/// Loopback addresses of a Snapshot's Services, as a proxy on this host would give them. Asks the kernel which addresses are
/// local, and opens nothing.
#[derive(Debug)]
pub struct LoopbackMapping {
    loopback: Loopback,
    lowest_port: u16,
}

impl LoopbackMapping {
    /// The addresses that a proxy with this process's rights would give.
    pub fn of(snapshot: &Snapshot) -> Self {
        Self::on_host(snapshot, host::is_local, host::lowest_port())
    }

    /// The addresses on a host of which `is_local` knows the addresses, and where `lowest_port` is the lowest port that may
    /// be bound.
    fn on_host(snapshot: &Snapshot, is_local: impl Fn(IpAddr) -> bool, lowest_port: u16) -> Self {
        let mut loopback = Loopback::default();
        loopback.follow(&Changes::between(&Snapshot::default(), snapshot), is_local);
        Self { loopback, lowest_port }
    }

    /// Where a claim is listened for: its own frontend, unless that is a cluster IP that is not local.
    pub fn listen(&self, claim: &Claim) -> Frontend {
        let mapped = self.loopback.get(&claim.port.key.service);
        listen(claim.frontend, claim.kind, *mapped.get(claim.port.family), self.lowest_port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{num::NonZeroU16, sync::Arc};
    use weir_core::{PerFamily, PortSpec, Protocol, Service, ServiceKey, claims, resolve_static};

    #[test]
    fn both_families_are_mapped_and_an_address_of_the_host_stays() {
        let port = PortSpec {
            name: "http".into(),
            protocol: Protocol::Tcp,
            port: NonZeroU16::new(80).unwrap(),
            node_port: None,
        };
        let v6: IpAddr = "fd00::10".parse().unwrap();
        let service = |name: &str, v4: &str| {
            let service =
                Service::new(ServiceKey::new("default", name), v4.parse().unwrap(), vec![port.clone()]);
            Service { cluster_ips: PerFamily { v4: service.cluster_ips.v4, v6: Some(v6) }, ..service }
        };
        let mut snapshot = Snapshot::default();
        for (name, v4) in [("six", "10.96.0.10"), ("web", "192.168.0.2")] {
            snapshot.insert(Arc::new(resolve_static(&service(name, v4), &[])));
        }
        let mapping = LoopbackMapping::on_host(&snapshot, |ip| ip.to_string() == "192.168.0.2", 1024);
        let listens = |name: &str| {
            let service = snapshot.get(&ServiceKey::new("default", name)).unwrap();
            claims(service, &[]).map(|claim| mapping.listen(&claim).to_string()).collect::<Vec<_>>()
        };
        assert_eq!(listens("six"), ["127.96.0.10:20080/TCP", "127.40.241.177:20080/TCP"]);
        assert_eq!(listens("web")[0], "192.168.0.2:80/TCP");
        assert!(listens("web")[1].starts_with("127."), "{:?}", listens("web"));
    }
}
