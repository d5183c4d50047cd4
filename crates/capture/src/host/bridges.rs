//! Of which families does TPROXY not work, because a Linux bridge passes packets to iptables?
//!
//! With `bridge-nf-call-iptables` the bridge enters the rules before it hands the packet to IP, and drops the socket that
//! TPROXY assigned: every connect would time out. Where that is so, frontends are bound instead.

use crate::{Error, route::Routes};
use futures::TryStreamExt;
use ipnet::IpNet;
use rtnetlink::packet_route::{
    address::{AddressAttribute, AddressMessage},
    link::{InfoBridge, InfoData, InfoKind, LinkAttribute, LinkInfo, LinkMessage},
    route::{RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteType},
};
use std::{
    collections::BTreeMap,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket},
};
use weir_core::{BridgeNetwork, Bridges, Family, PerFamily};

/// Looks at this host's bridges.
///
/// # Errors
/// When netlink cannot be used.
pub async fn bridges() -> Result<Bridges, Error> {
    let routes = Routes::open()?;
    let here = PerFamily::from_fn(has_family);
    let for_all =
        PerFamily::from_fn(|family| fs::read_to_string(setting(family)).is_ok_and(|on| on.trim() == "1"));
    let mut found = Bridges::default();
    let mut found_links = BTreeMap::new();
    let mut links = routes.handle().link().get().execute();
    while let Some(link) = links.try_next().await? {
        let Some(bridge) = Bridge::of(&link) else { continue };
        for family in Family::ALL {
            *found.bound.get_mut(family) |=
                *here.get(family) && (*for_all.get(family) || *bridge.calls_iptables.get(family));
        }
        found_links.insert(link.header.index, bridge);
    }
    let mut networks = Vec::new();
    let mut addresses = routes.handle().address().get().execute();
    while let Some(address) = addresses.try_next().await? {
        let bridge = found_links.get(&address.header.index);
        let on = |(bridge, network): (&Bridge, IpNet)| {
            let on = BridgeNetwork {
                bridge: bridge.name.clone(),
                hardware_address: bridge.hardware_address,
                network,
                elsewhere: Vec::new(),
                hands_over: false,
            };
            (address.header.index, on)
        };
        networks.extend(bridge.zip(network(&address)).map(on));
    }
    if !networks.is_empty() {
        find_elsewhere(&routes, &mut networks).await?;
    }
    found.networks = networks.into_iter().map(|(_, on)| on).collect();
    found.networks.sort_unstable();
    found.networks.dedup();
    Ok(found)
}

/// Whether this host has a family: on many IPv6 is off (`disable_ipv6`), whatever the settings of bridges say of it. What can
/// have no socket on localhost is not captured either.
fn has_family(family: Family) -> bool {
    let localhost: IpAddr = match family {
        Family::V4 => Ipv4Addr::LOCALHOST.into(),
        Family::V6 => Ipv6Addr::LOCALHOST.into(),
    };
    UdpSocket::bind((localhost, 0)).is_ok()
}

/// Finds the parts of networks to which routes lead that do not go over the bridge: a bridge may be a remainder, of another
/// network plugin for instance.
async fn find_elsewhere(routes: &Routes, networks: &mut [(u32, BridgeNetwork)]) -> Result<(), Error> {
    let mut found = routes.handle().route().get(RouteMessage::default()).execute();
    while let Some(route) = found.try_next().await? {
        let Some((destination, interface)) = destination(&route) else { continue };
        for (index, on) in networks.iter_mut() {
            let is_part = on.network.contains(&destination) && on.network != destination;
            if is_part && interface != *index {
                on.elsewhere.push(destination);
            }
        }
    }
    for (_, on) in networks {
        on.elsewhere.sort_unstable();
        on.elsewhere.dedup();
    }
    Ok(())
}

/// Where a route of the main table leads, and over which interface.
fn destination(route: &RouteMessage) -> Option<(IpNet, u32)> {
    if route.header.table != RouteHeader::RT_TABLE_MAIN || route.header.kind != RouteType::Unicast {
        return None;
    }
    let ip: IpAddr = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Destination(RouteAddress::Inet(ip)) => Some((*ip).into()),
        RouteAttribute::Destination(RouteAddress::Inet6(ip)) => Some((*ip).into()),
        _ => None,
    })?;
    let interface = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Oif(interface) => Some(*interface),
        _ => None,
    })?;
    Some((IpNet::new(ip, route.header.destination_prefix_length).ok()?.trunc(), interface))
}

/// The setting that concerns all bridges of the network namespace.
fn setting(family: Family) -> &'static str {
    match family {
        Family::V4 => "/proc/sys/net/bridge/bridge-nf-call-iptables",
        Family::V6 => "/proc/sys/net/bridge/bridge-nf-call-ip6tables",
    }
}

/// A bridge, as the kernel lists it.
pub(super) struct Bridge {
    name: String,
    hardware_address: [u8; 6],
    /// Families of which the bridge passes packets to iptables, whatever the setting for all bridges says.
    calls_iptables: PerFamily<bool>,
}

impl Bridge {
    pub(super) fn of(link: &LinkMessage) -> Option<Self> {
        let mut bridge =
            Self { name: String::new(), hardware_address: [0; 6], calls_iptables: PerFamily::default() };
        let mut is_bridge = false;
        for attribute in &link.attributes {
            match attribute {
                LinkAttribute::IfName(name) => bridge.name.clone_from(name),
                LinkAttribute::Address(address) => {
                    bridge.hardware_address = address.as_slice().try_into().unwrap_or_default();
                }
                LinkAttribute::LinkInfo(parts) => {
                    for part in parts {
                        is_bridge |= matches!(part, LinkInfo::Kind(InfoKind::Bridge));
                        if let LinkInfo::Data(InfoData::Bridge(settings)) = part {
                            bridge.calls_iptables.v4 |= settings.contains(&InfoBridge::NfCallIpTables(true));
                            bridge.calls_iptables.v6 |= settings.contains(&InfoBridge::NfCallIp6Tables(true));
                        }
                    }
                }
                _ => {}
            }
        }
        is_bridge.then_some(bridge)
    }
}

/// The network of an address, unless link-local: such a network is on every interface and tells nothing.
pub(super) fn network(message: &AddressMessage) -> Option<IpNet> {
    let address = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Address(address) => Some(*address),
        _ => None,
    })?;
    let network = IpNet::new(address, message.header.prefix_len).ok()?.trunc();
    let is_link_local = matches!(network, IpNet::V6(net) if net.addr().is_unicast_link_local());
    (!is_link_local).then_some(network)
}
