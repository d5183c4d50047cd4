//! Do `weir resolve` and `weir explain` say which addresses guards refuse, and why?

use crate::{ask, service, slice};

const NODE: &str = "apiVersion: v1\nkind: Node\nmetadata: {name: node-a}\nstatus: {addresses: [{type: InternalIP, address: 192.0.2.2}]}\n---\n";

const PORT: &str = "{name: http, port: 8080}";

/// A Service `web` with these endpoints.
fn web(endpoints: &str) -> String {
    NODE.to_owned() + &service("web", "10.96.0.10", 80) + &slice("web", "IPv4", PORT, endpoints)
}

const TO_WEB: [&str; 5] = ["--guards", "--from", "203.0.113.1", "--to", "10.96.0.10:80/TCP"];

#[test]
fn an_endpoint_at_the_nodes_own_address_has_a_reason_and_no_traffic() {
    let alone = web("{addresses: [192.0.2.2], nodeName: node-a}");
    let why = "guards refuse the addresses of its endpoints: 1 is this node's own, and the slice names no pod on the host \
               network there";
    let (_, table, problems) = ask("resolve", &["--guards"], &alone);
    assert!(table.contains(&format!("none: clients are refused: {why}")), "{table}");
    assert!(
        problems.contains("warning: Service default/web: endpoints: 192.0.2.2 is not dialled"),
        "{problems}"
    );
    assert!(
        problems.contains("--allow-node-endpoints") && !problems.contains("has no endpoints"),
        "{problems}"
    );
    let (_, page, _) = ask("explain", &TO_WEB, &alone);
    assert!(page.contains(&format!("REJECT: no endpoint can serve, on any node: {why}")), "{page}");

    let beside = web("{addresses: [192.0.2.2]}, {addresses: [10.244.0.1]}, {addresses: [127.0.0.1]}");
    let (_, page, _) = ask("explain", &TO_WEB, &beside);
    let row = |ip: &str| page.lines().find(|line| line.starts_with(ip)).unwrap_or_default().to_owned();
    assert!(row("10.244.0.1:8080").contains("yes"), "{page}");
    assert!(row("192.0.2.2 ").contains("no: refused: the address is this node's own"), "{page}");
    assert!(row("127.0.0.1 ").contains("no: refused: the address is a loopback address"), "{page}");
    let (_, json, _) = ask("resolve", &["--guards", "-o", "json"], &beside);
    assert!(json.contains("10.244.0.1:8080") && !json.contains("192.0.2.2:8080"), "{json}");
}

#[test]
fn an_endpoint_at_a_node_port_of_a_node_has_a_reason_and_no_traffic() {
    let other = service("other", "10.96.0.11", 80)
        .replace("spec: {", "spec: {type: NodePort, ")
        .replace("port: 80", "port: 80, nodePort: 30080");
    let nodes = NODE.to_owned() + &NODE.replace("node-a", "node-b").replace("192.0.2.2", "192.0.2.3");
    let at = |endpoints: &str| {
        let slice = slice("web", "IPv4", "{name: http, port: 30080}", endpoints);
        nodes.clone() + &other + &service("web", "10.96.0.10", 80) + &slice
    };
    let alone = at("{addresses: [192.0.2.3]}");
    let why = "1 is a Node's, at the node port of a Service";
    let (_, page, _) = ask("explain", &TO_WEB, &alone);
    assert!(
        page.contains("REJECT: no endpoint can serve, on any node: guards refuse") && page.contains(why),
        "{page}"
    );
    let (_, table, problems) = ask("resolve", &["--guards"], &alone);
    assert!(
        table.contains(why) && problems.contains("connections would go round between nodes"),
        "{table}{problems}"
    );
    let beside = at("{addresses: [192.0.2.3], nodeName: node-b}, {addresses: [10.244.0.1]}");
    let (_, page, _) = ask("explain", &TO_WEB, &beside);
    let row = |ip: &str| page.lines().find(|line| line.starts_with(ip)).unwrap_or_default().to_owned();
    assert!(row("10.244.0.1:30080").contains("yes"), "{page}");
    assert!(row("192.0.2.3 ").contains("no: refused: the address is a Node's, at the node port"), "{page}");
}

