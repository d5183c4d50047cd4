//! Which endpoints of its EndpointSlices does a Service port use for a kind of traffic, and why not the others?
//! (semantics E1-E5, O1-O3, R1-R6)

use super::{
    guards::{Refusal, Refused, refused_endpoints},
    list_rule::ListRule,
    shortage::all_named,
    traffic::Traffic,
};
use crate::{
    model::{Endpoint, EndpointSlice, Node},
    resolve::{Ineligible, ServicePort},
};
use std::{
    collections::{BTreeSet, HashSet},
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
    /// The port number of the endpoint; `None` if its slice says none for the Service port, or if the endpoint is refused.
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
    /// Guards refuse the address of the endpoint.
    Refused(Refusal),
}

impl Unused<'_> {
    /// The word for tables and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ineligible(reason) => reason.as_str(),
            Self::OtherPort(_) => "other-port",
            Self::OtherFamily => "other-family",
            Self::Refused(_) => "refused",
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
            Self::Refused(reason) => write!(f, "the address is {}", reason.of_endpoint_in_words()),
        }
    }
}

impl<'a> EndpointUse<'a> {
    /// All endpoints of a Service port for a kind of traffic: first those that it has, in list order, then those of its
    /// `slices` that it leaves out, and those that are `refused`. Endpoints of the other family are listed if there is none
    /// of its own.
    pub fn of(
        port: &'a ServicePort,
        traffic: Traffic,
        slices: impl IntoIterator<Item = &'a EndpointSlice>,
        refused: &Refused,
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
        // An address may be refused once and allowed once: as that of a pod on the host network.
        let is_served: HashSet<IpAddr> = found.iter().map(|endpoint| endpoint.ip).collect();
        let refused: Vec<_> =
            refused_endpoints(refused, port.family).filter(|(_, ip)| !is_served.contains(ip)).collect();
        let mut known = is_served;
        known.extend(refused.iter().map(|(_, ip)| *ip));
        let (own, other): (Vec<_>, Vec<_>) =
            slices.into_iter().partition(|slice| slice.family == port.family);
        for slice in own.into_iter().filter(|slice| !has_port(slice, port)) {
            found.extend(left_out(slice, Unused::OtherPort(slice)).filter(|left| known.insert(left.ip)));
        }
        found.extend(refused.into_iter().map(|(reason, ip)| Self {
            ip,
            port: None,
            node: None,
            zone: None,
            usable: Err(Unused::Refused(reason)),
        }));
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

#[cfg(test)]
mod tests;
