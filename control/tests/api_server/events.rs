//! Are Events about Services written once, by one weir of several, and only where that is allowed?

use super::{Cluster, TempFile, Watching, rights::shipped_for, service, slice};
use serde_json::{Value, json};
use tokio::time::timeout;
use weir_control::{Control, KubeSource, Scope, Source, start};
use weir_core::{EventReason, FindingKey, ServiceKey};
use weir_testkit::{ApiServer, Resource, WAIT_LIMIT};

/// A weir that writes Events, on a node.
async fn weir_on(node: &str, kubeconfig: &str) -> (Control, TempFile) {
    let kubeconfig = TempFile::new(kubeconfig);
    let source =
        KubeSource { kubeconfig: Some(kubeconfig.0.clone()), write_events: true, ..KubeSource::default() };
    let scope = Scope { node_name: node.into(), ..Scope::default() };
    (Box::pin(start(Source::Kube(source), scope)).await.unwrap(), kubeconfig)
}

/// A Service with an annotation that weir does not know.
fn mistaken(name: &str, number: u16, value: &str) -> Value {
    let mut service = service(name, number);
    service["metadata"]["annotations"] = json!({ "weir.dev/polcy": value });
    service
}

/// A Service with an endpoint on each of these nodes.
fn on_nodes(server: &ApiServer, nodes: &[&str]) {
    server.apply(service("spread", 200)).unwrap();
    let mut spread = slice("spread", "10.244.0.1");
    let endpoint = |(index, node)| json!({ "addresses": [format!("10.244.{index}.1")], "nodeName": node, "conditions": { "ready": true } });
    spread["endpoints"] = nodes.iter().enumerate().map(endpoint).collect();
    server.apply(spread).unwrap();
}

/// Waits for Events until they are as wanted.
async fn events(server: &ApiServer, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    server
        .wait_for_requests(Resource::Events, |_| wanted(&server.events()))
        .await
        .unwrap_or_else(|_| panic!("never the wanted Events, but {:#?}", server.events()));
    server.events()
}

#[tokio::test]
async fn an_annotation_of_no_use_is_an_event_on_its_service_with_the_sentence_of_the_log() {
    let server = ApiServer::start().await.unwrap();
    server.apply(mistaken("web", 1, "x")).unwrap();
    let _weir = weir_on("worker-1", &server.kubeconfig()).await;
    let event = events(&server, |events| events.len() == 1).await.remove(0);
    let uid = server.get(Resource::Services, "default", "web").unwrap()["metadata"]["uid"].clone();
    assert_eq!(
        event["regarding"],
        json!({ "apiVersion": "v1", "kind": "Service", "namespace": "default",
        "name": "web", "uid": uid })
    );
    for (field, value) in [
        ("type", "Warning"),
        ("reason", "AnnotationIgnored"),
        ("action", "ReadService"),
        ("reportingController", "weir.dev/weir"),
        ("reportingInstance", "worker-1"),
    ] {
        assert_eq!(event[field], value, "{event:#}");
    }
    let note = event["note"].as_str().unwrap();
    assert_eq!(note, "metadata.annotations[weir.dev/polcy]: \"x\": no such setting; the default is used");
    assert!(event["series"].is_null() && event["eventTime"].is_string(), "{event:#}");
}

#[tokio::test]
async fn a_mistake_that_comes_back_is_a_series_of_its_event_also_when_that_has_expired() {
    let server = ApiServer::start().await.unwrap();
    server.apply(mistaken("web", 1, "x")).unwrap();
    let _weir = weir_on("worker-1", &server.kubeconfig()).await;
    let first = events(&server, |events| events.len() == 1).await.remove(0);
    let comes_back = async |number| {
        server.apply(service("web", number)).unwrap();
        server.apply(mistaken("web", number, "x")).unwrap();
    };
    comes_back(2).await;
    let again = events(&server, |events| events[0]["series"]["count"] == 2).await.remove(0);
    assert_eq!((&again["metadata"]["name"], &again["note"]), (&first["metadata"]["name"], &first["note"]));
    assert!(server.delete(Resource::Events, "default", first["metadata"]["name"].as_str().unwrap()));
    comes_back(3).await;
    let anew =
        events(&server, |events| events.first().is_some_and(|event| event["series"]["count"] == 3)).await;
    assert_eq!(anew[0]["metadata"]["name"], first["metadata"]["name"]);
}

