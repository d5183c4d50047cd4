//! Does `weir resolve --strict` fail for what is wrong, and only for that?

use crate::{ask, service, slice};

const HTTP: &str = "{name: http, port: 8080}";

fn code(manifests: &str, flags: &[&str]) -> i32 {
    let (code, _, problems) = ask("resolve", &[&["--strict"], flags].concat(), manifests);
    assert_eq!(code == 1, problems.contains("warning: ") || problems.contains("error: "), "{problems}");
    code
}

fn web(endpoints: &str) -> String {
    service("web", "10.96.0.10", 80) + &slice("web", "IPv4", HTTP, endpoints)
}

#[test]
fn what_would_be_served_as_it_is_written_is_no_problem() {
    let pod = "{addresses: [10.244.0.1], nodeName: node-b}";
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n";
    assert_eq!(code(&web(pod), &[]), 0);
    assert_eq!(code(&(web(pod) + deployment), &[]), 0, "a chart holds other kinds, too");
    assert_eq!(
        code(&web("{addresses: [10.244.0.1], conditions: {ready: false}}"), &[]),
        0,
        "pods come and go"
    );
    assert_eq!(code(&web(""), &[]), 0, "a Service may be scaled to nothing");
    let local = web(pod).replace("spec: {", "spec: {internalTrafficPolicy: Local, ");
    assert_eq!(code(&local, &[]), 0, "the endpoints are on other nodes");
}

#[test]
fn every_part_that_would_not_be_served_is_a_problem() {
    let pod = "{addresses: [10.244.0.1]}";
    for manifests in [
        service("web", "10.96.0.10", 80),
        service("web", "10.96.0.10", 80) + &slice("web", "IPv4", "{name: web, port: 8080}", pod),
        service("web", "10.96.0.10", 80) + &slice("web", "IPv6", HTTP, "{addresses: [\"fd00::1\"]}"),
        web(pod) + &service("shop", "10.96.0.10", 80) + &slice("shop", "IPv4", HTTP, pod),
        web(pod).replace("port: 80}", "port: 80}, {name: again, port: 80}"),
        web(pod).replace("port: 80}", "port: 80, protocol: SCTP}"),
        web(pod).replace("spec: {", "spec: {externalIPs: [nonsense], "),
        web(pod).replace("10.96.0.10", "10.96.0.300"),
        web(pod) + &service("web", "10.96.0.11", 80),
        web(pod).replace("ports: [{name: http, port: 80}]", "ports: []"),
        web(pod) + "a: [\n",
    ] {
        assert_eq!(code(&manifests, &[]), 1, "{manifests}");
    }
    let loopback = web(pod).replace("10.244.0.1", "127.0.0.1");
    assert_eq!((code(&loopback, &[]), code(&loopback, &["--guards"])), (0, 1), "a refused address");
}

#[test]
fn every_object_that_is_read_and_left_out_is_a_problem_also_one_that_is_meant_so() {
    let pod = "{addresses: [10.244.0.1]}";
    let other =
        |spec: &str| format!("apiVersion: v1\nkind: Service\nmetadata: {{name: other}}\nspec: {spec}\n");
    for left_out in [
        other("{clusterIP: None, ports: [{port: 80}]}"),
        other("{type: ExternalName, externalName: example.org}"),
        other("{ports: [{port: 80}]}"),
        other("{clusterIP: 10.96.0.11, ports: [{port: 80}]}")
            .replace("name: other", "name: other, labels: {service.kubernetes.io/service-proxy-name: x}"),
        slice("nobody", "IPv4", HTTP, pod),
        slice("web", "IPv4", HTTP, pod)
            .replace("addressType", "addresType")
            .replace("name: web-", "name: x-"),
        slice("web", "IPv4", HTTP, pod).replace("discovery.k8s.io/v1", "discovery.k8s.io/v1beta1"),
    ] {
        let (code, _, problems) = ask("resolve", &["--strict"], &(web(pod) + &left_out));
        assert_eq!((code, problems.lines().count() > 0), (1, true), "{left_out}{problems}");
    }
    let (code, ..) = ask("resolve", &[], &(web(pod) + &other("{clusterIP: None, ports: [{port: 80}]}")));
    assert_eq!(code, 0, "without --strict nothing is lost that anybody wanted");
    assert_eq!(ask("resolve", &["--strict"], "").0, 1, "an empty input");
}
