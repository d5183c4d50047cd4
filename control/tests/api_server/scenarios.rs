//! What has to hold with the test API server and with a real one?

use super::{Cluster, Scope, Watching, service, slice};
use serde_json::{Value, json};
use weir_control::{KubeSource, Selection};

const PROXY_NAME: &str = "service.kubernetes.io/service-proxy-name";

fn labelled(mut object: Value, key: &str, value: &str) -> Value {
    object["metadata"]["labels"][key] = value.into();
    object
}

async fn all_that_exists_is_served_after_the_start(cluster: &mut Cluster) {
    for number in 0..501 {
        cluster.apply(service(&format!("web-{number}"), number)).await;
    }
    cluster.apply(slice("web-7", "10.0.0.7")).await;
    let mut weir = Watching::start(&cluster.kubeconfig()).await;
    weir.sees("501 Services", |snapshot| super::served(snapshot).len() == 501).await;
    let snapshot = weir.control.snapshots.borrow().clone();
    assert!(super::served(&snapshot).contains(&"web-7:80->10.0.0.7".to_owned()));
    assert!(weir.is_ready().await.last_synced.is_some());
}

async fn changes_are_served(cluster: &mut Cluster) {
    let mut weir = Watching::start(&cluster.kubeconfig()).await;
    weir.is_ready().await;
    cluster.apply(slice("web", "10.0.0.1")).await;
    cluster.apply(service("web", 1)).await;
    weir.serves(&["web:80->10.0.0.1"]).await;
    cluster.apply(slice("web", "10.0.0.2")).await;
    weir.serves(&["web:80->10.0.0.2"]).await;
    let mut changed = service("web", 1);
    changed["spec"]["ports"][0]["port"] = 81.into();
    cluster.delete_service("web").await;
    weir.serves(&[]).await;
    cluster.apply(changed).await;
    weir.serves(&["web:81->10.0.0.2"]).await;
    let mut unready = slice("web", "10.0.0.2");
    unready["endpoints"][0]["conditions"]["ready"] = false.into();
    cluster.apply(unready).await;
    weir.sees("no usable endpoint", |snapshot| {
        snapshot.services().any(|service| &*service.key.name == "web" && !service.ports[0].has_any)
    })
    .await;
}

async fn a_label_that_hands_a_service_to_another_proxy_takes_it_away(cluster: &mut Cluster) {
    cluster.apply(service("ours", 1)).await;
    cluster.apply(service("moves", 2)).await;
    let mut weir = Watching::start(&cluster.kubeconfig()).await;
    weir.serves(&["moves:80->", "ours:80->"]).await;
    cluster.apply(labelled(service("moves", 2), PROXY_NAME, "other")).await;
    weir.serves(&["ours:80->"]).await;
    cluster.apply(service("moves", 2)).await;
    weir.serves(&["moves:80->", "ours:80->"]).await;
}

async fn only_services_with_the_proxy_name_are_served_when_there_is_one(cluster: &mut Cluster) {
    cluster.apply(service("plain", 1)).await;
    cluster.apply(labelled(service("other", 2), PROXY_NAME, "other")).await;
    cluster.apply(labelled(service("ours", 3), PROXY_NAME, "weir")).await;
    let selection = Selection { service_proxy_name: Some("weir".into()) };
    let scope = Scope { selection, ..Scope::default() };
    let mut weir = Watching::with(&cluster.kubeconfig(), KubeSource::default(), scope).await;
    weir.serves(&["ours:80->"]).await;
    cluster.apply(labelled(service("plain", 1), PROXY_NAME, "weir")).await;
    weir.serves(&["ours:80->", "plain:80->"]).await;
}

async fn headless_services_are_not_served(cluster: &mut Cluster) {
    cluster.apply(service("web", 1)).await;
    let mut headless = service("headless", 2);
    headless["spec"]["clusterIP"] = "None".into();
    cluster.apply(headless).await;
    cluster.apply(labelled(slice("web", "10.0.0.9"), "service.kubernetes.io/headless", "")).await;
    let mut weir = Watching::start(&cluster.kubeconfig()).await;
    weir.serves(&["web:80->"]).await;
    cluster.apply(slice("web", "10.0.0.9")).await;
    weir.serves(&["web:80->10.0.0.9"]).await;
}

async fn this_node_is_known_and_no_other(cluster: &mut Cluster) {
    let node = |name: &str, zone: &str| {
        json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": name,
            "labels": { "topology.kubernetes.io/zone": zone } } })
    };
    cluster.apply(node("worker-2", "b")).await;
    cluster.apply(node(super::NODE, "a")).await;
    let mut weir = Watching::start(&cluster.kubeconfig()).await;
    weir.sees("zone a", |snapshot| snapshot.node.zone.as_deref() == Some("a")).await;
    assert!(weir.is("node known", |status| status.node_known).await.ready);
    cluster.apply(node(super::NODE, "c")).await;
    weir.sees("zone c", |snapshot| snapshot.node.zone.as_deref() == Some("c")).await;
}

async fn the_api_server_may_go_and_come_back(cluster: &mut Cluster) {
    cluster.apply(service("web", 1)).await;
    let mut weir = Watching::start(&cluster.kubeconfig()).await;
    weir.serves(&["web:80->"]).await;
    // Of a real one. They are not waited for before Services are served.
    weir.is("ServiceCIDRs", |status| {
        status.watches.get(&weir_control::Kind::ServiceCidr) == Some(&weir_control::WatchState::Connected)
    })
    .await;
    cluster.shut_down().await;
    weir.fails(weir_control::Kind::Service, &["connection refused"]).await;
    weir.serves(&["web:80->"]).await;
    cluster.restart().await;
    cluster.apply(service("dns", 2)).await;
    weir.serves(&["dns:80->", "web:80->"]).await;
    weir.is("connected", |status| {
        status.watches.get(&weir_control::Kind::Service) == Some(&weir_control::WatchState::Connected)
    })
    .await;
}

macro_rules! scenarios {
    ($($name:ident),* $(,)?) => {
        mod test_api_server {
            $(
                #[tokio::test]
                async fn $name() {
                    super::$name(&mut super::Cluster::test().await).await;
                }
            )*
        }

        /// All on one server, because each takes seconds to start.
        #[tokio::test]
        async fn real_api_server() {
            let Some(mut cluster) = Cluster::real().await else { return };
            $(
                println!("{}", stringify!($name));
                $name(&mut cluster).await;
                cluster.clear().await;
            )*
        }
    };
}

scenarios! {
    all_that_exists_is_served_after_the_start,
    changes_are_served,
    a_label_that_hands_a_service_to_another_proxy_takes_it_away,
    only_services_with_the_proxy_name_are_served_when_there_is_one,
    headless_services_are_not_served,
    this_node_is_known_and_no_other,
    the_api_server_may_go_and_come_back,
}