#[tokio::test]
async fn of_two_weirs_one_writes_and_the_service_of_the_other_is_written_by_the_other() {
    let server = ApiServer::start().await.unwrap();
    on_nodes(&server, &["worker-1", "worker-2"]);
    (1..=8).for_each(|number| drop(server.apply(mistaken(&format!("web-{number}"), number, "x"))));
    let _first = weir_on("worker-1", &server.kubeconfig()).await;
    let _second = weir_on("worker-2", &server.kubeconfig()).await;
    let written = events(&server, |events| events.len() == 8).await;
    let by = |node: &str| written.iter().filter(|event| event["reportingInstance"] == node).count();
    assert!(by("worker-1") > 0 && by("worker-2") > 0 && by("worker-1") + by("worker-2") == 8, "{written:#?}");
    assert_eq!(server.requests(Resource::Events).writes, 8, "nobody wrote what the other did");
}

#[tokio::test]
async fn a_weir_that_starts_again_leaves_what_it_wrote_as_it_is() {
    let server = ApiServer::start().await.unwrap();
    server.apply(mistaken("web", 1, "x")).unwrap();
    let weir = weir_on("worker-1", &server.kubeconfig()).await;
    let before = events(&server, |events| events.len() == 1).await;
    drop(weir);
    let _weir = weir_on("worker-1", &server.kubeconfig()).await;
    server.wait_for_requests(Resource::Events, |requests| requests.writes == 2).await.unwrap();
    assert_eq!(server.events(), before);
}

#[tokio::test]
async fn an_address_that_guards_refuse_and_a_port_of_sctp_are_events() {
    let server = ApiServer::start().await.unwrap();
    let mut object = service("web", 1);
    object["spec"]["externalIPs"] = json!(["203.0.113.9"]);
    object["spec"]["ports"] =
        json!([{ "name": "a", "port": 80 }, { "name": "b", "port": 81, "protocol": "SCTP" }]);
    server.apply(object).unwrap();
    let mut endpoints = slice("web", "169.254.169.254");
    endpoints["ports"][0]["name"] = "a".into();
    server.apply(endpoints).unwrap();
    let _weir = weir_on("worker-1", &server.kubeconfig()).await;
    let mut written = events(&server, |events| events.len() == 3).await;
    written.sort_by_key(|event| event["reason"].to_string());
    let text = |event: &Value| format!("{} {}", event["reason"], event["note"]).replace('"', "");
    let [address, endpoint, protocol] = &written.iter().map(text).collect::<Vec<_>>()[..] else { panic!() };
    assert!(address.starts_with("AddressRefused spec.externalIPs: 203.0.113.9 is not served"), "{address}");
    assert!(endpoint.starts_with("EndpointRefused endpoints: 169.254.169.254 is"), "{endpoint}");
    assert_eq!(*protocol, "ProtocolNotServed default/web:b/SCTP is not served: weir does not relay SCTP");
}

#[tokio::test]
async fn what_the_data_plane_finds_is_an_event_of_its_node_and_its_end_another() {
    let server = ApiServer::start().await.unwrap();
    server.apply(service("web", 1)).unwrap();
    let (control, _kubeconfig) = weir_on("worker-1", &server.kubeconfig()).await;
    control.status.clone().wait_for(|status| status.ready).await.unwrap();
    let findings = control.service_findings();
    let key = FindingKey {
        service: ServiceKey::new("default", "web"),
        reason: EventReason::EndpointsFailing,
        subject: "/TCP IPv4".into(),
    };
    findings.set([(key, "the Service has no working endpoint".into())].into()).await;
    let failing = events(&server, |events| events.len() == 1).await.remove(0);
    assert_eq!(failing["note"], "node worker-1: the Service has no working endpoint");
    findings.set([].into()).await;
    let both = events(&server, |events| events.len() == 2).await;
    let end = both.iter().find(|event| event["type"] == "Normal").unwrap();
    assert_eq!(end["reason"], "EndpointsWork");
}

