//! What does every test here start from? A cluster, its Nodes in the API server, and weir on them.

use crate::objects::{Endpoint, Service};
use serde_json::json;
use std::{
    collections::BTreeSet,
    env, fs,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};
use weir_testkit::{
    Program,
    cluster::{CLUSTER_CIDR, Cluster, Failure, Host, NodePlan, PodNetwork, SERVICE_CIDR},
};

pub(crate) use weir_testkit::{eventually, idle};

/// The built program.
pub(crate) const WEIR: &str = env!("CARGO_BIN_EXE_weir");
/// What answers at all answers within this, here.
const SILENCE: Duration = Duration::from_millis(700);

/// Starts weir as a Pod of `examples/deploy` does: with these capabilities and no other, and with process ids of its own.
const AS_IN_ITS_POD: &str = "unshare --pid --fork --kill-child --mount-proc setpriv --inh-caps -all \
                             --bounding-set -all,+net_admin,+net_bind_service";

/// Who answered, and the address that it saw; or why nobody did.
pub(crate) type Answer = Result<(String, IpAddr), Failure>;

/// How to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
}

pub(crate) const BOTH: [Protocol; 2] = [Protocol::Tcp, Protocol::Udp];

/// How the nodes of this test program join their pods. The folders `node_on_bridges` and `node_on_filtered_bridges` are links
/// to this one, so that every test here runs once on each layout.
const LAYOUT: Layout = match env!("CARGO_CRATE_NAME").as_bytes() {
    b"node" => Layout::Mixed,
    b"node_on_bridges" => Layout::Bridges { netfilter: false },
    b"node_on_filtered_bridges" => Layout::Bridges { netfilter: true },
    _ => panic!("a test program has the name of one of these folders"),
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// Routed pods on every node but node-b, whose pods are on a bridge.
    Mixed,
    /// One bridge on each node, whose packets pass nftables (`bridge-nf-call-iptables`) or not.
    Bridges { netfilter: bool },
}

/// A node as this layout has it. Tests that are about one way of joining pods ask for that one instead.
pub(crate) fn plan(name: &str) -> NodePlan<'_> {
    match LAYOUT {
        Layout::Mixed if name == "node-b" => NodePlan::bridged(name, false),
        Layout::Mixed => NodePlan::routed(name),
        Layout::Bridges { netfilter } => NodePlan::bridged(name, netfilter),
    }
}

/// A cluster with weir on its nodes.
pub(crate) struct Bed {
    weirs: Vec<(String, Program)>,
    pub(crate) cluster: Cluster,
    kubeconfig: PathBuf,
    /// What starts weir, if anything, and its arguments before weir's.
    starter: &'static str,
}

impl Bed {
    /// Pods a-1, a-2 on node-a, and b-1, b-2 on node-b; weir on both nodes.
    pub(crate) fn standard() -> Option<Self> {
        let mut bed = Self::without_weir(&[plan("node-a"), plan("node-b")])?;
        bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2"), ("node-b", "b-1"), ("node-b", "b-2")]);
        bed.start_weir("node-a", &[]);
        bed.start_weir("node-b", &[]);
        Some(bed)
    }

    /// The pods a-1 and a-2, and weir on their node.
    pub(crate) fn single() -> Option<Self> {
        let mut bed = Self::without_weir(&[plan("node-a")])?;
        bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2")]);
        bed.start_weir("node-a", &[]);
        Some(bed)
    }

    /// The standard cluster, for what is not so where all pods are on bridges: packets between ports of a bridge are not
    /// forwarded, or neighbours cannot be found where `forward` drops.
    pub(crate) fn mixed() -> Option<Self> {
        if LAYOUT == Layout::Mixed { Self::standard() } else { None }
    }

