//! Does a Service without endpoints say which mistake was made, in the table, on standard error and in `explain`?

use crate::{ask, service, slice};
use serde_json::Value;

const HTTP: &str = "{name: http, port: 8080}";
const POD: &str = "{addresses: [10.244.0.1], nodeName: node-b}";

/// The Service `web` at 10.96.0.10:80 with the changes of a case.
fn web(slices: &str) -> String {
    service("web", "10.96.0.10", 80) + slices
}

#[test]
fn each_of_the_commonest_mistakes_is_named_in_the_row_of_the_service_port() {
    let not_ready = "{addresses: [10.244.0.1], conditions: {ready: false}}";
    let ended = "{addresses: [10.244.0.2], conditions: {ready: false, serving: false, terminating: true}}";
    let local = service("web", "10.96.0.10", 80).replace("spec: {", "spec: {internalTrafficPolicy: Local, ");
    for (manifests, said) in [
        (
            web(&slice("web", "IPv4", "{name: web, port: 8080}", POD)),
            "clients are refused: the Service asks for port \"http\" (TCP), but its EndpointSlices have port \"web\" (TCP)",
        ),
        (
            web(&slice("web", "IPv4", "{name: http, port: 8080, protocol: UDP}", POD)),
            "asks for port \"http\" (TCP), but its EndpointSlices have port \"http\" (UDP)",
        ),
        (
            web(&slice("web", "IPv4", "{name: \"\", port: 8080}", POD)),
            "but its EndpointSlices have a port without a name (TCP)",
        ),
        (web(&slice("web", "IPv4", "", POD)), "but its EndpointSlices have no ports"),
        (web(""), "no EndpointSlice in namespace default has the label kubernetes.io/service-name: web"),
        (
            web(&slice("web", "IPv4", HTTP, POD).replace("name: web-IPv4", "name: web, namespace: other")),
            "no EndpointSlice in namespace default has the label kubernetes.io/service-name: web",
        ),
        (
            web(&slice("web", "IPv6", HTTP, "{addresses: [\"fd00::1\"]}")),
            "its EndpointSlices have addressType IPv6, and none has IPv4",
        ),
        (
            web(&slice("web", "IPv4", HTTP, "")),
            "its EndpointSlice holds no endpoints; does the selector match a pod?",
        ),
        (web(&slice("web", "IPv4", HTTP, not_ready)), "clients are refused: its only endpoint is not ready"),
        (
            web(&slice("web", "IPv4", HTTP, &format!("{not_ready}, {ended}"))),
            "of its 2 endpoints 1 is not ready, 1 is terminating and no longer serving",
        ),
        (
            local.clone() + &slice("web", "IPv4", HTTP, POD),
            "refused, or in node mode no answer: its only endpoint is not on this node, and the traffic policy is Local",
        ),
        (web("").replace("port: 80", "port: 80, protocol: SCTP"), "none: weir does not relay SCTP"),
    ] {
        let (code, table, problems) = ask("resolve", &[], &manifests);
        let row = table.lines().find(|line| line.contains("10.96.0.10:80")).unwrap_or_default();
        assert!(row.contains(said), "{said}\n{table}{problems}");
        assert_eq!(code, 0, "{problems}");
        let (.., json) = ask("resolve", &["-o", "json"], &manifests);
        assert_eq!(json, problems, "the format changes nothing of what is said");
    }
}

#[test]
fn json_has_the_lines_of_standard_error_beside_what_is_served_and_only_if_there_are_any() {
    let resolved = |manifests: &str| {
        let (_, json, problems) = ask("resolve", &["-o", "json"], manifests);
        (serde_json::from_str::<Value>(&json).unwrap(), problems)
    };
    let (report, problems) = resolved(&web(""));
    let lines = report["problems"].as_array().unwrap().iter();
    let lines = lines.map(|line| format!("{}: {}\n", line["severity"], line["message"]).replace('"', ""));
    assert_eq!(lines.collect::<String>(), problems.replace('"', ""));
    let (report, _) = resolved(&web(&slice("web", "IPv4", HTTP, POD)));
    let fields: Vec<&String> = report.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["IPv4", "IPv6"], "what golden vectors compare is all");
}