#[tokio::test]
async fn a_port_that_is_taken_out_of_its_service_is_not_said_to_work() {
    let server = ApiServer::start().await.unwrap();
    server.apply(service("web", 1)).unwrap();
    let (control, _kubeconfig) = weir_on("worker-1", &server.kubeconfig()).await;
    control.status.clone().wait_for(|status| status.ready).await.unwrap();
    let findings = control.service_findings();
    let (service, reason) = (ServiceKey::new("default", "web"), EventReason::EndpointsFailing);
    let key = FindingKey { service, reason, subject: "gone/TCP IPv4".into() };
    findings.set([(key, "the Service has no working endpoint".into())].into()).await;
    events(&server, |events| events.len() == 1).await;
    findings.set([].into()).await;
    server.apply(mistaken("dns", 2, "x")).unwrap();
    let both = events(&server, |events| events.len() == 2).await;
    assert!(both.iter().all(|event| event["type"] == "Warning"), "{both:#?}");
}

#[tokio::test]
async fn what_is_still_wrong_after_an_outage_is_said_then() {
    let server = ApiServer::start().await.unwrap();
    server.apply(service("web", 1)).unwrap();
    let (control, _kubeconfig) = weir_on("worker-1", &server.kubeconfig()).await;
    let mut status = control.status.clone();
    status.wait_for(|status| status.ready).await.unwrap();
    server.shut_down().await;
    status.wait_for(|status| status.outage_since.is_some()).await.unwrap();
    let service = ServiceKey::new("default", "web");
    let key = FindingKey { service, reason: EventReason::EndpointsFailing, subject: "/TCP IPv4".into() };
    control.service_findings().set([(key, "the Service has no working endpoint".into())].into()).await;
    server.restart().unwrap();
    let event = events(&server, |events| events.len() == 1).await.remove(0);
    assert_eq!(event["reason"], "EndpointsFailing");
}

#[tokio::test]
async fn whoever_may_not_write_events_tries_once_and_serves_all_the_same() {
    let server = ApiServer::start().await.unwrap();
    server.forbid(Resource::Events, true);
    server.apply(mistaken("web", 1, "x")).unwrap();
    let (mut control, _kubeconfig) = weir_on("worker-1", &server.kubeconfig()).await;
    server.wait_for_requests(Resource::Events, |requests| requests.writes == 1).await.unwrap();
    server.apply(mistaken("dns", 2, "x")).unwrap();
    let both = |snapshot: &weir_core::Snapshot| snapshot.services().count() == 2;
    timeout(WAIT_LIMIT, control.snapshots.wait_for(both)).await.unwrap().unwrap();
    assert_eq!(server.requests(Resource::Events).writes, 1);
    // With credentials that were read again it tries again.
    server.forbid(Resource::Events, false);
    let watches = server.requests(Resource::Services).watches;
    control.credentials().read_again();
    server.wait_for_requests(Resource::Services, |requests| requests.watches > watches).await.unwrap();
    server.apply(mistaken("mail", 3, "x")).unwrap();
    let of_mail = |events: &[Value]| events.iter().any(|event| event["regarding"]["name"] == "mail");
    events(&server, of_mail).await;
}

#[tokio::test]
async fn without_being_asked_no_event_is_written() {
    let server = ApiServer::start().await.unwrap();
    server.apply(mistaken("web", 1, "x")).unwrap();
    let mut weir = Watching::start(&server.kubeconfig()).await;
    weir.serves(&["web:80->"]).await;
    assert_eq!(server.requests(Resource::Events), Default::default());
}

#[tokio::test]
async fn a_real_api_server_takes_events_from_whoever_has_the_role() {
    let Some(cluster) = Cluster::real().await else { return };
    for object in shipped_for("nobody") {
        cluster.apply(object).await;
    }
    cluster.apply(mistaken("web", 1, "x")).await;
    let (_first, _second) = (
        weir_on("worker-1", &cluster.kubeconfig_of_nobody()).await,
        weir_on("worker-2", &cluster.kubeconfig_of_nobody()).await,
    );
    let shown = cluster.events_of("web", |events| events.len() == 1).await.remove(0);
    assert_eq!(shown["reason"], "AnnotationIgnored");
    assert_eq!(shown["type"], "Warning");
    // What `kubectl describe service` looks for.
    assert!(shown["involvedObject"]["uid"].is_string(), "{shown:#}");
    assert_eq!(shown["reportingComponent"], "weir.dev/weir");
    let name = shown["metadata"]["name"].clone();
    cluster.apply(service("web", 1)).await;
    cluster.apply(mistaken("web", 1, "x")).await;
    let again = cluster.events_of("web", |events| events[0]["series"]["count"] == 2).await;
    assert_eq!((again.len(), &again[0]["metadata"]["name"]), (1, &name));
}
