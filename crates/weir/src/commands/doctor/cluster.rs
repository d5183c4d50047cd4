//! Can the API server be reached, may it be asked for what weir needs, and is this the node that it knows?

use super::{
    check::{Check, Outcome},
    subject::{Cluster, Subject},
};
use std::{collections::BTreeSet, net::IpAddr};
use weir_control::{Examination, Need, Right};

pub(super) fn judge(subject: &Subject, node_name: &str) -> Vec<Check> {
    const NAME: &str = "kubeconfig";
    let examination = match &subject.cluster {
        Cluster::NotConfigured(why) => {
            return vec![Check::warn(
                NAME,
                format!("nothing was asked about the cluster: {why}"),
                "run weir doctor with the flags that weir run will have",
            )];
        }
        Cluster::Unusable(why) => {
            return vec![Check::fail(
                NAME,
                why,
                "mend it, or name another one with --kubeconfig and --context",
            )];
        }
        Cluster::Examined(examination) => examination,
    };
    let mut checks =
        vec![Check::ok(NAME, format!("the API server is {}", examination.server)), api_server(examination)];
    if examination.version.is_ok() {
        checks.push(rights(&examination.rights));
        checks.extend(examination.events.as_ref().map(events));
        checks.extend(node(examination, node_name, &subject.addresses));
    }
    checks
}

fn api_server(examination: &Examination) -> Check {
    const NAME: &str = "API server";
    match &examination.version {
        Ok((version, took)) => {
            Check::ok(NAME, format!("version {version} has answered within {} ms", took.as_millis()))
        }
        Err(why) => Check::fail(
            NAME,
            why,
            "look at the address, the way there and the credentials. weir needs no Service to reach it: --api-server may \
             name the address of a control plane node",
        ),
    }
}

/// Tells which right is missing; a cause that all kinds have in common is told once.
fn rights(rights: &[Right]) -> Check {
    const NAME: &str = "rights";
    let missing = || rights.iter().filter(|right| right.outcome.is_err());
    let worst = missing().map(|right| match right.need {
        Need::Required => Outcome::Fail,
        Need::Recommended => Outcome::Warn,
        Need::Optional => Outcome::Ok,
    });
    // Ordered by weight.
    let weight = |outcome: &Outcome| match outcome {
        Outcome::Ok => 0,
        Outcome::Warn => 1,
        Outcome::Fail => 2,
    };
    let worst = worst.max_by_key(weight).unwrap_or(Outcome::Ok);
    let allowed: Vec<&str> =
        rights.iter().filter(|right| right.outcome.is_ok()).map(|right| right.resource).collect();
    let mut said: Vec<&str> = Vec::new();
    for why in missing().filter_map(|right| right.outcome.as_ref().err()) {
        if !said.contains(&&**why) {
            said.push(why);
        }
    }
    let finding = match (&allowed[..], &said[..]) {
        (_, []) => format!("this process may list and watch {}", allowed.join(", ")),
        ([], _) => said.join(". "),
        _ => format!("{}. It may list and watch {}", said.join(". "), allowed.join(", ")),
    };
    let advice =
        "apply examples/deploy/base/rbac.yaml, and bind its ClusterRole to the user of this kubeconfig";
    match worst {
        Outcome::Fail => Check::fail(NAME, finding, advice),
        Outcome::Warn => Check::warn(NAME, finding, advice),
        Outcome::Ok => Check::ok(NAME, finding),
    }
}

/// Tells whether Events may be written, on which nothing else depends.
fn events(outcome: &Result<(), String>) -> Check {
    const NAME: &str = "Events";
    match outcome {
        Ok(()) => Check::ok(NAME, "this process may create and patch events of the group events.k8s.io"),
        Err(why) => Check::warn(
            NAME,
            format!(
                "{why}; without that right weir writes no Events about Services, and does everything else"
            ),
            "apply examples/deploy/base/rbac.yaml, and bind its ClusterRole to the user of this kubeconfig; or set \
             --events=off, which asks for no such right",
        ),
    }
}

fn node(examination: &Examination, name: &str, addresses: &BTreeSet<IpAddr>) -> Option<Check> {
    const NAME: &str = "node name";
    let may_read = |right: &&Right| right.resource == "nodes" && right.outcome.is_ok();
    let list = |ips: &[&IpAddr]| ips.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    examination.rights.iter().find(may_read)?;
    let Some(node) = &examination.node else {
        return Some(Check::fail(
            NAME,
            format!(
                "the cluster has no Node {name:?}: no endpoint counts as local, Local policies find none, and node ports \
                 are not served"
            ),
            "name this Node with --node-name or $NODE_NAME, as 'kubectl get nodes' shows it",
        ));
    };
    let (here, elsewhere): (Vec<&IpAddr>, Vec<&IpAddr>) =
        node.internal_ips.iter().partition(|ip| addresses.contains(ip));
    Some(match (&here[..], &elsewhere[..]) {
        ([], []) => Check::warn(
            NAME,
            format!(
                "the Node {name:?} has no InternalIP: node ports are not served with --node-port-addresses primary"
            ),
            "look at its status.addresses; the kubelet or the cloud's controller sets them",
        ),
        ([], elsewhere) => Check::fail(
            NAME,
            format!(
                "the Node {name:?} has the InternalIPs {}, none of which is an address of this host: is it another node?",
                list(elsewhere)
            ),
            "name this Node with --node-name, and run weir doctor in the network of the host",
        ),
        (here, []) => Check::ok(
            NAME,
            format!("the Node {name:?} has the InternalIPs {}, which are addresses of this host", list(here)),
        ),
        (_, elsewhere) => Check::warn(
            NAME,
            format!(
                "of the InternalIPs of the Node {name:?} this host does not have {}: node ports are not served there",
                list(elsewhere)
            ),
            "look at the addresses of this host and at status.addresses of its Node",
        ),
    })
}
