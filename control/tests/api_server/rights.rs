//! Are the rights that weir's ClusterRole gives enough, do they allow nothing else, and is each that is missing found?

use super::{Cluster, NODE, TempFile, Watching, service};
use serde_json::{Value, json};
use std::time::Duration;
use weir_control::{Examination, Kind, KubeSource, Need, Scope, WatchState, examine_api_server};
use weir_testkit::{ApiServer, Misbehaviour, Resource};

/// The role, its account and their binding, as an operator applies them.
fn shipped() -> Vec<Value> {
    let text = include_str!("../../../examples/deploy/base/rbac.yaml");
    text.split("\n---\n").map(|document| serde_saphyr::from_str(document).unwrap()).collect()
}

/// The same, bound to this user.
pub(crate) fn shipped_for(user: &str) -> Vec<Value> {
    let mut objects = shipped();
    for object in objects.iter_mut().filter(|object| object["kind"] == "ClusterRoleBinding") {
        object["subjects"] =
            json!([{ "kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io" }]);
    }
    objects
}

#[test]
fn the_role_only_allows_to_list_and_watch_every_kind_and_to_write_events() {
    let role = shipped().into_iter().find(|object| object["kind"] == "ClusterRole").unwrap();
    let rules = role["rules"].as_array().unwrap();
    let (last, rules) = rules.split_last().unwrap();
    assert_eq!(
        *last,
        json!({ "apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"] })
    );
    assert!(rules.iter().all(|rule| rule["verbs"] == json!(["list", "watch"])), "{rules:?}");
    let named: Vec<&Value> = rules.iter().flat_map(|rule| rule["resources"].as_array().unwrap()).collect();
    assert_eq!(named, Kind::ALL.map(Kind::resource));
}

#[tokio::test]
async fn whoever_has_the_role_of_a_real_api_server_sees_everything() {
    let Some(cluster) = Cluster::real().await else { return };
    cluster.apply(service("web", 1)).await;
    let kubeconfig = cluster.kubeconfig_of_nobody();
    let mut weir = Watching::start(&kubeconfig).await;
    weir.fails(Kind::Service, &["403 Forbidden", "ClusterRole"]).await;
    let events = async || examine(&kubeconfig, LIMIT).await.events.unwrap();
    assert!(events().await.unwrap_err().contains("not allowed to create events"));
    for object in shipped_for("nobody") {
        cluster.apply(object).await;
    }
    weir.serves(&["web:80->"]).await;
    assert_eq!(events().await, Ok(()));
    for kind in [Kind::Service, Kind::EndpointSlice, Kind::Node] {
        weir.is("connected", |status| status.watches.get(&kind) == Some(&WatchState::Connected)).await;
    }
}

async fn examine(kubeconfig: &str, limit: Duration) -> Examination {
    let kubeconfig = TempFile::new(kubeconfig);
    let kubeconfig = Some(kubeconfig.0.clone());
    let source = KubeSource { kubeconfig, write_events: true, ..KubeSource::default() };
    let scope = Scope { node_name: NODE.into(), ..Scope::default() };
    Box::pin(examine_api_server(source, &scope, limit)).await.unwrap()
}

/// The kinds that may not be listed and watched, with what is said of each.
fn missing(examination: &Examination) -> Vec<(&'static str, Need, String)> {
    let missing = examination.rights.iter().filter(|right| right.outcome.is_err());
    missing.map(|right| (right.resource, right.need, right.outcome.clone().unwrap_err())).collect()
}

const LIMIT: Duration = Duration::from_secs(30);

