//! Which endpoints of its EndpointSlices does a Service port use for a kind of traffic, and why not the others?
//! (semantics E1-E5, O1-O3, R1-R6)

use super::{list_rule::ListRule, traffic::Traffic};
use crate::{
    model::{Endpoint, EndpointSlice, Family, Node, Protocol, ServiceKey},
    resolve::{Ineligible, ServicePort},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt,
    net::IpAddr,
    num::NonZeroU16,
    sync::Arc,
};

/// One endpoint of the EndpointSlices of a Service, as one of its ports sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndpointUse<'a> {
    /// The address of the endpoint.
    pub ip: IpAddr,
    /// The port number of the endpoint; `None` if its slice says none for the Service port.
    pub port: Option<NonZeroU16>,
    /// The node that the endpoint is on; `None` if the slice does not say.
    pub node: Option<&'a str>,
    /// The zone that the endpoint is in; `None` if the slice does not say.
    pub zone: Option<&'a str>,
    /// Whether the endpoint may receive new flows, or why not.
    pub usable: Result<(), Unused<'a>>,
}

/// Why a Service port does not use an endpoint of the Service's slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unused<'a> {
    /// The endpoint is one of the port's, but not eligible.
    Ineligible(Ineligible),
    /// The slice of the endpoint has no port of the Service port's name and protocol.
    OtherPort(&'a EndpointSlice),
    /// The endpoint is of the family that the Service port is not of.
    OtherFamily,
}

impl Unused<'_> {
    /// The word for tables and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ineligible(reason) => reason.as_str(),
            Self::OtherPort(_) => "other-port",
            Self::OtherFamily => "other-family",
        }
    }
}

impl fmt::Display for Unused<'_> {
    /// Writes what the objects say of the endpoint.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ineligible(reason) => f.write_str(reason.in_words()),
            Self::OtherPort(slice) => {
                let ports: BTreeSet<_> =
                    slice.ports.iter().map(|port| (Arc::clone(&port.name), port.protocol)).collect();
                write!(f, "EndpointSlice {} has {}", slice.name.escape_debug(), all_named(&ports))
            }
            Self::OtherFamily => f.write_str("it is of the other family"),
        }
    }
}

impl<'a> EndpointUse<'a> {
    /// All endpoints of a Service port for a kind of traffic: first those that it has, in list order, then those of its
    /// `slices` that it leaves out. Endpoints of the other family are listed if there is none of its own.
    pub fn of(
        port: &'a ServicePort,
        traffic: Traffic,
        slices: impl IntoIterator<Item = &'a EndpointSlice>,
        node: &Node,
    ) -> Vec<Self> {
        let rule = ListRule::of(traffic, &port.merged, node);
        let merged = |endpoint: &'a Endpoint| Self {
            ip: endpoint.address.ip(),
            port: NonZeroU16::new(endpoint.address.port()),
            node: endpoint.node.as_deref(),
            zone: endpoint.zone.as_deref(),
            usable: rule.judge(endpoint, node).map_err(Unused::Ineligible),
        };
        let mut found: Vec<Self> = port.merged.iter().map(merged).collect();
        let mut known: HashSet<IpAddr> = found.iter().map(|endpoint| endpoint.ip).collect();
        let (own, other): (Vec<_>, Vec<_>) =
            slices.into_iter().partition(|slice| slice.family == port.family);
        for slice in own.into_iter().filter(|slice| !has_port(slice, port)) {
            found.extend(left_out(slice, Unused::OtherPort(slice)).filter(|left| known.insert(left.ip)));
        }
        if found.is_empty() {
            let of_other = other.into_iter().flat_map(|slice| left_out(slice, Unused::OtherFamily));
            found.extend(of_other.filter(|left| known.insert(left.ip)));
        }
        found
    }
}

fn has_port(slice: &EndpointSlice, port: &ServicePort) -> bool {
    slice.ports.iter().any(|listed| listed.name == port.key.name && listed.protocol == port.key.protocol)
}

fn left_out<'a>(slice: &'a EndpointSlice, why: Unused<'a>) -> impl Iterator<Item = EndpointUse<'a>> {
    slice.endpoints.iter().map(move |endpoint| EndpointUse {
        ip: endpoint.ip,
        port: None,
        node: endpoint.node.as_deref(),
        zone: endpoint.zone.as_deref(),
        usable: Err(why),
    })
}

/// Why a Service port has no endpoint for a kind of traffic. Its text is a sentence without a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// No EndpointSlice has the label that names the Service.
    NoSlice(ServiceKey),
    /// No EndpointSlice is of the family of the port.
    OtherFamily(Family),
    /// The slices of the family, so many, hold no endpoint.
    Empty(usize),
    /// No slice with endpoints has a port of that name and protocol.
    OtherPort {
        /// The name and protocol that the Service asks for.
        asked: (Arc<str>, Protocol),
        /// The names and protocols that the slices have.
        listed: BTreeSet<(Arc<str>, Protocol)>,
    },
    /// None of the endpoints is eligible: their number for each reason.
    Ineligible(BTreeMap<Ineligible, usize>),
}

