//! How is a judgement written down? The form of `weir explain -o json`, which its page for people shows too.

use super::judge::Judge;
use crate::{admin::PassedOver, cli::AskedFlow, commands::load::shortage};
use ipnet::IpNet;
use serde::Serialize;
use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, SocketAddr},
};
use weir_control::Loaded;
use weir_core::{
    EndpointUse, FrontendKind, Origin, Traffic, Unused, Weight,
    verdict::{Candidate, Cause, Judgement, Matched, Outcome},
};

/// Answer to what a flow gets, and why.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    pub(super) from: IpAddr,
    /// `node`, `pod` or `outside`.
    pub(super) origin: &'static str,
    /// Frontend that is dialled, as in `10.96.0.10:80/TCP`.
    pub(super) to: String,
    /// Where `weir run --map loopback` serves the cluster IP, and the cluster IP that is served there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mapped: Option<MappedAnswer>,
    /// `ACCEPT`, `REJECT`, `DROP` or `NONE`.
    pub(super) verdict: &'static str,
    /// Cause of the verdict, as a sentence.
    pub(super) because: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) service: Option<ServiceAnswer>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) endpoints: Vec<EndpointAnswer<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) notes: Vec<String>,
}

/// Cluster IP that is served elsewhere.
#[derive(Debug, Serialize)]
pub(super) struct MappedAnswer {
    /// Cluster IP and port, as in `10.96.0.10:80/TCP`.
    pub(super) address: String,
    /// Where to connect to, as in `127.96.0.10:20080/TCP`.
    pub(super) listen: String,
}

/// Service port that the frontend belongs to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServiceAnswer {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) port_name: String,
    /// `cluster-ip`, `external-ip`, `load-balancer` or `node-port`.
    pub(super) kind: &'static str,
    /// Traffic policy that applies, and its value.
    pub(super) policy: String,
    /// `cluster` or `local`: which endpoints the policy leaves.
    pub(super) list: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source_ranges: Option<Vec<IpNet>>,
}

/// Endpoint of the Service port.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EndpointAnswer<'a> {
    /// Address and port; without a port if its EndpointSlice says none for the Service port.
    pub(super) address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) node: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) zone: Option<&'a str>,
    pub(super) eligible: bool,
    /// Reason why the endpoint is not eligible.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<&'static str>,
    /// What the objects say that makes it so, where the reason alone does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<String>,
    /// `kept` or `replaced`: whose address the endpoint would see, the client's or the node's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<&'static str>,
    /// Weight, where it is not the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) weight: Option<u16>,
}

impl<'a> Answer<'a> {
    pub(super) fn of(
        flow: AskedFlow,
        judge: &Judge,
        judgement: &Judgement<'a>,
        loaded: &'a Loaded,
        passed_over: &PassedOver<'_>,
        notes: Vec<String>,
    ) -> Self {
        let matched = match &judgement.cause {
            Cause::Frontend(matched) => Some(matched),
            _ => None,
        };
        let passed_over =
            matched.map(|matched| passed_over(&matched.claim.port, matched.traffic)).unwrap_or_default();
        let candidates = matched.into_iter().flat_map(|matched| &matched.candidates);
        let candidates = candidates.map(|candidate| EndpointAnswer::of(candidate, &passed_over));
        let candidates: Vec<EndpointAnswer<'a>> = candidates.collect();
        let left_out = matched.into_iter().flat_map(|matched| left_out(matched, loaded));
        let listen = judge.dialled(flow.to);
        let mapped = judge
            .mapped
            .frontend(listen)
            .map(|frontend| MappedAnswer { address: frontend.to_string(), listen: listen.to_string() });
        Self {
            from: flow.from,
            origin: origin(judgement.origin),
            to: flow.to.to_string(),
            mapped,
            verdict: judgement.outcome.as_str(),
            because: because(judgement, loaded, &candidates),
            service: matched.map(|matched| ServiceAnswer::of(matched, judgement.origin)),
            endpoints: candidates.into_iter().chain(left_out).collect(),
            notes,
        }
    }
}

impl ServiceAnswer {
    fn of(matched: &Matched<'_>, origin: Origin) -> Self {
        let key = &matched.claim.port.key;
        Self {
            namespace: key.service.namespace.to_string(),
            name: key.service.name.to_string(),
            port_name: key.name.to_string(),
            kind: matched.claim.kind.as_str(),
            policy: policy(matched, origin),
            list: match matched.traffic {
                Traffic::Cluster => "cluster",
                Traffic::Local => "local",
            },
            source_ranges: matched.ranges.clone(),
        }
    }
}

