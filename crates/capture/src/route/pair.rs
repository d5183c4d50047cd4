//! What is the pair of interfaces by which packets to endpoints come into this host again, to be forwarded?
//!
//! ```text
//! socket -> output -> weir0 ~ weir1 -> prerouting -> forward -> postrouting -> the endpoint's interface
//! ```
//!
//! A veth pair whose ends have one hardware address and ask for no neighbour's, so that no ARP or neighbour discovery is
//! needed. All settings are made by netlink: in a container `/proc/sys` cannot be written.

use super::{
    Routes, code,
    way::{PAIR_IN, PAIR_OUT, Way},
};
use crate::Error;
use futures::TryStreamExt;
use rtnetlink::{
    AddressMessageBuilder, LinkMessageBuilder, LinkUnspec, LinkVeth,
    packet_route::{
        AddressFamily,
        address::{AddressMessage, AddressScope},
        link::{
            AfSpecInet, AfSpecInet6, AfSpecUnspec, In6AddrGenMode, InetDevConf, InfoData, InfoKind, InfoVeth,
            LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
        },
        route::RouteFlags,
    },
};
use std::{fs, net::Ipv4Addr};
use weir_core::Family;

/// Hardware address of both ends, by which the pair is known as weir's: locally administered.
const HARDWARE_ADDRESS: [u8; 6] = [0x02, b'w', b'e', b'i', b'r', 0];

/// Bytes of the largest packet that the pair takes: the largest there is. How large packets may be is for the endpoint's
/// interface to say, by the socket's route at first and by ICMP later.
const MTU: u32 = 65_535;

/// The smallest MTU of IPv6, in bytes.
const MIN_MTU_V6: u32 = 1280;

/// `rp_filter` of weir1: any route back to the source will do, as it never leads to weir1. The larger value of this and of
/// `all` counts.
const LOOSE: i32 = 2;

/// Networks of 256 link-local addresses in which one is looked for: 169.254.N.1.
const NETWORKS: std::ops::Range<u8> = 77..93;

/// The ends of the pair, as the kernel describes them.
struct Pair {
    out: LinkMessage,
    inwards: LinkMessage,
}

impl Routes {
    /// Makes the pair of interfaces, the policy rules and the routes to it for these families, where anything of them is
    /// missing or has been changed. Returns whether anything was.
    pub(crate) async fn ensure_forwarding(&self, families: &[Family]) -> Result<bool, Error> {
        if self.forwarding_is_in_force(families).await? {
            return Ok(false);
        }
        let pair = match self.pair().await? {
            Some(pair) if pair.is_joined() => pair,
            _ => self.make_pair().await?,
        };
        for end in [&pair.out, &pair.inwards] {
            self.set_up(end).await?;
        }
        if self.address_of(&pair.inwards).await?.is_none() {
            let address = self.free_address().await?;
            let mut message = AddressMessageBuilder::<Ipv4Addr>::new()
                .index(pair.inwards.header.index)
                .address(address, 32)
                .build();
            // Never the source of anything.
            message.header.scope = AddressScope::Link;
            let mut request = self.handle().address().add(pair.inwards.header.index, address.into(), 32);
            *request.message_mut() = message;
            request.execute().await.map_err(refused)?;
        }
        for &family in families {
            if family == Family::V6 {
                allow_ipv6()?;
            }
            let mtu = self.smallest_mtu().await?;
            for way in Way::to_pair(family) {
                self.add(way, family, (pair.out.header.index, mtu)).await?;
            }
        }
        Ok(true)
    }

    /// Whether packets of these families that are to be forwarded would be.
    pub(crate) async fn forwarding_is_in_force(&self, families: &[Family]) -> Result<bool, Error> {
        for &family in families {
            for way in Way::to_pair(family) {
                if !self.are_in_force(way, family).await {
                    return Ok(false);
                }
            }
        }
        let Some(pair) = self.pair().await? else { return Ok(false) };
        Ok(pair.is_joined() && pair.is_set_up() && self.address_of(&pair.inwards).await?.is_some())
    }

    /// Whether the pair of interfaces is there.
    pub(crate) async fn has_pair(&self) -> Result<bool, Error> {
        Ok(self.pair().await?.is_some_and(|pair| pair.is_joined()))
    }