    /// Only these nodes, laid out as the test says. Such a test runs in one of the three programs only.
    pub(crate) fn laid_out(plans: &[NodePlan<'_>]) -> Option<Self> {
        if LAYOUT == Layout::Mixed { Self::without_weir(plans) } else { None }
    }

    /// Only the nodes, which the API server knows.
    pub(crate) fn without_weir(plans: &[NodePlan<'_>]) -> Option<Self> {
        let cluster = Cluster::create(plans)?;
        for (index, node) in cluster.nodes().enumerate() {
            let addresses = [node.v4(), node.v6()].map(|ip| json!({ "type": "InternalIP", "address": ip }));
            let pods = [format!("10.244.{index}.0/24"), format!("fd00:10:244:{index}::/64")];
            let object = json!({
                "apiVersion": "v1", "kind": "Node",
                "metadata": { "name": node.name(), "labels": { "topology.kubernetes.io/zone": zone(node.name()) } },
                "spec": { "podCIDRs": pods }, "status": { "addresses": addresses },
            });
            cluster.api().apply(object).unwrap();
        }
        let kubeconfig = env::temp_dir().join(format!("weir-node-{:016x}", rand::random::<u64>()));
        fs::write(&kubeconfig, cluster.api().kubeconfig()).unwrap();
        Some(Self { weirs: Vec::new(), cluster, kubeconfig, starter: "" })
    }

    pub(crate) fn start_pods(&mut self, pods: &[(&str, &str)]) {
        for (node, pod) in pods {
            self.cluster.start_pod(node, pod);
        }
    }

    /// Starts weir on a node and waits until it serves.
    pub(crate) fn start_weir(&mut self, node: &str, flags: &[&str]) {
        let program = self.spawn_weir(node, flags);
        self.weirs.push((node.to_owned(), program));
        eventually(&format!("readiness on {node}"), Some(true), || {
            let weir = self.weir_mut(node);
            assert!(!weir.has_ended().unwrap(), "weir has ended:\n{}", weir.log().unwrap());
            self.probe(node, "/readyz").map(|status| status == 200)
        });
    }

    /// Starts weir on a node as in its Pod, and waits until it serves.
    pub(crate) fn start_weir_as_in_its_pod(&mut self, node: &str) {
        self.run_weir_as_in_pods();
        self.start_weir(node, &[]);
    }

    /// From now on weir starts as in its Pod.
    pub(crate) fn run_weir_as_in_pods(&mut self) {
        self.starter = AS_IN_ITS_POD;
    }

    /// Starts weir on a node.
    pub(crate) fn spawn_weir(&self, node: &str, flags: &[&str]) -> Program {
        let state = self.state_dir().join(node);
        let runtime = self.runtime_dir();
        let variables =
            [("WEIR_STATE_DIR", state.to_str().unwrap()), ("WEIR_RUNTIME_DIR", runtime.to_str().unwrap())];
        let starter: Vec<&str> = self.starter.split_whitespace().collect();
        let command = [&starter[..], &[WEIR], &self.arguments(node, flags)].concat();
        self.cluster.node(node).spawn(command[0], &command[1..], &variables).unwrap()
    }

    /// Starts a command on a node as the leader of a process group of its own, with this `PATH`.
    pub(crate) fn spawn_in_session(&self, node: &str, command: &[&str], path: &str) -> Program {
        let state = self.state_dir().join(node);
        let runtime = self.runtime_dir();
        let variables = [
            ("WEIR_STATE_DIR", state.to_str().unwrap()),
            ("WEIR_RUNTIME_DIR", runtime.to_str().unwrap()),
            ("PATH", path),
        ];
        self.cluster.node(node).spawn("setsid", command, &variables).unwrap()
    }

    /// Where each node has a folder for its weir's state.
    fn state_dir(&self) -> PathBuf {
        self.kubeconfig.with_extension("state")
    }

    /// Where the weirs of all nodes find those of their own node.
    pub(crate) fn runtime_dir(&self) -> PathBuf {
        self.kubeconfig.with_extension("run")
    }

    /// The arguments with which weir is started on a node.
    pub(crate) fn arguments<'a>(&'a self, node: &'a str, flags: &[&'a str]) -> Vec<&'a str> {
        let kubeconfig = self.kubeconfig.to_str().unwrap();
        let start =
            ["run", "--mode", "node", "--node-name", node, "--kubeconfig", kubeconfig, "--workers", "2"];
        let networks = ["--cluster-cidr", CLUSTER_CIDR, "--service-cidr", SERVICE_CIDR];
        [&start[..], &networks, flags].concat()
    }

    /// The weir of a node.
    pub(crate) fn weir_mut(&mut self, node: &str) -> &mut Program {
        let weir = self.weirs.iter_mut().find(|(name, _)| name == node);
        &mut weir.expect("weir was started there").1
    }

    /// Ends the weir of a node in this way and forgets it.
    pub(crate) fn stop_weir(&mut self, node: &str, how: impl FnOnce(&mut Program)) {
        how(self.weir_mut(node));
        self.weirs.retain(|(name, _)| name != node);
    }

    /// The status of a probe, if there is an answer.
    pub(crate) fn probe(&self, node: &str, path: &str) -> Option<u16> {
        let answer = self.cluster.node(node).http("127.0.0.1:10256".parse().unwrap(), path).ok()?;
        answer.split(' ').nth(1)?.parse().ok()
    }

    /// Puts a Service with these ready pods into the API server.
    pub(crate) fn serve(&self, service: &Service, pods: &[&str]) {
        let endpoints: Vec<Endpoint> = pods.iter().map(|pod| self.ready(pod)).collect();
        service.endpoints(self.cluster.api(), &endpoints);
        service.apply(self.cluster.api());
    }

    pub(crate) fn endpoints(&self, service: &Service, endpoints: &[Endpoint]) {
        service.endpoints(self.cluster.api(), endpoints);
    }

    pub(crate) fn ready(&self, pod: &str) -> Endpoint {
        Endpoint::ready(&self.cluster, pod)
    }

    /// The address that a pod sees of a client whose own is not kept, where the client's node is the pod's, too: the address
    /// of the interface that leads to the pod, as with the kernel's masquerading. In the family of `to`.
    pub(crate) fn masqueraded(&self, pod: &str, to: IpAddr) -> IpAddr {
        let (node, pod) = (self.cluster.node(self.cluster.node_of(pod)), self.cluster.pod(pod));
        match (plan(node.name()).network, pod.address_towards(to)) {
            (PodNetwork::Routed, _) => node.address_towards(to),
            (PodNetwork::Bridged { .. }, IpAddr::V4(ip)) => {
                let [a, b, c, _] = ip.octets();
                [a, b, c, 1].into()
            }
            (PodNetwork::Bridged { .. }, IpAddr::V6(ip)) => {
                let mut segments = ip.segments();
                segments[7] = 1;
                segments.into()
            }
        }
    }

    /// Asks until somebody answers, over both protocols and in both families, on every node that has weir.
    pub(crate) fn wait_until_served(&self, number: u8) {
        for (node, _) in &self.weirs {
            for ip in crate::objects::cluster_ips(number) {
                for protocol in BOTH {
                    let to = SocketAddr::new(ip, 80);
                    let what = format!("an answer over {protocol:?} from {to} on {node}");
                    eventually(&what, true, || ask(self.cluster.node(node), protocol, to).is_ok());
                }
            }
        }
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.kubeconfig);
        let _ = fs::remove_dir_all(self.state_dir());
        let _ = fs::remove_dir_all(self.runtime_dir());
    }
}

