//! Does weir serve one labelled Service while kube-proxy serves the others?

use crate::{
    bed::{BOTH, Bed, ask, eventually, expect, plan},
    objects::{Service, cluster_ips},
};
use std::net::SocketAddr;
use weir_testkit::cluster::{Host, POD_PORT};

/// What kube-proxy in nftables mode has for one Service (172.30.0.30) with one endpoint, as far as it matters here:
/// destination translation, "other ports of a cluster IP are refused" and "other Service addresses are dropped".
fn kube_proxy(endpoint: &Host) -> String {
    let (v4, v6) = (endpoint.v4(), endpoint.v6());
    format!(
        "table inet kube-proxy {{
          set cluster-ips {{
            type ipv4_addr
            elements = {{ 172.30.0.30 }}
          }}
          set cluster-ips-6 {{
            type ipv6_addr
            elements = {{ fd00:172:30::1e }}
          }}
          chain cluster-ips-check {{
            ip daddr @cluster-ips reject
            ip6 daddr @cluster-ips-6 reject
            ip daddr 172.30.0.0/16 drop
            ip6 daddr fd00:172:30::/112 drop
          }}
          chain services {{
            ip daddr 172.30.0.30 meta l4proto {{ tcp, udp }} th dport 80 dnat ip to {v4}:{POD_PORT}
            ip6 daddr fd00:172:30::1e meta l4proto {{ tcp, udp }} th dport 80 dnat ip6 to [{v6}]:{POD_PORT}
          }}
          chain nat-prerouting {{
            type nat hook prerouting priority dstnat
            jump services
          }}
          chain nat-output {{
            type nat hook output priority -100
            jump services
          }}
          chain filter-forward {{
            type filter hook forward priority -110
            ct state new jump cluster-ips-check
          }}
          chain filter-output-post-dnat {{
            type filter hook output priority -90
            ct state new jump cluster-ips-check
          }}
        }}"
    )
}

#[test]
fn weir_serves_its_labelled_service_beside_kube_proxy_and_leaves_it_the_others() {
    let Some(mut bed) = Bed::without_weir(&[plan("node-a"), plan("node-b")]) else {
        return;
    };
    bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2"), ("node-b", "b-1")]);
    for node in bed.cluster.nodes() {
        node.namespace().nft(&kube_proxy(bed.cluster.pod("b-1"))).unwrap();
    }
    for node in ["node-a", "node-b"] {
        bed.start_weir(node, &["--service-proxy-name", "weir"]);
    }
    let labelled = Service::web("mine", 10).label("service.kubernetes.io/service-proxy-name", "weir");
    bed.serve(&labelled, &["a-1"]);
    bed.serve(&Service::web("others", 30), &["b-1"]);
    for client in [
        bed.cluster.pod("a-2"),
        bed.cluster.pod("b-1"),
        bed.cluster.node("node-a"),
        bed.cluster.node("node-b"),
    ] {
        for (protocol, index) in BOTH.into_iter().flat_map(|protocol| [(protocol, 0), (protocol, 1)]) {
            let what =
                |number: u8| format!("{} -> Service {number}, family {index}, {protocol:?}", client.name());
            let to = |number: u8| SocketAddr::new(cluster_ips(number)[index], 80);
            let answers =
                |number: u8, name: &str| ask(client, protocol, to(number)).is_ok_and(|(who, _)| who == name);
            eventually(&what(10), true, || answers(10, "a-1"));
            // A pod that kube-proxy would send to itself needs its masquerading, which is not here.
            if client.name() != "b-1" {
                eventually(&what(30), true, || answers(30, "b-1"));
            }
        }
    }
    let pod = bed.cluster.pod("a-2");
    for protocol in BOTH {
        expect(pod, protocol, SocketAddr::new(cluster_ips(10)[0], 80), Ok(("a-1", pod.v4())));
    }
}