    /// Removes the pair of interfaces; returns whether anything of it was there. Interfaces of others with these names stay.
    pub(crate) async fn remove_pair(&self) -> Result<bool, Error> {
        let mut removed = false;
        for name in [PAIR_OUT, PAIR_IN] {
            // One end takes the other with it.
            if let Some(end) = self.link(name).await?.filter(is_own) {
                self.handle().link().del(end.header.index).execute().await.map_err(refused)?;
                removed = true;
            }
        }
        Ok(removed)
    }

    /// Both ends, if both are there.
    async fn pair(&self) -> Result<Option<Pair>, Error> {
        let (out, inwards) = (self.link(PAIR_OUT).await?, self.link(PAIR_IN).await?);
        for (name, link) in [(PAIR_OUT, &out), (PAIR_IN, &inwards)] {
            if link.as_ref().is_some_and(|link| !is_own(link)) {
                return Err(Error::InterfaceTaken(name));
            }
        }
        Ok(out.zip(inwards).map(|(out, inwards)| Pair { out, inwards }))
    }

    async fn link(&self, name: &str) -> Result<Option<LinkMessage>, Error> {
        let no_device = Some(-rustix::io::Errno::NODEV.raw_os_error());
        match self.handle().link().get().match_name(name).execute().try_next().await {
            Err(error) if code(&error) == no_device => Ok(None),
            found => found.map_err(refused),
        }
    }

    async fn make_pair(&self) -> Result<Pair, Error> {
        self.remove_pair().await?;
        let peer =
            LinkMessageBuilder::<LinkUnspec>::new().name(PAIR_IN).mtu(MTU).address(HARDWARE_ADDRESS.to_vec());
        let pair = LinkMessageBuilder::<LinkVeth>::new(PAIR_OUT, PAIR_IN)
            .mtu(MTU)
            .address(HARDWARE_ADDRESS.to_vec())
            .set_info_data(InfoData::Veth(InfoVeth::Peer(peer.build())));
        self.handle().link().add(pair.build()).execute().await.map_err(refused)?;
        let gone = || Error::Pair("they vanished as soon as they were made".into());
        self.pair().await?.ok_or_else(gone)
    }

    /// Gives an end the settings that both have.
    async fn set_up(&self, end: &LinkMessage) -> Result<(), Error> {
        let end = || LinkUnspec::new_with_index(end.header.index);
        let of_family = |part| LinkAttribute::AfSpecUnspec(vec![part]);
        if fs::exists("/proc/net/if_inet6").unwrap_or(false) {
            // No addresses of its own making, which would be the same at both ends.
            let none = AfSpecUnspec::Inet6(vec![AfSpecInet6::AddrGenMode(In6AddrGenMode::None)]);
            let message = end().append_extra_attribute(of_family(none)).build();
            self.handle().link().set(message).execute().await.map_err(refused)?;
        }
        let mut conf = InetDevConf::default();
        (conf.forwarding, conf.rp_filter, conf.accept_local) = (1, LOOSE, 1);
        let conf = AfSpecUnspec::Inet(vec![AfSpecInet::DevConfRequest(conf)]);
        let message = end().mtu(MTU).arp(false).up().append_extra_attribute(of_family(conf)).build();
        self.handle().link().set(message).execute().await.map_err(refused)
    }

    /// The IPv4 address of an interface: without one the kernel drops what comes in, as it cannot check sources.
    async fn address_of(&self, link: &LinkMessage) -> Result<Option<AddressMessage>, Error> {
        let mut request = self.handle().address().get().set_link_index_filter(link.header.index);
        request.message_mut().header.family = AddressFamily::Inet;
        let mut addresses = request.execute();
        while let Some(address) = addresses.try_next().await.map_err(refused)? {
            if address.header.family == AddressFamily::Inet && address.header.index == link.header.index {
                return Ok(Some(address));
            }
        }
        Ok(None)
    }

