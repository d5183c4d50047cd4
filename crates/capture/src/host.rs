//! What does this host have of what capturing needs, and what is in its way? Looks only; changes nothing.

use crate::{
    Error, Ruleset, apply, bridges, is_running, missing,
    route::{Routes, Routing},
};
use std::net::IpAddr;
use weir_core::{Bridges, Capability, Family, PerFamily};

/// What was found.
#[derive(Debug)]
pub struct Host {
    /// Whether this process has CAP_NET_ADMIN.
    pub administers: bool,
    /// Whether this process has CAP_NET_BIND_SERVICE.
    pub binds: bool,
    /// The version of `nft`, as in `1.0.6`.
    pub nft: Result<String, Error>,
    /// Whether `nft` and the kernel accept every kind of rule that may be needed. `None` where that cannot be tried.
    pub rules: Option<Result<(), Error>>,
    /// What is in nftables. `None` where that cannot be looked at.
    pub ruleset: Option<Result<Ruleset, Error>>,
    /// Routing of each family.
    pub routing: Result<PerFamily<Routing>, Error>,
    /// The addresses asked about that this host has no route to.
    pub unreachable: Vec<IpAddr>,
    /// What bridges mean for capturing.
    pub bridges: Result<Bridges, Error>,
    /// Whether a weir captures here.
    pub is_running: Result<bool, Error>,
}

impl Host {
    /// Looks at this host, and whether it has routes to these addresses.
    pub async fn look(destinations: &[IpAddr]) -> Self {
        let administers = missing::check_capability().is_ok();
        let nft = version().await;
        let (mut rules, mut ruleset) = (None, None);
        if administers && nft.is_ok() {
            rules = Some(missing::check_rules(None).await);
            ruleset = Some(Ruleset::read().await);
        }
        let (routing, unreachable) = match routing(destinations).await {
            Ok((routing, unreachable)) => (Ok(routing), unreachable),
            Err(error) => (Err(error), Vec::new()),
        };
        Self {
            administers,
            binds: missing::is_capable(Capability::NetBindService),
            nft,
            rules,
            ruleset,
            routing,
            unreachable,
            bridges: bridges().await,
            is_running: is_running(),
        }
    }
}

/// `nftables v1.0.6 (Lester Gooch #5)`.
async fn version() -> Result<String, Error> {
    let said = match apply::ask(&["--version"]).await {
        Err(Error::Nft(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::Missing(missing::NO_NFT.into()));
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
        *routing.get_mut(family) = routes.look(family).await?;
    }
    let mut unreachable = Vec::new();
    for &ip in destinations {
        if !routes.reach(ip).await {
            unreachable.push(ip);
        }
    }
    Ok((routing, unreachable))
}
