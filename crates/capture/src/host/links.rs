//! Which interfaces does this host have, how large are packets on them, and which pods are behind them?

use crate::{Error, route::Routes};
use futures::TryStreamExt;
use rtnetlink::packet_route::{
    AddressFamily,
    link::{InfoKind, LinkAttribute, LinkInfo, LinkMessage},
    route::{RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteType},
};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// The routing table of ordinary routes.
const MAIN_TABLE: u8 = 254;

/// Interfaces of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// All interfaces but `lo`, in the kernel's order.
    pub all: Vec<Link>,
    /// Name of the interface of the default route.
    pub uplink: Option<String>,
    /// Addresses that are routed to one pod each, as most network plugins do; none where pods are on a bridge.
    pub pods: Vec<IpAddr>,
}

/// Interface of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Name of the interface.
    pub name: String,
    /// What the interface leads to.
    pub kind: LinkKind,
    /// Largest packet, in bytes.
    pub mtu: u32,
}

/// What an interface leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// Another network namespace: a pod's, or another container's.
    Pod,
    /// Other hosts, through packets of this host.
    Tunnel,
    /// Anything else.
    Other,
}

impl Links {
    /// Reads the interfaces, and the routes that lead to pods.
    pub(crate) async fn read() -> Result<Self, Error> {
        let routes = Routes::open()?;
        let mut links = BTreeMap::new();
        let mut found = routes.handle().link().get().execute();
        while let Some(message) = found.try_next().await? {
            links.extend(Link::of(&message).map(|link| (message.header.index, link)));
        }
        let mut pods = Vec::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut message = RouteMessage::default();
            message.header.address_family = family;
            let mut found = routes.handle().route().get(message).execute();
            // A host without the family has no routes of it.
            while let Ok(Some(route)) = found.try_next().await {
                let link = link_of(&route).and_then(|index| links.get(&index));
                pods.extend(link.filter(|link| link.kind == LinkKind::Pod).and_then(|_| host_of(&route)));
            }
        }
        // Addresses that only a default route leads to: of class E (RFC 1112), and for documentation (RFC 3849).
        let anywhere: [IpAddr; 2] =
            [Ipv4Addr::new(240, 0, 0, 1).into(), Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1).into()];
        let mut uplink = None;
        for ip in anywhere {
            if uplink.is_none() {
                let index = routes
                    .lookup(ip, 0, false, RouteFlags::LookupTable)
                    .await
                    .ok()
                    .flatten()
                    .as_ref()
                    .and_then(link_of);
                uplink = index.and_then(|index| links.get(&index)).map(|link| link.name.clone());
            }
        }
        Ok(Self { all: links.into_values().collect(), uplink, pods })
    }
}

impl Link {
    fn of(message: &LinkMessage) -> Option<Self> {
        let mut link = Self { name: String::new(), kind: LinkKind::Other, mtu: 0 };
        let (mut is_cable, mut leads_away) = (false, false);
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name.clone_from(name),
                LinkAttribute::Mtu(mtu) => link.mtu = *mtu,
                LinkAttribute::LinkNetNsId(_) => leads_away = true,
                LinkAttribute::LinkInfo(parts) => {
                    for part in parts {
                        let LinkInfo::Kind(kind) = part else { continue };
                        is_cable |= matches!(kind, InfoKind::Veth);
                        if is_tunnel(kind) {
                            link.kind = LinkKind::Tunnel;
                        }
                    }
                }
                _ => {}
            }
        }
        if is_cable && leads_away {
            link.kind = LinkKind::Pod;
        }
        (link.name != "lo").then_some(link)
    }
}

/// The address that a route of the main table is for, if it is for one only.
fn host_of(route: &RouteMessage) -> Option<IpAddr> {
    let is_main = route.header.table == MAIN_TABLE && route.header.kind == RouteType::Unicast;
    let ip = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Destination(RouteAddress::Inet(ip)) => Some(IpAddr::V4(*ip)),
        RouteAttribute::Destination(RouteAddress::Inet6(ip)) => Some(IpAddr::V6(*ip)),
        _ => None,
    })?;
    let whole = if ip.is_ipv4() { 32 } else { 128 };
    (is_main && route.header.destination_prefix_length == whole).then_some(ip)
}

/// Index of the interface that a route leads to.
fn link_of(route: &RouteMessage) -> Option<u32> {
    route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Oif(index) => Some(*index),
        _ => None,
    })
}

fn is_tunnel(kind: &InfoKind) -> bool {
    matches!(
        kind,
        InfoKind::Vxlan
            | InfoKind::Geneve
            | InfoKind::Wireguard
            | InfoKind::IpIp
            | InfoKind::GreTun
            | InfoKind::GreTun6
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_testkit::Namespace;

    #[test]
    fn pods_tunnels_and_the_uplink_are_told_apart_with_their_packet_sizes() {
        let (Some(host), Some(pod)) = (Namespace::create("host"), Namespace::create("pod")) else { return };
        host.ip_lines(&format!(
            "link add uplink type veth peer name switch\nlink set switch up\nlink set uplink mtu 1400 up\n\
             address add 192.0.2.2/24 dev uplink\nroute add default via 192.0.2.1\n\
             link add cali1 mtu 1350 type veth peer name eth0 netns {}\nlink set cali1 up\n\
             route add 10.244.0.7 dev cali1 scope link\nroute add 10.244.1.0/24 dev cali1 scope link\n\
             link add overlay mtu 1300 type vxlan id 1 dev uplink dstport 4789\n",
            pod.name()
        ))
        .unwrap();
        let links = host.run(Links::read).unwrap().unwrap();
        let found: Vec<_> = links.all.iter().map(|link| (&*link.name, link.kind, link.mtu)).collect();
        for link in [
            ("uplink", LinkKind::Other, 1400),
            ("cali1", LinkKind::Pod, 1350),
            ("overlay", LinkKind::Tunnel, 1300),
        ] {
            assert!(found.contains(&link), "{link:?}: {found:?}");
        }
        assert_eq!(links.uplink.as_deref(), Some("uplink"));
        assert_eq!(links.pods, ["10.244.0.7".parse::<IpAddr>().unwrap()]);
    }
}