#[test]
fn what_guards_refuse_is_not_taken_for_a_selector_that_matches_nothing() {
    let manifests = web(&slice("web", "IPv4", HTTP, "{addresses: [127.0.0.1]}"));
    let (_, table, problems) = ask("resolve", &["--guards"], &manifests);
    assert!(
        table.contains("none: clients are refused: guards refuse the addresses of its endpoints"),
        "{table}"
    );
    assert!(problems.contains("127.0.0.1 is a loopback address"), "{problems}");
}

#[test]
fn explain_gives_each_endpoint_its_reason_and_names_both_ports() {
    let slices = slice("web", "IPv4", "{name: web, port: 8080}", POD);
    let flags = ["--from", "10.244.0.9", "--to", "10.96.0.10:80/TCP", "--cluster-cidr", "10.244.0.0/16"];
    let (_, page, _) = ask("explain", &flags, &web(&slices));
    let verdict = "verdict   REJECT: no endpoint can serve, on any node: the Service asks for port \"http\" (TCP), but its \
                   EndpointSlices have port \"web\" (TCP)\n";
    assert!(page.contains(verdict), "{page}");
    assert!(page.contains("no: other-port: EndpointSlice web-IPv4 has port \"web\" (TCP)"), "{page}");
    let (_, json, _) = ask("explain", &[&flags[..], &["-o", "json"]].concat(), &web(&slices));
    let answer: Value = serde_json::from_str(&json).unwrap();
    let endpoint = &answer["endpoints"][0];
    assert_eq!(
        [&endpoint["address"], &endpoint["reason"], &endpoint["node"]],
        ["10.244.0.1", "other-port", "node-b"]
    );
}

#[test]
fn explain_names_the_ports_of_the_service_when_another_one_is_dialled() {
    let flags = ["--from", "10.244.0.9", "--to", "10.96.0.10:8080/TCP"];
    let (_, page, _) = ask("explain", &flags, &web(&slice("web", "IPv4", HTTP, POD)));
    assert!(page.contains("10.96.0.10 is the cluster IP of default/web, whose ports are 80/TCP"), "{page}");
}

#[test]
fn many_mistakes_are_a_few_lines() {
    let all: String = (0..200).map(|n| service(&format!("web-{n}"), &format!("10.96.1.{n}"), 80)).collect();
    let (_, table, problems) = ask("resolve", &[], &all);
    assert_eq!((table.lines().count(), problems.lines().count()), (201, 51), "{problems}");
    assert!(
        problems.ends_with("warning: 150 more Services have ports that no EndpointSlice fits\n"),
        "{problems}"
    );
}

#[test]
fn packets_that_shall_pass_although_every_node_uses_all_endpoints_are_a_mistake() {
    let passing = "metadata: {name: web, annotations: {weir.dev/no-local-endpoints: pass}}";
    let manifests = web(&slice("web", "IPv4", HTTP, POD)).replacen("metadata: {name: web}", passing, 1);
    let said = "weir.dev/no-local-endpoints]: means nothing unless externalTrafficPolicy is Local";
    assert!(ask("resolve", &[], &manifests).2.contains(said), "{}", ask("resolve", &[], &manifests).2);
    let local = manifests.replacen("spec: {", "spec: {type: LoadBalancer, externalTrafficPolicy: Local, ", 1);
    assert!(
        !ask("resolve", &[], &local).2.contains("no-local-endpoints"),
        "{}",
        ask("resolve", &[], &local).2
    );
    let vip = local.replacen("ports: [", "externalIPs: [203.0.113.7], ports: [", 1);
    let row = |manifests: &str| {
        let table = ask("resolve", &[], manifests).1;
        table.lines().find(|line| line.contains("203.0.113.7:80")).unwrap_or_default().to_owned()
    };
    assert!(row(&vip).contains("(this node only; in node mode others go on untouched)"), "{}", row(&vip));
    let none =
        vip.replace("{addresses: [10.244.0.1]", "{conditions: {ready: false}, addresses: [10.244.0.1]");
    assert!(row(&none).contains("in node mode packets go on untouched"), "{}", row(&none));
}
