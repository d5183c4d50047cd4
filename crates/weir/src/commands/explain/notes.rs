//! What should the reader of a verdict know that the rules do not say?

use super::judge::Judge;
use crate::cli::AskedFlow;
use std::sync::Arc;
use weir_control::Loaded;
use weir_core::{
    Claimant, Family, Pods, Protocol, ResolvedService, Snapshot,
    verdict::{Cause, Index, Judgement},
};

/// Claims without success, and ports, that are named.
const MAX_NAMED: usize = 5;

/// Limits of the answer, each as a sentence.
pub(super) fn notes(
    judge: &Judge,
    flow: AskedFlow,
    judgement: &Judgement<'_>,
    pods: &Pods,
    loaded: &Loaded,
) -> Vec<String> {
    let index = &judge.index;
    let mut notes = Vec::new();
    if judge.asks_for_pods(judgement) {
        notes.extend(outside(index, flow, pods));
    }
    let family = Family::of(flow.from);
    let (node, network) = (index.node(), index.network());
    if !network.addresses.iter().any(|ip| Family::of(*ip) == family && !ip.is_loopback()) {
        notes.push(format!(
            "no {family} address of node {:?} is known: only loopback counts as the node, and no node port is \
             served; give --node-addresses, or a Node among the objects",
            &*node.name
        ));
    }
    if let (Protocol::Sctp, Cause::Frontend(_)) = (flow.to.protocol, &judgement.cause) {
        notes.push("this is kube-proxy's answer: weir relays no SCTP".to_owned());
    }
    if judgement.cause == Cause::UndefinedPort {
        notes.extend(defined(flow, &loaded.snapshot));
    }
    let dialled = judge.dialled(flow.to);
    if dialled != flow.to {
        notes.push(format!("this host has no {}: connect to {dialled}", flow.to.address.ip()));
    }
    let others = judge.mapped.others(flow.to);
    notes.extend(others.map(|(listen, key)| {
        format!("{key} has the same cluster IP, and an address of its own here: {listen}")
    }));
    if let Some(winner) = index.winner(dialled) {
        let lost = index.losers(dialled).filter(|loser| loser.port.key != winner.port.key);
        let said = lost.take(MAX_NAMED).map(|loser| {
            let (key, why) = (&loser.port.key, winner.rank().precedence(loser.rank()));
            format!(
                "{key} claims this address, too, and does not get it: {} does, since {why}",
                winner.port.key
            )
        });
        notes.extend(said);
    }
    let at = flow.to.address.ip();
    let refused = loaded.refusals.iter().flat_map(|refusals| refusals.at(at));
    notes.extend(refused.take(MAX_NAMED).map(|problem| problem.to_string()));
    notes
}

/// Ports that are defined at the cluster IP that was asked for: the endpoints' own port is often dialled instead.
fn defined(flow: AskedFlow, snapshot: &Snapshot) -> Option<String> {
    let ip = flow.to.address.ip();
    let has = |service: &&Arc<ResolvedService>| service.ports.iter().any(|port| port.cluster_ip == ip);
    let service = snapshot.services().filter(has).min_by(|a, b| a.key.cmp(&b.key))?;
    let ports = service.ports.iter().filter(|port| port.cluster_ip == ip);
    let ports = ports.map(|port| format!("{}/{}", port.port, port.key.protocol));
    let listed = ports.take(MAX_NAMED).collect::<Vec<_>>().join(", ");
    Some(format!("{} is the cluster IP of {}, whose ports are {listed}", ip, service.key))
}

/// Reason why a client may wrongly count as outside.
fn outside(index: &Index, flow: AskedFlow, pods: &Pods) -> Option<String> {
    let node = index.node();
    match pods {
        Pods::OnBridge(name) => Some(format!(
            "pods are recognised by bridge {name}, which cannot be seen here: the client counts as outside"
        )),
        Pods::OnInterfaces(prefix) => Some(format!(
            "pods are recognised by interfaces {prefix}*, which cannot be seen here: the client counts as outside"
        )),
        _ if pods.are_known(Family::of(flow.from), node) => None,
        Pods::Unknown => {
            Some("no pods are recognised: give --cluster-cidr if the client may be one".to_owned())
        }
        Pods::OfNode | Pods::Within(_) => {
            Some(format!("no {} network of pods is known, so no pod is recognised", Family::of(flow.from)))
        }
    }
}
