//! How do captured packets come to this host's sockets, and packets to endpoints to the pair of interfaces? Policy rules for
//! their marks lead to tables of weir's.

mod pair;
mod way;

pub use way::{DATAGRAM_TABLE, FORWARDED_TABLE, PRIORITY, TABLE};
pub(crate) use way::{GATEWAYS, PAIR_IN, Way};

use crate::{Error, marks::CAPTURED};
use futures::{StreamExt, TryStreamExt};
use rtnetlink::{
    Handle, IpVersion, RouteMessageBuilder, new_connection,
    packet_route::{
        route::{RouteAttribute, RouteFlags, RouteMessage, RouteType},
        rule::RuleMessage,
    },
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tokio::task::JoinHandle;
use way::{address_family, is_own_route, is_own_rule};
use weir_core::Family;

/// Routing of one family, as the kernel lists it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Routing {
    /// Whether the kernel has policy routing: it then has rules of its own.
    pub has_policy: bool,
    /// Number of policy rules of weir's.
    pub rules: usize,
    /// Number of routes in weir's tables.
    pub routes: usize,
}

/// A netlink connection by which policy rules and routes are read and written.
#[derive(Debug)]
pub(crate) struct Routes {
    handle: Handle,
    connection: JoinHandle<()>,
}

impl Drop for Routes {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Routes {
    pub(crate) fn open() -> Result<Self, Error> {
        let (connection, handle, _) = new_connection()?;
        Ok(Self { handle, connection: tokio::spawn(connection) })
    }

    /// The connection, for other questions to the kernel.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Adds the policy rule and the route by which captured packets of a family come to this host's sockets, where they are
    /// missing. Returns whether anything was added.
    pub(crate) async fn ensure(&self, family: Family) -> Result<bool, Error> {
        if self.are_in_force(&Way::TO_SOCKETS, family).await {
            return Ok(false);
        }
        self.add(&Way::TO_SOCKETS, family, (0, 0)).await?;
        Ok(true)
    }

    /// Adds the policy rule of a way where it is missing, and writes its route.
    async fn add(&self, way: &Way, family: Family, pair: (u32, u32)) -> Result<(), Error> {
        if !self.rules(family).await?.iter().any(|rule| way.is(rule)) {
            let mut request = self.handle.rule().add();
            *request.message_mut() = way.rule(family);
            ignore_existing(request.execute().await)?;
        }
        let route = self.handle.route().add(way.route(family, pair)).replace();
        ignore_existing(route.execute().await)
    }

    /// Whether packets of a family go a way. The kernel is asked where one would go, which answers for weir's rule and route
    /// and for all other rules.
    pub(crate) async fn are_in_force(&self, way: &Way, family: Family) -> bool {
        // Addresses for documentation (RFC 5737) and for discarding (RFC 6666), which no host has.
        let anywhere: IpAddr = match family {
            Family::V4 => Ipv4Addr::new(192, 0, 2, 1).into(),
            Family::V6 => Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 1).into(),
        };
        let route = self.lookup(anywhere, way.mark, way.datagrams_only, RouteFlags::LookupTable).await;
        route.is_ok_and(|route| {
            route.is_some_and(|route| route.attributes.contains(&RouteAttribute::Table(way.table)))
        })
    }

    /// Whether this host has a route to an address.
    pub(crate) async fn has_route_to(&self, ip: IpAddr) -> bool {
        self.lookup(ip, 0, false, RouteFlags::LookupTable).await.is_ok_and(|route| route.is_some())
    }

    /// The route that a packet of this host with this mark takes.
    pub(crate) async fn lookup(
        &self,
        ip: IpAddr,
        mark: u32,
        is_datagram: bool,
        flags: RouteFlags,
    ) -> Result<Option<RouteMessage>, rtnetlink::Error> {
        /// IPPROTO_UDP.
        const UDP: u8 = 17;
        macro_rules! question {
            ($family:ty, $ip:expr, $length:expr) => {{
                let message =
                    RouteMessageBuilder::<$family>::new().destination_prefix($ip, $length).mark(mark);
                if is_datagram { message.ip_protocol(UDP).build() } else { message.build() }
            }};
        }
        let message = match ip {
            IpAddr::V4(ip) => question!(Ipv4Addr, ip, 32),
            IpAddr::V6(ip) => question!(Ipv6Addr, ip, 128),
        };
        let mut request = self.handle.route().get(message);
        let header = &mut request.message_mut().header;
        // A question has no kind of route. For IPv4 the answer names the table it comes from only if asked.
        (header.kind, header.flags) = (RouteType::Unspec, flags);
        request.execute().try_next().await
    }

