//! Where does this proxy run, and which addresses are its own host's?

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};
use weir_core::{Audience, FrontendKind, Node, ServicePort};

/// The node and the host of this proxy.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Place {
    /// The node.
    pub(crate) node: Arc<Node>,
    /// The addresses of this host's interfaces.
    pub(crate) addresses: BTreeSet<IpAddr>,
}

impl Place {
    /// Whether a client is a process of this host.
    pub(crate) fn is_own(&self, client: IpAddr) -> bool {
        client.is_loopback() || self.addresses.contains(&client)
    }

    /// Whose packets a frontend's sockets take; `None` means everybody's.
    pub(crate) fn admitted(
        &self,
        port: &ServicePort,
        kind: FrontendKind,
        audience: Audience,
    ) -> Option<Vec<IpNet>> {
        let sources = port.sources(kind, &self.node);
        match audience {
            Audience::Everyone => sources,
            Audience::NodeOnly => {
                let allowed = |own: &IpNet| {
                    sources.as_ref().is_none_or(|nets| nets.iter().any(|net| net.contains(own)))
                };
                Some(self.own_networks().filter(allowed).collect())
            }
        }
    }

    fn own_networks(&self) -> impl Iterator<Item = IpNet> {
        let loopback = [
            IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8)),
            IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)),
        ];
        loopback.into_iter().chain(self.addresses.iter().copied().map(IpNet::from))
    }
}
