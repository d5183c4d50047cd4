//! How do captured packets come to this host's sockets, whatever their address? A policy rule for their mark leads to a
//! table in which every address is local.

use crate::{Error, marks::CAPTURED};
use futures::{StreamExt, TryStreamExt};
use rtnetlink::{
    Handle, IpVersion, RouteMessageBuilder, new_connection,
    packet_route::{
        AddressFamily,
        route::{RouteAttribute, RouteFlags, RouteMessage, RouteScope, RouteType},
        rule::{RuleAction, RuleAttribute, RuleMessage},
    },
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tokio::task::JoinHandle;
use weir_core::Family;

/// The routing table that is weir's.
pub const TABLE: u32 = 20_736;

/// Priority of weir's policy rule: after the table of local addresses, before the rules by which networks of pods route by
/// address (from 100 on where known).
pub const PRIORITY: u32 = 40;

/// Index of the interface `lo`, which is 1 in every network namespace.
const LOOPBACK: u32 = 1;

/// Routing of one family, as the kernel lists it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Routing {
    /// Whether the kernel has policy routing: it then has rules of its own.
    pub has_policy: bool,
    /// Number of policy rules of weir's.
    pub rules: usize,
    /// Number of routes in weir's table.
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

    /// Adds the policy rule and the route of a family where they are missing. Returns whether anything was added.
    pub(crate) async fn ensure(&self, family: Family) -> Result<bool, Error> {
        if self.are_in_force(family).await {
            return Ok(false);
        }
        if !self.rules(family).await?.iter().any(is_complete) {
            self.add_rule(family).await?;
        }
        self.add_route(family).await?;
        Ok(true)
    }

    /// Whether captured packets of a family come to this host. The kernel is asked where one would go, which answers for
    /// weir's rule and route and for all other rules.
    pub(crate) async fn are_in_force(&self, family: Family) -> bool {
        // Addresses for documentation (RFC 5737) and for discarding (RFC 6666), which no host has.
        let anywhere: IpAddr = match family {
            Family::V4 => Ipv4Addr::new(192, 0, 2, 1).into(),
            Family::V6 => Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 1).into(),
        };
        let route = self.lookup(anywhere, CAPTURED).await;
        route.is_some_and(|route| route.attributes.contains(&RouteAttribute::Table(TABLE)))
    }

    /// Whether this host has a route to an address.
    pub(crate) async fn has_route_to(&self, ip: IpAddr) -> bool {
        self.lookup(ip, 0).await.is_some()
    }

    /// The route that a packet of this host with this mark takes.
    pub(crate) async fn lookup(&self, ip: IpAddr, mark: u32) -> Option<RouteMessage> {
        let message = match ip {
            IpAddr::V4(ip) => {
                RouteMessageBuilder::<Ipv4Addr>::new().destination_prefix(ip, 32).mark(mark).build()
            }
            IpAddr::V6(ip) => {
                RouteMessageBuilder::<Ipv6Addr>::new().destination_prefix(ip, 128).mark(mark).build()
            }
        };
        let mut request = self.handle.route().get(message);
        let header = &mut request.message_mut().header;
        // A question has no kind of route. For IPv4 the answer names the table it comes from only if asked.
        (header.kind, header.flags) = (RouteType::Unspec, RouteFlags::LookupTable);
        request.execute().try_next().await.ok()?
    }

    /// Reads the policy rules and routes of a family.
    pub(crate) async fn inspect(&self, family: Family) -> Result<Routing, Error> {
        let rules = self.all_rules(family).await?;
        Ok(Routing {
            has_policy: !rules.is_empty(),
            rules: rules.iter().filter(|rule| is_own(rule)).count(),
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

    /// Policy rules of a family that lead to weir's table.
    async fn rules(&self, family: Family) -> Result<Vec<RuleMessage>, Error> {
        let mut rules = self.all_rules(family).await?;
        rules.retain(is_own);
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
                Ok(route) if route.attributes.contains(&RouteAttribute::Table(TABLE)) => routes.push(route),
                Ok(_) => {}
                Err(error) if has_no_family(&error) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(routes)
    }

    async fn add_rule(&self, family: Family) -> Result<(), Error> {
        let request = self.handle.rule().add().table_id(TABLE).priority(PRIORITY);
        let mut request = request.fw_mark(CAPTURED).action(RuleAction::ToTable);
        let message = request.message_mut();
        message.header.family = address_family(family);
        message.header.table = 0;
        message.attributes.push(RuleAttribute::FwMask(CAPTURED));
        ignore_existing(request.execute().await)
    }

    async fn add_route(&self, family: Family) -> Result<(), Error> {
        let route = match family {
            Family::V4 => in_own_table(RouteMessageBuilder::<Ipv4Addr>::new()).build(),
            Family::V6 => in_own_table(RouteMessageBuilder::<Ipv6Addr>::new()).build(),
        };
        ignore_existing(self.handle.route().add(route).execute().await)
    }
}

fn in_own_table<Address>(route: RouteMessageBuilder<Address>) -> RouteMessageBuilder<Address> {
    route.table_id(TABLE).kind(RouteType::Local).scope(RouteScope::Host).output_interface(LOOPBACK)
}

fn address_family(family: Family) -> AddressFamily {
    match family {
        Family::V4 => AddressFamily::Inet,
        Family::V6 => AddressFamily::Inet6,
    }
}

/// Whether a rule leads to weir's table.
fn is_own(rule: &RuleMessage) -> bool {
    rule.attributes.contains(&RuleAttribute::Table(TABLE))
}

fn is_complete(rule: &RuleMessage) -> bool {
    [RuleAttribute::FwMark(CAPTURED), RuleAttribute::FwMask(CAPTURED), RuleAttribute::Priority(PRIORITY)]
        .iter()
        .all(|attribute| rule.attributes.contains(attribute))
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
                assert!(!routes.are_in_force(family).await, "{family}");
                assert!(routes.ensure(family).await.unwrap(), "{family}");
                assert!(routes.are_in_force(family).await, "{family}");
                assert!(!routes.ensure(family).await.unwrap(), "{family}: nothing was left to do");
                assert_eq!(routes.remove(family).await.unwrap(), (1, 1), "{family}");
                assert!(!routes.are_in_force(family).await, "{family}");
            }
        };
        host.run(body).unwrap();
    }
}
