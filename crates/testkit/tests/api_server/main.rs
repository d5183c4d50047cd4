//! Does the real kube client find in the test API server what it would find in a cluster?

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod failures;
mod lists;
mod watches;

use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::Service;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::watcher::{self, Config, Event};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use weir_testkit::ApiServer;

/// A client that was configured by the server's own kubeconfig.
async fn client(server: &ApiServer) -> Client {
    let kubeconfig = Kubeconfig::from_yaml(&server.kubeconfig()).unwrap();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    Client::try_from(config.unwrap()).unwrap()
}

fn service(name: &str, labels: Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": name, "namespace": "shop", "labels": labels },
        "spec": { "clusterIP": "10.96.0.10", "ports": [{ "port": 80 }] },
    })
}

/// What a watcher reported, in words: `apply web`, `delete web`, `init`, `initial web`, `done`, `error ...`.
struct Watched(Pin<Box<dyn Stream<Item = watcher::Result<Event<Service>>> + Send>>);

impl Watched {
    async fn start(server: &ApiServer, config: Config) -> Self {
        let services: Api<Service> = Api::all(client(server).await);
        Self(watcher::watcher(services, config).boxed())
    }

    async fn next(&mut self) -> String {
        let event = tokio::time::timeout(Duration::from_secs(20), self.0.next()).await;
        match event.unwrap().unwrap() {
            Ok(Event::Init) => "init".to_owned(),
            Ok(Event::InitApply(object)) => format!("initial {}", object.name_any()),
            Ok(Event::InitDone) => "done".to_owned(),
            Ok(Event::Apply(object)) => format!("apply {}", object.name_any()),
            Ok(Event::Delete(object)) => format!("delete {}", object.name_any()),
            Err(error) => format!("error {error}"),
        }
    }

    async fn expect(&mut self, expected: &[&str]) {
        for expected in expected {
            assert_eq!(self.next().await, *expected);
        }
    }
}
