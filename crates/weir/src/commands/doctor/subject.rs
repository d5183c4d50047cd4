//! What is examined? A host, and the cluster that it belongs to.

use super::settings::Settings;
use crate::cli::{ANSWER_TIMEOUT, DoctorOptions};
use ipnet::IpNet;
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
};
use weir_capture::Host;
use weir_control::{ConfigError, Examination, Scope, examine_api_server};

/// Address that only a default route leads to: no network has addresses of class E (RFC 1112).
pub(super) const ANYWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(240, 0, 0, 1));

/// Everything that was found out, to be judged.
#[derive(Debug)]
pub(super) struct Subject {
    /// Rules, routes and interfaces of this host.
    pub(super) host: Host,
    /// Limits and kernel parameters of this host.
    pub(super) settings: Settings,
    /// Addresses of this host's interfaces.
    pub(super) addresses: BTreeSet<IpAddr>,
    /// Addresses to which a route was looked for.
    pub(super) destinations: Vec<IpAddr>,
    /// What the API server said.
    pub(super) cluster: Cluster,
}

/// What is known of the cluster.
#[derive(Debug)]
pub(super) enum Cluster {
    /// No API server is configured, and no flag asked for one.
    NotConfigured(String),
    /// The configuration cannot be used.
    Unusable(String),
    /// The API server was asked.
    Examined(Examination),
}

impl Subject {
    /// Asks the API server, and looks at this host.
    pub(super) async fn examine(options: &DoctorOptions) -> Self {
        let cluster = Cluster::examine(options).await;
        let named = cluster.examination().map(|examination| &*examination.service_cidrs).unwrap_or_default();
        let destinations = destinations(&[&options.network.service_cidrs, named].concat());
        Self {
            host: Host::inspect(&destinations).await,
            settings: Settings::read(),
            addresses: weir_proxy::interface_addresses(),
            destinations,
            cluster,
        }
    }
}

impl Cluster {
    async fn examine(options: &DoctorOptions) -> Self {
        let scope = Scope { node_name: options.node_name.clone(), ..Scope::default() };
        match Box::pin(examine_api_server(options.source.clone(), &scope, ANSWER_TIMEOUT)).await {
            Ok(examination) => Self::Examined(examination),
            Err(error @ ConfigError::NotFound) => Self::NotConfigured(error.to_string()),
            Err(error) => Self::Unusable(error.line()),
        }
    }

    /// What the API server said, if it was asked.
    pub(super) fn examination(&self) -> Option<&Examination> {
        match self {
            Self::Examined(examination) => Some(examination),
            _ => None,
        }
    }
}

/// Addresses to look for a route to: one of each network, or one that needs a default route.
pub(super) fn destinations(service_cidrs: &[IpNet]) -> Vec<IpAddr> {
    match service_cidrs {
        [] => vec![ANYWHERE],
        cidrs => cidrs.iter().map(|cidr| cidr.hosts().next().unwrap_or(cidr.addr())).collect(),
    }
}