#[test]
fn a_pod_on_the_host_network_or_the_operators_word_makes_it_an_endpoint() {
    let pod = web("{addresses: [192.0.2.2], nodeName: node-a, targetRef: {kind: Pod, name: web-0}}");
    let bare = web("{addresses: [192.0.2.2]}");
    for (flags, manifests) in
        [(&["--guards"][..], &pod), (&["--guards", "--allow-node-endpoints"], &bare), (&[], &bare)]
    {
        let (_, table, problems) = ask("resolve", flags, manifests);
        assert!(table.contains("192.0.2.2:8080") && problems.is_empty(), "{flags:?}\n{table}{problems}");
    }
    // Addresses of the node may also be said to explain itself.
    let elsewhere = web("{addresses: [192.0.2.7]}");
    let (_, page, _) =
        ask("explain", &[&TO_WEB[..], &["--node-addresses", "192.0.2.7"]].concat(), &elsewhere);
    assert!(page.contains("this node's own"), "{page}");
    let (code, _, problems) = ask("resolve", &["--allow-node-endpoints"], &bare);
    assert!(code == 2 && problems.contains("means nothing without --guards"), "{problems}");
}

/// A load balancer's Service.
fn balanced(name: &str, cluster_ip: &str, ip: &str, created: &str) -> String {
    service(name, cluster_ip, 80)
        .replace(&format!("{{name: {name}}}"), &format!("{{name: {name}, creationTimestamp: {created}}}"))
        .replace(
            "spec: {",
            &format!("status: {{loadBalancer: {{ingress: [{{ip: {ip}}}]}}}}\nspec: {{type: LoadBalancer, "),
        )
        + &slice(name, "IPv4", PORT, "{addresses: [10.244.0.1]}")
}

#[test]
fn a_load_balancer_ip_of_the_node_is_said_to_be_refused_and_served_where_it_is_named() {
    let manifests = NODE.to_owned() + &balanced("web", "10.96.0.10", "192.0.2.2", "null");
    let said = "Service default/web: status.loadBalancer.ingress: 192.0.2.2 is not served: it is an address of this node; if \
                the load balancer means it, name it in --allow-load-balancer-ips";
    let (_, table, problems) = ask("resolve", &["--guards"], &manifests);
    assert!(
        !table.contains("load-balancer") && problems.contains(&format!("warning: {said}\n")),
        "{table}{problems}"
    );
    let flow = ["--guards", "--from", "203.0.113.1", "--to", "192.0.2.2:80/TCP"];
    let (_, page, _) = ask("explain", &flow, &manifests);
    assert!(
        page.contains("NONE: not an address of a Service") && page.contains(&format!("note      {said}\n")),
        "{page}"
    );
    let allowed = ["--allow-load-balancer-ips", "192.0.2.0/24"];
    let (_, page, problems) = ask("explain", &[&flow[..], &allowed].concat(), &manifests);
    assert!(page.contains("ACCEPT: 1 endpoint") && !problems.contains("192.0.2.2"), "{page}{problems}");
}

#[test]
fn the_oldest_service_has_a_load_balancer_ip_and_the_others_are_told_why() {
    let manifests = balanced("a", "10.96.0.1", "203.0.113.7", "null")
        + &balanced("b", "10.96.0.2", "203.0.113.7", "\"2026-01-02T03:04:05Z\"")
        + &balanced("c", "10.96.0.3", "203.0.113.7", "\"2025-01-02T03:04:05Z\"");
    let (_, table, problems) = ask("resolve", &["--guards"], &manifests);
    let contest = "203.0.113.7:80/TCP is claimed by default/c:http/TCP and default/b:http/TCP, default/a:http/TCP; the first \
                   is served: its Service is the oldest";
    assert!(problems.contains(contest), "{problems}");
    let lost = "none: the address is that of default/c:http/TCP: its Service is the oldest";
    assert_eq!(table.matches(lost).count(), 2, "{table}");
    let flow = ["--guards", "--from", "203.0.113.1", "--to", "203.0.113.7:80/TCP"];
    let (_, page, _) = ask("explain", &flow, &manifests);
    assert!(page.contains("service   default/c, port http\n"), "{page}");
    let note = "default/a:http/TCP claims this address, too, and does not get it: default/c:http/TCP does, since its Service \
                is the oldest";
    assert!(page.contains(note), "{page}");
}

#[test]
fn external_ips_of_the_annotation_are_shown_as_external_ips() {
    let manifests = service("web", "10.96.0.10", 80).replace(
        "{name: web}",
        "{name: web, annotations: {weir.dev/external-ips: \"203.0.113.7,nonsense\"}}",
    );
    let (_, table, problems) = ask("resolve", &[], &manifests);
    assert!(table.contains("external-ip") && table.contains("203.0.113.7:80"), "{table}");
    assert!(
        problems.contains("metadata.annotations[weir.dev/external-ips]: \"nonsense\" is not an IP address"),
        "{problems}"
    );
    let (_, table, problems) = ask("resolve", &["--guards"], &manifests);
    assert!(!table.contains("203.0.113.7") && problems.contains("--allow-external-ips"), "{table}{problems}");
}
