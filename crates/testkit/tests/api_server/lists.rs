//! Lists, pages, selectors and single objects.

use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use serde_json::json;
use weir_testkit::{ApiServer, Resource};

use super::{client, service};

#[tokio::test]
async fn a_list_is_served_in_pages_that_show_one_moment() {
    let server = ApiServer::start().await.unwrap();
    for number in 0..5 {
        server.apply(service(&format!("web-{number}"), json!({}))).unwrap();
    }
    let services: Api<Service> = Api::all(client(&server).await);
    let first = services.list(&ListParams::default().limit(2)).await.unwrap();
    assert_eq!(first.metadata.remaining_item_count, Some(3));
    assert!(server.delete(Resource::Services, "shop", "web-3"));

    let token = first.metadata.continue_.unwrap();
    let second = services.list(&ListParams::default().limit(2).continue_token(&token)).await.unwrap();
    assert_eq!(second.items.iter().map(ResourceExt::name_any).collect::<Vec<_>>(), ["web-2", "web-3"]);
    assert_eq!(second.metadata.resource_version, first.metadata.resource_version);

    let token = second.metadata.continue_.unwrap();
    let third = services.list(&ListParams::default().limit(2).continue_token(&token)).await.unwrap();
    assert_eq!((third.items.len(), third.metadata.continue_), (1, None));
    assert_eq!(server.requests(Resource::Services).lists, 3);
}

#[tokio::test]
async fn a_continue_token_from_before_a_compaction_has_expired() {
    let server = ApiServer::start().await.unwrap();
    server.apply(service("web-1", json!({}))).unwrap();
    server.apply(service("web-2", json!({}))).unwrap();
    let services: Api<Service> = Api::all(client(&server).await);
    let page = services.list(&ListParams::default().limit(1)).await.unwrap();
    server.compact();
    let token = page.metadata.continue_.unwrap();
    let expired = services.list(&ListParams::default().limit(1).continue_token(&token)).await;
    let kube::Error::Api(status) = expired.unwrap_err() else { panic!("not a Status") };
    assert_eq!((status.code, status.reason.as_str()), (410, "Expired"));
}

#[tokio::test]
async fn selectors_and_namespaces_narrow_a_list_and_are_seen_by_the_test() {
    let server = ApiServer::start().await.unwrap();
    let mut headless = service("headless", json!({}));
    headless["spec"]["clusterIP"] = "None".into();
    let mut elsewhere = service("elsewhere", json!({}));
    elsewhere["metadata"]["namespace"] = "other".into();
    for object in [headless, elsewhere, service("other", json!({ "proxy": "x" })), service("web", json!({}))]
    {
        server.apply(object).unwrap();
    }
    let services: Api<Service> = Api::namespaced(client(&server).await, "shop");
    let narrow = ListParams::default().labels("!proxy").fields("spec.clusterIP!=None");
    let listed = services.list(&narrow).await.unwrap();
    assert_eq!(listed.items.iter().map(ResourceExt::name_any).collect::<Vec<_>>(), ["web"]);
    let seen = server.requests(Resource::Services).last_list;
    assert_eq!(
        (seen["labelSelector"].as_str(), seen["fieldSelector"].as_str()),
        ("!proxy", "spec.clusterIP!=None")
    );
}

#[tokio::test]
async fn one_object_can_be_read_and_a_missing_one_is_404() {
    let server = ApiServer::start().await.unwrap();
    let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "worker-1" } });
    server.apply(node).unwrap();
    let client = client(&server).await;
    let nodes: Api<Node> = Api::all(client.clone());
    assert!(nodes.get("worker-1").await.unwrap().uid().is_some());
    assert!(nodes.get_opt("worker-2").await.unwrap().is_none());
    assert_eq!(
        nodes.list(&ListParams::default().fields("metadata.name=worker-2")).await.unwrap().items.len(),
        0
    );
    assert_eq!(client.apiserver_version().await.unwrap().minor, "33");
}

#[tokio::test]
async fn a_replaced_object_keeps_its_uid_and_gets_a_newer_version() {
    let server = ApiServer::start().await.unwrap();
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": { "name": "web-abc", "namespace": "shop" }, "endpoints": [], "ports": [],
    });
    let slices: Api<EndpointSlice> = Api::all(client(&server).await);
    server.apply(slice.clone()).unwrap();
    let before = slices.list(&ListParams::default()).await.unwrap().items.remove(0);
    let version = server.apply(slice).unwrap();
    let after = slices.list(&ListParams::default()).await.unwrap().items.remove(0);
    assert_eq!(after.uid(), before.uid());
    assert_eq!(after.resource_version(), Some(version.to_string()));
    assert_eq!(server.get(Resource::EndpointSlices, "shop", "web-abc").unwrap()["kind"], "EndpointSlice");
}

#[tokio::test]
async fn an_object_of_an_unknown_kind_or_without_a_name_is_refused() {
    let server = ApiServer::start().await.unwrap();
    let pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "web" } });
    assert!(server.apply(pod).is_err());
    assert!(server.apply(json!({ "apiVersion": "v1", "kind": "Service" })).is_err());
}