impl Shortage {
    /// Why a Service port has no endpoint for a kind of traffic; `None` if it has one. `slices` are all of the Service.
    pub fn of<'a>(
        port: &ServicePort,
        traffic: Traffic,
        slices: impl Iterator<Item = &'a EndpointSlice> + Clone,
        node: &Node,
    ) -> Option<Self> {
        if port.merged.is_empty() {
            return Some(Self::without_endpoints(port, slices));
        }
        let rule = ListRule::of(traffic, &port.merged, node);
        let mut reasons = BTreeMap::new();
        for endpoint in &*port.merged {
            *reasons.entry(rule.judge(endpoint, node).err()?).or_default() += 1;
        }
        Some(Self::Ineligible(reasons))
    }

    fn without_endpoints<'a>(
        port: &ServicePort,
        slices: impl Iterator<Item = &'a EndpointSlice> + Clone,
    ) -> Self {
        if slices.clone().next().is_none() {
            return Self::NoSlice(port.key.service.clone());
        }
        let own = slices.filter(|slice| slice.family == port.family);
        let filled = own.clone().filter(|slice| !slice.endpoints.is_empty());
        match (own.count(), filled.clone().next()) {
            (0, _) => Self::OtherFamily(port.family),
            (count, None) => Self::Empty(count),
            (_, Some(_)) => Self::OtherPort {
                asked: (Arc::clone(&port.key.name), port.key.protocol),
                listed: filled
                    .flat_map(|slice| &slice.ports)
                    .map(|listed| (Arc::clone(&listed.name), listed.protocol))
                    .collect(),
            },
        }
    }

    /// Whether the objects do not fit together, which waiting does not mend. Endpoints that are not ready, on other nodes or
    /// not there at the moment are no mistake.
    pub fn is_mistake(&self) -> bool {
        matches!(self, Self::NoSlice(_) | Self::OtherFamily(_) | Self::OtherPort { .. })
    }
}

/// Port names of slices that are listed; more are counted.
const MAX_LISTED: usize = 5;

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSlice(service) => write!(
                f,
                "no EndpointSlice in namespace {} has the label kubernetes.io/service-name: {}",
                service.namespace.escape_debug(),
                service.name.escape_debug()
            ),
            Self::OtherFamily(family) => {
                let other = if *family == Family::V4 { Family::V6 } else { Family::V4 };
                write!(
                    f,
                    "its EndpointSlices have addressType {}, and none has {}",
                    other.as_str(),
                    family.as_str()
                )
            }
            Self::Empty(1) => {
                f.write_str("its EndpointSlice holds no endpoints; does the selector match a pod?")
            }
            Self::Empty(count) => {
                write!(f, "its {count} EndpointSlices hold no endpoints; does the selector match a pod?")
            }
            Self::OtherPort { asked, listed } => {
                let (asked, listed) = (named(asked), all_named(listed));
                write!(f, "the Service asks for {asked}, but its EndpointSlices have {listed}")
            }
            Self::Ineligible(reasons) => ineligible(f, reasons),
        }
    }
}

/// Ports of slices, in words.
fn all_named(ports: &BTreeSet<(Arc<str>, Protocol)>) -> String {
    let listed = ports.iter().take(MAX_LISTED).map(named).collect::<Vec<_>>().join(", ");
    match (ports.len(), ports.len().saturating_sub(MAX_LISTED)) {
        (0, _) => "no ports".to_owned(),
        (_, 0) => listed,
        (_, more) => format!("{listed} and {more} more"),
    }
}

/// A port of a name, in words.
fn named((name, protocol): &(Arc<str>, Protocol)) -> String {
    match name.is_empty() {
        true => format!("a port without a name ({protocol})"),
        false => format!("port {name:?} ({protocol})"),
    }
}

fn ineligible(f: &mut fmt::Formatter<'_>, reasons: &BTreeMap<Ineligible, usize>) -> fmt::Result {
    let all: usize = reasons.values().sum();
    if let (1, Some(reason)) = (reasons.len(), reasons.keys().next()) {
        return match all {
            1 => write!(f, "its only endpoint is {}", reason.in_words()),
            _ => write!(f, "its {all} endpoints are {}", reason.in_words()),
        };
    }
    write!(f, "of its {all} endpoints ")?;
    for (index, (reason, count)) in reasons.iter().enumerate() {
        let (comma, verb) = (if index == 0 { "" } else { ", " }, if *count == 1 { "is" } else { "are" });
        write!(f, "{comma}{count} {verb} {}", reason.in_words())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
