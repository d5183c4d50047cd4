//! Whose network policies are enforced on this host, and what do they do with weir's packets? By the signs that plugins leave
//! in rules and interfaces; docs/network-policies.md has the same in a table.

use super::check::Check;
use weir_capture::{Host, Links, Ruleset};

const NAME: &str = "policies";

/// Page that says more.
const PAGE: &str = "docs/network-policies.md";

pub(super) fn judge(host: &Host) -> Vec<Check> {
    let ruleset = host.ruleset.as_ref().and_then(|ruleset| ruleset.as_ref().ok());
    let links = host.links.as_ref().ok();
    // Without rules it cannot be known what there is, and why not is said elsewhere.
    let (Some(ruleset), Some(links)) = (ruleset, links) else { return Vec::new() };
    let signs = Signs { ruleset, links };
    let mut checks: Vec<Check> = PLUGINS
        .iter()
        .filter(|plugin| (plugin.is_here)(&signs))
        .flat_map(|plugin| (plugin.judge)(&signs))
        .collect();
    checks.extend(flow_tables(ruleset));
    if checks.is_empty() {
        checks.push(Check::ok(
            NAME,
            "no network plugin that enforces policies by rules of this host was recognised",
        ));
    }
    checks
}

/// What plugins leave on a host.
struct Signs<'a> {
    ruleset: &'a Ruleset,
    links: &'a Links,
}

impl Signs<'_> {
    fn has_chain(&self, part: &str) -> bool {
        self.ruleset.chains.iter().any(|chain| chain.name.starts_with(part))
    }

    fn has_table(&self, name: &str) -> bool {
        self.ruleset.tables.iter().any(|table| table == name)
    }

    fn has_link(&self, prefix: &str) -> bool {
        self.links.all.iter().any(|link| link.name.starts_with(prefix))
    }
}

