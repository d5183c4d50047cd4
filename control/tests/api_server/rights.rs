//! Are the rights that weir's ClusterRole gives enough, and do they only allow to read?

use super::{Cluster, Watching, service};
use serde_json::{Value, json};
use weir_control::{Kind, WatchState};

/// The role, its account and their binding, as an operator applies them.
fn shipped() -> Vec<Value> {
    let text = include_str!("../../../examples/deploy/base/rbac.yaml");
    text.split("\n---\n").map(|document| serde_saphyr::from_str(document).unwrap()).collect()
}

#[test]
fn the_role_names_every_kind_and_only_allows_to_list_and_watch() {
    let role = shipped().into_iter().find(|object| object["kind"] == "ClusterRole").unwrap();
    let rules = role["rules"].as_array().unwrap();
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
    for mut object in shipped() {
        if object["kind"] == "ClusterRoleBinding" {
            object["subjects"] =
                json!([{ "kind": "User", "name": "nobody", "apiGroup": "rbac.authorization.k8s.io" }]);
        }
        cluster.apply(object).await;
    }
    weir.serves(&["web:80->"]).await;
    for kind in [Kind::Service, Kind::EndpointSlice, Kind::Node] {
        weir.is("connected", |status| status.watches.get(&kind) == Some(&WatchState::Connected)).await;
    }
}