    /// A link-local address that no interface of this host has and no route of this host leads to: not more than a route
    /// to all link-local addresses, if need be.
    async fn free_address(&self) -> Result<Ipv4Addr, Error> {
        for longest in [0, 16] {
            for address in NETWORKS.map(|network| Ipv4Addr::new(169, 254, network, 1)) {
                let route = self.lookup(address.into(), 0, false, RouteFlags::FibMatch).await;
                let is_free = match &route {
                    Ok(route) => {
                        route.as_ref().is_none_or(|route| route.header.destination_prefix_length <= longest)
                    }
                    // Other errors are answers of routes that drop.
                    Err(error) => code(error) == Some(-rustix::io::Errno::NETUNREACH.raw_os_error()),
                };
                if is_free {
                    return Ok(address);
                }
            }
        }
        let (first, last) = (NETWORKS.start, NETWORKS.end - 1);
        Err(Error::Pair(format!("no address 169.254.N.1 is free for {PAIR_IN}, N from {first} to {last}")))
    }

    /// Bytes of the largest packet that every interface takes that can carry IPv6.
    async fn smallest_mtu(&self) -> Result<u32, Error> {
        let mut smallest = MTU;
        let mut links = self.handle().link().get().execute();
        while let Some(link) = links.try_next().await.map_err(refused)? {
            let is_up =
                link.header.flags.contains(LinkFlags::Up) && !link.header.flags.contains(LinkFlags::Loopback);
            if is_up && let Some(mtu) = mtu(&link).filter(|mtu| *mtu >= MIN_MTU_V6) {
                smallest = smallest.min(mtu);
            }
        }
        Ok(smallest)
    }
}

impl Pair {
    /// Whether the two ends are each other's.
    fn is_joined(&self) -> bool {
        let leads_to = |from: &LinkMessage, to: &LinkMessage| {
            from.attributes.contains(&LinkAttribute::Link(to.header.index))
        };
        leads_to(&self.out, &self.inwards) && leads_to(&self.inwards, &self.out)
    }

    fn is_set_up(&self) -> bool {
        let is_on = |end: &LinkMessage| {
            end.header.flags.contains(LinkFlags::Up | LinkFlags::Noarp) && mtu(end) == Some(MTU)
        };
        let admits =
            |conf: InetDevConf| conf.forwarding == 1 && conf.rp_filter == LOOSE && conf.accept_local == 1;
        is_on(&self.out) && is_on(&self.inwards) && settings(&self.inwards).is_some_and(admits)
    }
}

/// Whether an interface is one that weir made.
fn is_own(link: &LinkMessage) -> bool {
    let is_veth = link.attributes.iter().any(|attribute| match attribute {
        LinkAttribute::LinkInfo(parts) => parts.contains(&LinkInfo::Kind(InfoKind::Veth)),
        _ => false,
    });
    is_veth && link.attributes.contains(&LinkAttribute::Address(HARDWARE_ADDRESS.to_vec()))
}

fn mtu(link: &LinkMessage) -> Option<u32> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::Mtu(mtu) => Some(*mtu),
        _ => None,
    })
}

/// The IPv4 settings of an interface.
fn settings(link: &LinkMessage) -> Option<InetDevConf> {
    let parts = link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::AfSpecUnspec(parts) => Some(parts),
        _ => None,
    })?;
    parts.iter().find_map(|part| match part {
        AfSpecUnspec::Inet(settings) => settings.iter().find_map(|setting| match setting {
            AfSpecInet::DevConf(conf) => Some(*conf),
            _ => None,
        }),
        _ => None,
    })
}

/// Turns IPv6 on where new interfaces do not have it. Netlink cannot.
fn allow_ipv6() -> Result<(), Error> {
    for name in [PAIR_OUT, PAIR_IN] {
        let setting = format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6");
        if fs::read_to_string(&setting).is_ok_and(|value| value.trim() == "1") {
            fs::write(&setting, "0").map_err(|error| {
                Error::Pair(format!(
                    "new interfaces have no IPv6 (net.ipv6.conf.default.disable_ipv6 is 1), and {setting} cannot be written: \
                     {error}; set it to 0"
                ))
            })?;
        }
    }
    Ok(())
}

fn refused(error: rtnetlink::Error) -> Error {
    Error::Pair(error.to_string())
}
