//! Are all Nodes listed when an endpoint may be a node port of one, and only then?

use crate::{NODE, TempFile, Watching, served, service};
use serde_json::{Value, json};
use std::time::Duration;
use weir_control::{KubeSource, Scope, load_api_server};
use weir_core::Snapshot;
use weir_testkit::{ApiServer, Resource};

fn node(name: &str, ip: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node", "metadata": { "name": name },
        "status": { "addresses": [{ "type": "InternalIP", "address": ip }] },
    })
}

/// The node port 30080.
fn with_node_port(mut service: Value) -> Value {
    service["spec"]["type"] = "NodePort".into();
    service["spec"]["ports"][0]["nodePort"] = 30080.into();
    service
}

/// A slice of Service `web` at port 30080, as an author writes it.
fn slice(address: &str, node_name: Option<&str>) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": { "name": "web-1", "namespace": "default", "labels": { "kubernetes.io/service-name": "web" } },
        "addressType": "IPv4", "ports": [{ "name": "", "port": 30080 }],
        "endpoints": [{ "addresses": [address], "nodeName": node_name }],
    })
}

/// The same for a Pod, as a controller writes it.
fn of_pod(address: &str) -> Value {
    let mut slice = slice(address, Some("worker-2"));
    slice["endpoints"][0]["targetRef"] = json!({ "kind": "Pod", "name": "web-0" });
    slice
}

/// Two Nodes, a Service with a node port, and another one with this endpoint.
async fn server(endpoint: Value) -> ApiServer {
    let server = ApiServer::start().await.unwrap();
    let objects = [
        node(NODE, "192.0.2.1"),
        node("worker-2", "192.0.2.2"),
        with_node_port(service("other", 2)),
        service("web", 1),
        endpoint,
    ];
    for object in objects {
        server.apply(object).unwrap();
    }
    server
}

fn endpoints(snapshot: &Snapshot) -> usize {
    let web = snapshot.services().find(|service| &*service.key.name == "web");
    web.and_then(|web| web.ports[0].cluster.as_ref()).map_or(0, |cluster| cluster.len())
}

#[tokio::test]
async fn an_endpoint_that_is_a_node_port_of_another_node_is_refused_once_all_nodes_are_listed() {
    let server = server(slice("192.0.2.2", None)).await;
    let mut weir = Watching::start(&server.kubeconfig()).await;
    weir.sees("no endpoint", |snapshot| served(snapshot).len() == 2 && endpoints(snapshot) == 0).await;
    assert!(server.apply(slice("192.0.2.3", None)).is_ok());
    weir.sees("an endpoint that is no Node", |snapshot| endpoints(snapshot) == 1).await;
}

#[tokio::test]
async fn the_name_of_a_node_alone_does_not_make_a_node_port_an_endpoint() {
    let server = server(slice("192.0.2.2", Some("worker-2"))).await;
    let mut weir = Watching::start(&server.kubeconfig()).await;
    weir.sees("no endpoint", |snapshot| served(snapshot).len() == 2 && endpoints(snapshot) == 0).await;
}

#[tokio::test]
async fn a_pod_on_the_host_network_is_not_dialled_at_a_node_port_of_a_known_node_either() {
    let server = server(of_pod("192.0.2.1")).await;
    let mut weir = Watching::start(&server.kubeconfig()).await;
    // What is sent there does not reach the Pod: the node port does.
    weir.sees("no endpoint", |snapshot| served(snapshot).len() == 2 && endpoints(snapshot) == 0).await;
}

#[tokio::test]
async fn endpoints_of_pods_make_nobody_list_nodes() {
    let server = server(of_pod("10.244.1.2")).await;
    let mut weir = Watching::start(&server.kubeconfig()).await;
    weir.sees("the endpoint", |snapshot| endpoints(snapshot) == 1).await;
    let asked = server.requests(Resource::Nodes);
    // A list would come at once here: there is one node to wait for.
    assert!(server.apply(of_pod("10.244.1.3")).is_ok());
    weir.sees("the other endpoint", |snapshot| endpoints(snapshot) == 1).await;
    assert_eq!(server.requests(Resource::Nodes), asked);
}

#[tokio::test]
async fn who_lists_once_lists_all_nodes_if_that_matters_and_may_go_without() {
    let server = server(slice("192.0.2.2", None)).await;
    let load = async || {
        let kubeconfig = TempFile::new(&server.kubeconfig());
        let source = KubeSource { kubeconfig: Some(kubeconfig.0.clone()), ..KubeSource::default() };
        let scope = Scope { node_name: NODE.into(), ..Scope::default() };
        Box::pin(load_api_server(source, &scope, Duration::from_secs(30))).await.unwrap()
    };
    let loaded = load().await;
    assert_eq!((endpoints(&loaded.snapshot), loaded.refusals.len()), (0, 1));
    server.forbid(Resource::Nodes, true);
    let loaded = load().await;
    assert_eq!(endpoints(&loaded.snapshot), 1);
    assert!(loaded.notes.iter().any(|note| note.contains("node ports of other nodes")), "{:?}", loaded.notes);
}