#[tokio::test]
async fn an_examination_tells_the_version_the_node_and_the_networks_of_services() {
    let server = ApiServer::start().await.unwrap();
    server.apply(service("web", 1)).unwrap();
    server
        .apply(json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": NODE },
            "spec": { "podCIDRs": ["10.244.0.0/24"] },
            "status": { "addresses": [{ "type": "InternalIP", "address": "192.0.2.1" }] } }))
        .unwrap();
    server
        .apply(json!({ "apiVersion": "networking.k8s.io/v1", "kind": "ServiceCIDR",
            "metadata": { "name": "kubernetes" }, "spec": { "cidrs": ["10.96.0.0/16"] } }))
        .unwrap();
    let examination = examine(&server.kubeconfig(), LIMIT).await;
    assert_eq!(missing(&examination), []);
    assert_eq!((examination.rights.len(), &examination.events), (4, &Some(Ok(()))));
    assert_eq!(examination.version.unwrap().0, "v1.33.0-weir-testkit");
    assert_eq!(examination.server, server.url());
    let node = examination.node.unwrap();
    assert_eq!((node.internal_ips.len(), node.pod_cidrs.len()), (1, 1));
    assert_eq!(examination.service_cidrs, ["10.96.0.0/16".parse().unwrap()]);
    assert_eq!(server.requests(Resource::Services).last_list["limit"], "1");
}

#[tokio::test]
async fn each_right_that_is_missing_is_named_with_how_much_it_is_needed() {
    let server = ApiServer::start().await.unwrap();
    for (resource, need) in [
        (Resource::Services, Need::Required),
        (Resource::EndpointSlices, Need::Required),
        (Resource::Nodes, Need::Recommended),
        (Resource::ServiceCidrs, Need::Optional),
    ] {
        server.forbid(resource, true);
        let found = missing(&examine(&server.kubeconfig(), LIMIT).await);
        let [(name, needed, said)] = &found[..] else { panic!("{resource:?}: {found:?}") };
        assert_eq!((*name, *needed), (resource.plural(), need));
        assert!(said.contains("403 Forbidden") && said.contains("ClusterRole"), "{said}");
        server.forbid(resource, false);
    }
    server.set_served(Resource::ServiceCidrs, false);
    let found = missing(&examine(&server.kubeconfig(), LIMIT).await);
    assert!(found[0].2.contains("does not offer servicecidrs"), "{found:?}");
}

#[tokio::test]
async fn the_right_to_write_events_is_asked_for_and_why_it_is_not_known() {
    let server = ApiServer::start().await.unwrap();
    let kubeconfig = server.kubeconfig();
    let events = async || examine(&kubeconfig, LIMIT).await.events.unwrap().unwrap_err();
    server.forbid(Resource::Events, true);
    let said = events().await;
    assert!(said.contains("not allowed to create events of the group events.k8s.io"), "{said}");
    server.forbid(Resource::Events, false);
    server.require_token("secret");
    let said = events().await;
    assert!(said.contains("cannot be asked whether") && said.contains("Unauthorized"), "{said}");
    assert_eq!(server.requests(Resource::Events).writes, 0);
}

#[tokio::test]
async fn without_an_answer_no_right_is_tried_and_credentials_that_are_refused_are_named() {
    let server = ApiServer::start().await.unwrap();
    let kubeconfig = server.kubeconfig();
    server.misbehave(Some(Misbehaviour::Silence));
    let examination = examine(&kubeconfig, Duration::from_millis(200)).await;
    assert!(examination.events.as_ref().unwrap().is_err());
    let said = missing(&examination).into_iter().map(|(_, _, said)| said);
    assert!(
        said.clone().count() == 4 && said.clone().all(|said| said.contains("answer")),
        "{:?}",
        said.collect::<Vec<_>>()
    );
    server.misbehave(None);
    server.require_token("secret");
    let found = missing(&examine(&kubeconfig, LIMIT).await);
    assert!(found.iter().all(|(_, _, said)| said.contains("does not accept our credentials")), "{found:?}");
    server.shut_down().await;
    let examination = examine(&kubeconfig, LIMIT).await;
    assert!(examination.rights.is_empty() && examination.events.is_none());
    assert!(examination.version.unwrap_err().contains("cannot reach the API server"));
}
