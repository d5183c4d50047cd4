//! What should the reader of a verdict know that the rules do not say?

use crate::cli::AskedFlow;
use weir_core::{
    Family, Origin, Pods, Protocol,
    verdict::{Cause, Index, Judgement},
};

/// Limits of the answer, each as a sentence.
pub(super) fn notes(index: &Index, flow: AskedFlow, judgement: &Judgement<'_>, pods: &Pods) -> Vec<String> {
    let mut notes = Vec::new();
    if judgement.origin == Origin::Outside {
        notes.extend(outside(index, flow, pods));
    }
    let family = Family::of(flow.from);
    let (node, network) = (index.node(), index.network());
    if !network.addresses.iter().any(|ip| Family::of(*ip) == family) {
        notes.push(format!(
            "no {family} address of node {:?} is known: only loopback counts as the node, and no node port is \
             served; give --node-addresses, or a Node among the manifests",
            &*node.name
        ));
    }
    if let (Protocol::Sctp, Cause::Frontend(_)) = (flow.to.protocol, &judgement.cause) {
        notes.push("this is kube-proxy's answer: weir relays no SCTP".to_owned());
    }
    let others = index.losers(flow.to).map(|claim| &claim.port.key);
    notes.extend(others.map(|key| format!("{key} claims this address, too, and does not get it")));
    notes
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
