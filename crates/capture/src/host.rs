//! What does this host have of what capturing needs, and what is in its way? Looks only; changes nothing.

mod bridge_monitor;
mod bridges;
mod features;
mod forward_firewalls;
mod links;
mod obstacles;
pub(crate) mod requirements;
mod ruleset;

pub use bridge_monitor::BridgeMonitor;
pub use bridges::bridges;
pub use forward_firewalls::ForwardFirewalls;
pub(crate) use forward_firewalls::{legacy_tables, refusing};
pub use links::{Link, LinkKind, Links};
pub(crate) use obstacles::obstacles;
pub use ruleset::{Chain, Ruleset};

use crate::{
    Error, is_running,
    nft::program,
    route::{Routes, Routing},
};
use std::net::IpAddr;
use weir_core::{Bridges, Capability, Family, PerFamily};

/// What was found on a host.
#[derive(Debug)]
pub struct Host {
    /// Whether this process has CAP_NET_ADMIN.
    pub has_net_admin: bool,
    /// Whether this process has CAP_NET_BIND_SERVICE.
    pub has_net_bind_service: bool,
    /// Version of `nft`, as in `1.0.6`.
    pub nft: Result<String, Error>,
    /// Whether `nft` and the kernel accept every kind of rule that may be needed. `None` where that cannot be tried.
    pub rules: Option<Result<(), Error>>,
    /// Tables and chains in nftables. `None` where they cannot be listed.
    pub ruleset: Option<Result<Ruleset, Error>>,
    /// Routing of each family.
    pub routing: Result<PerFamily<Routing>, Error>,
    /// Those of the requested destinations that this host has no route to.
    pub unreachable: Vec<IpAddr>,
    /// What packets to endpoints meet where they are forwarded. `None` where rules cannot be listed.
    pub forward_firewalls: Option<Result<ForwardFirewalls, Error>>,
    /// Interfaces, and what is known of pods by them.
    pub links: Result<Links, Error>,
    /// Families that bridges keep from TPROXY, and the networks of bridges.
    pub bridges: Result<Bridges, Error>,
    /// Whether a weir captures in this network namespace.
    pub is_running: Result<bool, Error>,
}

impl Host {
    /// Looks at this host, and whether it has routes to `destinations`.
    pub async fn inspect(destinations: &[IpAddr]) -> Self {
        let has_net_admin = requirements::check_capability().is_ok();
        let nft = version().await;
        let (mut rules, mut ruleset, mut forward_firewalls) = (None, None, None);
        if has_net_admin && nft.is_ok() {
            rules = Some(requirements::check_rules(None).await);
            ruleset = Some(Ruleset::read().await);
            forward_firewalls = Some(ForwardFirewalls::read().await);
        }
        let (routing, unreachable) = match routing(destinations).await {
            Ok((routing, unreachable)) => (Ok(routing), unreachable),
            Err(error) => (Err(error), Vec::new()),
        };
        Self {
            has_net_admin,
            has_net_bind_service: requirements::is_capable(Capability::NetBindService),
            nft,
            rules,
            ruleset,
            routing,
            unreachable,
            forward_firewalls,
            links: Links::read().await,
            bridges: bridges().await,
            is_running: is_running(),
        }
    }
}

/// Reads the version from what `nft --version` prints, as in `nftables v1.0.6 (Lester Gooch #5)`.
async fn version() -> Result<String, Error> {
    let said = match program::query(&["--version"]).await {
        Err(Error::Nft(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::RequirementMissing(requirements::NO_NFT.into()));
        }
        said => said?,
    };
    let number = said.split_whitespace().find_map(|word| word.strip_prefix('v'));
    Ok(number.unwrap_or(said.trim()).to_owned())
}

async fn routing(destinations: &[IpAddr]) -> Result<(PerFamily<Routing>, Vec<IpAddr>), Error> {
    let routes = Routes::open()?;
    let mut routing = PerFamily::default();
    for family in Family::ALL {
        *routing.get_mut(family) = routes.inspect(family).await?;
    }
    let mut unreachable = Vec::new();
    for &ip in destinations {
        if !routes.has_route_to(ip).await {
            unreachable.push(ip);
        }
    }
    Ok((routing, unreachable))
}