    /// Reads the policy rules and routes of a family.
    pub(crate) async fn inspect(&self, family: Family) -> Result<Routing, Error> {
        let rules = self.all_rules(family).await?;
        Ok(Routing {
            has_policy: !rules.is_empty(),
            rules: rules.iter().filter(|rule| is_own_rule(rule)).count(),
            routes: self.routes(family).await?.len(),
        })
    }

    /// Removes every policy rule and route of weir's in a family. Returns the number of rules and of routes removed.
    pub(crate) async fn remove(&self, family: Family) -> Result<(usize, usize), Error> {
        let (rules, routes) = (self.rules(family).await?, self.routes(family).await?);
        let removed = (rules.len(), routes.len());
        for rule in rules {
            self.handle.rule().del(rule).execute().await?;
        }
        for route in routes {
            self.handle.route().del(route).execute().await?;
        }
        Ok(removed)
    }

    /// Policy rules of a family that lead to weir's tables.
    async fn rules(&self, family: Family) -> Result<Vec<RuleMessage>, Error> {
        let mut rules = self.all_rules(family).await?;
        rules.retain(is_own_rule);
        Ok(rules)
    }

    async fn all_rules(&self, family: Family) -> Result<Vec<RuleMessage>, Error> {
        let version = match family {
            Family::V4 => IpVersion::V4,
            Family::V6 => IpVersion::V6,
        };
        let mut rules = Vec::new();
        let mut found = self.handle.rule().get(version).execute();
        while let Some(rule) = found.next().await {
            match rule {
                Ok(rule) => rules.push(rule),
                Err(error) if has_no_family(&error) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(rules)
    }

    async fn routes(&self, family: Family) -> Result<Vec<RouteMessage>, Error> {
        let mut message = RouteMessage::default();
        message.header.address_family = address_family(family);
        let mut routes = Vec::new();
        let mut found = self.handle.route().get(message).execute();
        while let Some(route) = found.next().await {
            match route {
                Ok(route) if is_own_route(&route) => routes.push(route),
                Ok(_) => {}
                Err(error) if has_no_family(&error) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(routes)
    }
}

/// Takes "exists already" for success: whoever was faster wanted nothing else.
fn ignore_existing(outcome: Result<(), rtnetlink::Error>) -> Result<(), Error> {
    match outcome {
        Err(error) if code(&error) == Some(-rustix::io::Errno::EXIST.raw_os_error()) => Ok(()),
        outcome => Ok(outcome?),
    }
}

/// Whether the kernel's answer means that the host does not have the family, as without IPv6.
fn has_no_family(error: &rtnetlink::Error) -> bool {
    let none = [rustix::io::Errno::AFNOSUPPORT, rustix::io::Errno::OPNOTSUPP, rustix::io::Errno::NOENT];
    code(error).is_some_and(|code| none.iter().any(|none| code == -none.raw_os_error()))
}

impl From<rtnetlink::Error> for Error {
    fn from(error: rtnetlink::Error) -> Self {
        Self::Route { table: TABLE, why: explain(&error.to_string()) }
    }
}

/// Adds to the kernel's answer what may be missing when the policy rule is refused.
fn explain(said: &str) -> String {
    format!(
        "{said}; does the kernel have CONFIG_IP_MULTIPLE_TABLES and CONFIG_IPV6_MULTIPLE_TABLES, and is CAP_NET_ADMIN \
         there? ({CAPTURED:#x} must be free for weir)"
    )
}

fn code(error: &rtnetlink::Error) -> Option<i32> {
    match error {
        rtnetlink::Error::NetlinkError(error) => Some(error.raw_code()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_testkit::Namespace;

    #[test]
    fn a_refused_policy_rule_is_explained_by_what_the_kernel_may_lack() {
        assert!(explain("Operation not supported").contains("CONFIG_IP_MULTIPLE_TABLES"));
    }

    #[test]
    fn routes_are_in_force_from_when_they_are_made_until_one_is_gone() {
        let Some(host) = Namespace::create("host") else { return };
        let body = || async {
            let routes = Routes::open().unwrap();
            for family in Family::ALL {
                assert!(!routes.are_in_force(&Way::TO_SOCKETS, family).await, "{family}");
                assert!(routes.ensure(family).await.unwrap(), "{family}");
                assert!(routes.are_in_force(&Way::TO_SOCKETS, family).await, "{family}");
                assert!(!routes.ensure(family).await.unwrap(), "{family}: nothing was left to do");
                assert_eq!(routes.remove(family).await.unwrap(), (1, 1), "{family}");
                assert!(!routes.are_in_force(&Way::TO_SOCKETS, family).await, "{family}");
            }
        };
        host.run(body).unwrap();
    }
}