/// The zone of a node: each has its own.
pub(crate) fn zone(node: &str) -> String {
    format!("zone-of-{node}")
}

/// Asks once; what is silent for some time is taken to be silent.
pub(crate) fn ask(client: &Host, protocol: Protocol, to: SocketAddr) -> Answer {
    let client = client.client().within(SILENCE);
    let reply = match protocol {
        Protocol::Tcp => client.tcp(to),
        Protocol::Udp => client.udp(to),
    };
    reply.map(|reply| (reply.name, reply.source.ip()))
}

/// Asks once from one of the client's addresses.
pub(crate) fn ask_from(client: &Host, source: IpAddr, protocol: Protocol, to: SocketAddr) -> Answer {
    let client = client.client().within(SILENCE).from(source);
    let reply = match protocol {
        Protocol::Tcp => client.tcp(to),
        Protocol::Udp => client.udp(to),
    };
    reply.map(|reply| (reply.name, reply.source.ip()))
}

/// Waits until a client gets this answer.
pub(crate) fn expect(
    client: &Host,
    protocol: Protocol,
    to: SocketAddr,
    wanted: Result<(&str, IpAddr), Failure>,
) {
    let wanted = wanted.map(|(name, ip)| (name.to_owned(), ip));
    eventually(&format!("{} -> {to} over {protocol:?}", client.name()), wanted, || ask(client, protocol, to));
}

/// The names of those who answer many times; every time somebody must.
pub(crate) fn names(client: &Host, protocol: Protocol, to: SocketAddr) -> BTreeSet<String> {
    const TIMES: usize = 40;
    let answers = (0..TIMES).map(|_| ask(client, protocol, to));
    let names = answers.map(|answer| answer.map(|(name, _)| name));
    names.collect::<Result<_, _>>().unwrap_or_else(|failure| panic!("{} -> {to}: {failure}", client.name()))
}

/// Waits until exactly these answer.
pub(crate) fn expect_names(client: &Host, protocol: Protocol, to: SocketAddr, wanted: &[&str]) {
    let wanted: BTreeSet<String> = wanted.iter().map(|&name| name.to_owned()).collect();
    let what = format!("{} -> {to} over {protocol:?}", client.name());
    eventually(&what, wanted, || names(client, protocol, to));
}