struct Plugin {
    is_here: fn(&Signs<'_>) -> bool,
    judge: fn(&Signs<'_>) -> Vec<Check>,
}

const PLUGINS: [Plugin; 8] = [
    Plugin { is_here: is_calico, judge: calico },
    Plugin { is_here: |signs| signs.has_chain("KUBE-ROUTER-"), judge: kube_router },
    Plugin {
        is_here: |signs| {
            ["kube-network-policies", "kindnet-network-policies"]
                .iter()
                .any(|name| signs.has_table(&format!("inet {name}")))
        },
        judge: kube_network_policies,
    },
    Plugin { is_here: |signs| signs.has_link("antrea-gw") || signs.has_chain("ANTREA-"), judge: antrea },
    Plugin { is_here: |signs| signs.has_link("cilium_host"), judge: cilium },
    Plugin { is_here: |signs| signs.has_chain("WEAVE-NPC"), judge: weave },
    Plugin {
        is_here: |signs| signs.has_chain("AWS-SNAT-CHAIN") || signs.has_chain("AWS-CONNMARK-CHAIN"),
        judge: aws,
    },
    Plugin { is_here: |signs| signs.has_link("ovn-k8s-mp"), judge: ovn },
];

fn is_calico(signs: &Signs<'_>) -> bool {
    signs.ruleset.chains.iter().any(|chain| chain.name.contains("cali-")) || is_calico_with_ebpf(signs)
}

fn is_calico_with_ebpf(signs: &Signs<'_>) -> bool {
    signs.has_link("bpfin.cali") || signs.has_link("bpfout.cali")
}

fn calico(signs: &Signs<'_>) -> Vec<Check> {
    if is_calico_with_ebpf(signs) {
        return vec![answers_itself(
            "Calico with its eBPF data plane",
            "set bpfEnabled: false in FelixConfiguration",
        )];
    }
    let mut checks = vec![Check::warn(
        NAME,
        "Calico is here. Ingress to endpoints is judged as with kube-proxy. Egress of a client pod is judged when its packet \
         comes in: by the Service's address and port, not by the endpoint's",
        format!(
            "in egress policies allow the networks and ports of Services, since rules that name pods or namespaces do not \
             match them ({PAGE})"
        ),
    )];
    let to_host = signs.ruleset.chains.iter().filter(|chain| chain.name.ends_with("cali-wl-to-host"));
    let drops = |rule: &String| rule.split_whitespace().any(|word| ["drop", "reject"].contains(&word));
    if to_host.into_iter().any(|chain| chain.rules.last().is_some_and(drops)) {
        checks.push(Check::fail(
            NAME,
            "Calico drops what pods send to this host (defaultEndpointToHostAction is Drop), and with it all that they send \
             to Services",
            "set defaultEndpointToHostAction: Accept (or Return) in FelixConfiguration",
        ));
    }
    if signs.has_link("kube-ipvs0") {
        checks.push(Check::fail(
            NAME,
            "kube-proxy has used IPVS here (interface kube-ipvs0). Calico then uses all bits of its marks' mask, also those \
             of weir, for interfaces, and drops weir's packets",
            "remove kube-ipvs0 ('kube-proxy --cleanup'), or set iptablesMarkMask: 0x00ff0000 in FelixConfiguration",
        ));
    }
    checks
}

fn kube_router(_: &Signs<'_>) -> Vec<Check> {
    vec![Check::warn(
        NAME,
        "kube-router is here. Ingress to endpoints and egress of client pods are judged by the endpoint's address, as with \
         kube-proxy. But a pod that a policy for ingress selects gets no answers from Services: kube-router judges weir's \
         answers by the Service's address, since they are not tracked",
        format!(
            "where such pods are clients of Services, make the networks of Services local on each node: 'ip route add local \
             CIDR dev lo' ({PAGE})"
        ),
    )]
}

fn kube_network_policies(_: &Signs<'_>) -> Vec<Check> {
    vec![Check::ok(
        NAME,
        format!(
            "kube-network-policies (or kindnet) is here. Ingress and egress are judged by the endpoint's address, as with \
             kube-proxy, if weir runs as root and packets to endpoints are forwarded ({PAGE})"
        ),
    )]
}

fn antrea(_: &Signs<'_>) -> Vec<Check> {
    vec![answers_itself(
        "Antrea with AntreaProxy (the default)",
        "set antreaProxy.enable: false in its configuration",
    )]
}

fn cilium(_: &Signs<'_>) -> Vec<Check> {
    vec![answers_itself("Cilium", "use weir in clusters with another plugin; it was not tried with this one")]
}

fn ovn(_: &Signs<'_>) -> Vec<Check> {
    vec![answers_itself(
        "OVN-Kubernetes",
        "use weir in clusters with another plugin; it was not tried with this one",
    )]
}

/// Check for a plugin whose own load balancing comes before weir.
fn answers_itself(plugin: &str, advice: &str) -> Check {
    Check::warn(
        NAME,
        format!(
            "{plugin} is here, and takes what pods send to Services before weir sees it: weir serves only processes of this \
             host and clients from outside, if these"
        ),
        format!("{advice} ({PAGE})"),
    )
}

fn weave(_: &Signs<'_>) -> Vec<Check> {
    vec![Check::warn(
        NAME,
        "Weave's policy controller is here. It judges the egress of pods only of tracked connections and drops the rest: \
         Services get none of their packets",
        format!("run weave-npc without egress policies, or use another plugin ({PAGE})"),
    )]
}

fn aws(_: &Signs<'_>) -> Vec<Check> {
    vec![Check::ok(
        NAME,
        format!(
            "the AWS VPC CNI is here. Its policies are judged at the pods' interfaces: egress by the Service's address, which \
             its controller resolves, and ingress by the client's, both as with kube-proxy ({PAGE})"
        ),
    )]
}

/// Warns of flow tables: connections in them go from interface to interface without rules, so that an endpoint's answers go
/// to the client instead of to weir.
fn flow_tables(ruleset: &Ruleset) -> Option<Check> {
    let names = || ruleset.flow_tables.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    (!ruleset.flow_tables.is_empty()).then(|| {
        Check::warn(
            NAME,
            format!(
                "established connections may bypass the rules of this host by the flow table {}: answers of endpoints to \
                 weir's connections in the client's name would go to the client",
                names()
            ),
            "leave the interfaces weir0 and weir1 out of it, or switch it off: kindnet's --fastpath-threshold=0, Calico's \
             nftablesFlowTableOffload: Disabled",
        )
    })
}