impl<'a> EndpointAnswer<'a> {
    fn of(candidate: &Candidate<'a>, passed_over: &HashMap<SocketAddr, &'static str>) -> Self {
        let Candidate { endpoint, eligibility, masquerade } = *candidate;
        let found = passed_over.get(&endpoint.address).copied();
        let reason = eligibility.err().map(|reason| reason.as_str()).or(found);
        Self {
            address: endpoint.address.to_string(),
            node: endpoint.node.as_deref(),
            zone: endpoint.zone.as_deref(),
            eligible: reason.is_none(),
            reason,
            detail: None,
            source: reason.is_none().then_some(if masquerade { "replaced" } else { "kept" }),
            weight: Some(endpoint.weight).filter(|&weight| weight != Weight::DEFAULT).map(Weight::get),
        }
    }
}

fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Node => "node",
        Origin::Pod => "pod",
        Origin::Outside => "outside",
    }
}

/// Traffic policy's field for this kind of address, and whether it is Local.
fn field(matched: &Matched<'_>) -> (&'static str, bool) {
    let port = &matched.claim.port;
    match matched.claim.kind {
        FrontendKind::ClusterIp => ("internalTrafficPolicy", port.internal_local),
        _ => ("externalTrafficPolicy", port.external_local),
    }
}

fn policy(matched: &Matched<'_>, origin: Origin) -> String {
    let (field, local) = field(matched);
    match (local, matched.traffic) {
        (false, _) => format!("{field} Cluster"),
        (true, Traffic::Local) => format!("{field} Local"),
        (true, Traffic::Cluster) => {
            let who = if origin == Origin::Node { "the node itself" } else { "pods" };
            format!("{field} Local, which does not bind {who}")
        }
    }
}

fn because(judgement: &Judgement<'_>, loaded: &Loaded, answers: &[EndpointAnswer<'_>]) -> String {
    let matched = match &judgement.cause {
        Cause::Frontend(matched) => matched,
        Cause::UndefinedPort => return "a cluster IP, without this port and protocol".to_owned(),
        Cause::Unallocated(network) => return format!("no Service has this address of {network}"),
        Cause::NoService => return "not an address of a Service".to_owned(),
    };
    let port = &matched.claim.port;
    match judgement.outcome {
        Outcome::Accept => eligible(matched, answers),
        _ if !matched.admitted => "the client is outside loadBalancerSourceRanges".to_owned(),
        Outcome::None => {
            "no endpoint may serve here, and weir.dev/no-local-endpoints lets the packets go on".to_owned()
        }
        _ if port.has_any => format!("{} is Local, and no endpoint on this node can serve", field(matched).0),
        _ => match shortage(loaded, port, matched.traffic) {
            Some(why) => format!("no endpoint can serve, on any node: {why}"),
            None => "no endpoint can serve, on any node".to_owned(),
        },
    }
}

/// Number of endpoints that get new connections, and of those that would but for what weir has found out, by reason.
fn eligible(matched: &Matched<'_>, answers: &[EndpointAnswer<'_>]) -> String {
    let verb = |count: usize| if count == 1 { "is" } else { "are" };
    let (mut eligible, mut passed_over) = (0, BTreeMap::<&str, usize>::new());
    let judged = matched.candidates.iter().zip(answers);
    for (_, answer) in judged.filter(|(candidate, _)| candidate.eligibility.is_ok()) {
        match answer.reason {
            None => eligible += 1,
            Some(reason) => *passed_over.entry(reason).or_default() += 1,
        }
    }
    let noun = if eligible == 1 { "endpoint" } else { "endpoints" };
    let others = passed_over.into_iter().map(|(reason, count)| format!("; {count} {} {reason}", verb(count)));
    format!("{eligible} {noun} {} eligible{}", verb(eligible), others.collect::<String>())
}

/// Endpoints of the Service that the port leaves out, although the Service's slices list them.
fn left_out<'a>(matched: &Matched<'a>, loaded: &'a Loaded) -> impl Iterator<Item = EndpointAnswer<'a>> {
    let port = &matched.claim.port;
    let slices = loaded.state.slices_of(&port.key.service);
    let refused = loaded.refused(&port.key.service);
    let uses = EndpointUse::of(port, matched.traffic, slices, refused, &loaded.snapshot.node);
    let left_out: Vec<EndpointAnswer<'a>> = uses
        .into_iter()
        .filter(|endpoint| endpoint.port.is_none())
        .filter_map(|endpoint| {
            let why = endpoint.usable.err()?;
            Some(EndpointAnswer {
                address: endpoint.ip.to_string(),
                node: endpoint.node,
                zone: endpoint.zone,
                eligible: false,
                reason: Some(why.as_str()),
                detail: matches!(why, Unused::OtherPort(_) | Unused::Refused(_)).then(|| why.to_string()),
                source: None,
                weight: None,
            })
        })
        .collect();
    left_out.into_iter()
}
