//! Why has a Service port no endpoint for a kind of traffic? (semantics E1-E5, O1-O3, R1-R6)

use super::{
    guards::{Refusal, Refused, refused_endpoints},
    list_rule::ListRule,
    traffic::Traffic,
};
use crate::{
    model::{EndpointSlice, Family, Node, Protocol, ServiceKey},
    resolve::{Ineligible, ServicePort},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt,
    net::IpAddr,
    sync::Arc,
};

/// Why a Service port has no endpoint for a kind of traffic. Its text is a sentence without a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// No EndpointSlice has the label that names the Service.
    NoSlice(ServiceKey),
    /// No EndpointSlice is of the family of the port.
    OtherFamily(Family),
    /// The slices of the family, so many, hold no endpoint.
    Empty(usize),
    /// Guards refuse the addresses of all endpoints: their number for each reason.
    Refused(BTreeMap<Refusal, usize>),
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
    /// Why a Service port has no endpoint for a kind of traffic; `None` if it has one. `slices` are all of the Service,
    /// `refused` are its addresses that guards refuse.
    pub fn of<'a>(
        port: &ServicePort,
        traffic: Traffic,
        slices: impl Iterator<Item = &'a EndpointSlice> + Clone,
        refused: &Refused,
        node: &Node,
    ) -> Option<Self> {
        if port.merged.is_empty() {
            return Some(Self::without_endpoints(port, slices, refused));
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
        refused: &Refused,
    ) -> Self {
        if slices.clone().next().is_none() {
            return Self::NoSlice(port.key.service.clone());
        }
        let own = slices.filter(|slice| slice.family == port.family);
        let addresses: HashSet<IpAddr> = refused_endpoints(refused, port.family).map(|(_, ip)| ip).collect();
        let is_filled = |slice: &&EndpointSlice| slice.endpoints.iter().any(|e| !addresses.contains(&e.ip));
        let filled = own.clone().filter(is_filled);
        match (own.count(), filled.clone().next()) {
            (0, _) => Self::OtherFamily(port.family),
            (count, None) if addresses.is_empty() => Self::Empty(count),
            (_, None) => Self::Refused(counted(refused_endpoints(refused, port.family))),
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
    /// not there at the moment are no mistake, and those that guards refuse are told of by themselves.
    pub fn is_mistake(&self) -> bool {
        matches!(self, Self::NoSlice(_) | Self::OtherFamily(_) | Self::OtherPort { .. })
    }
}

/// Number of refused endpoints for each reason.
fn counted(refused: impl Iterator<Item = (Refusal, IpAddr)>) -> BTreeMap<Refusal, usize> {
    let mut reasons = BTreeMap::new();
    refused.for_each(|(reason, _)| *reasons.entry(reason).or_default() += 1);
    reasons
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
            Self::Refused(reasons) => {
                f.write_str("guards refuse the addresses of its endpoints: ")?;
                for (index, (reason, count)) in reasons.iter().enumerate() {
                    let (comma, verb) =
                        (if index == 0 { "" } else { ", " }, if *count == 1 { "is" } else { "are" });
                    write!(f, "{comma}{count} {verb} {}", reason.of_endpoint_in_words())?;
                }
                Ok(())
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
pub(super) fn all_named(ports: &BTreeSet<(Arc<str>, Protocol)>) -> String {
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
