//! Which API server is under test? The test kit's, or a real one.

use k8s_openapi::api::{core::v1::Service, discovery::v1::EndpointSlice};
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{sleep, timeout};
use weir_testkit::{ApiServer, RealApiServer, Resource};

/// An API server that a test controls.
pub(crate) enum Cluster {
    Test(ApiServer),
    Real(Box<RealApiServer>, Client),
}

impl Cluster {
    pub(crate) async fn test() -> Self {
        Self::Test(ApiServer::start().await.unwrap())
    }

    /// `None` when there is none on this machine, which is said.
    pub(crate) async fn real() -> Option<Self> {
        let server = RealApiServer::start().await.unwrap()?;
        _ = rustls::crypto::ring::default_provider().install_default();
        // kube-apiserver makes its certificate while it starts.
        let configured = async {
            loop {
                let kubeconfig = Kubeconfig::from_yaml(&server.kubeconfig()).unwrap();
                let options = KubeConfigOptions::default();
                let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await;
                if let Some(client) = config.ok().and_then(|config| Client::try_from(config).ok()) {
                    return client;
                }
                sleep(Duration::from_millis(100)).await;
            }
        };
        let client = timeout(START_LIMIT, configured).await.unwrap();
        until_ready(&client).await;
        Some(Self::Real(Box::new(server), client))
    }

    pub(crate) fn kubeconfig(&self) -> String {
        match self {
            Self::Test(server) => server.kubeconfig(),
            Self::Real(server, _) => server.kubeconfig(),
        }
    }

    /// The kubeconfig of somebody whom a real server knows but allows nothing.
    pub(crate) fn kubeconfig_of_nobody(&self) -> String {
        match self {
            Self::Test(server) => server.kubeconfig(),
            Self::Real(server, _) => server.kubeconfig_of_nobody(),
        }
    }

    /// Creates or replaces an object.
    pub(crate) async fn apply(&self, object: Value) {
        match self {
            Self::Test(server) => drop(server.apply(object).unwrap()),
            Self::Real(_, client) => {
                let (version, kind) =
                    (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
                let (group, version) = version.split_once('/').unwrap_or(("", version));
                let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
                let api: Api<DynamicObject> = match object["metadata"]["namespace"].as_str() {
                    Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
                    None => Api::all_with(client.clone(), &resource),
                };
                let name = object["metadata"]["name"].as_str().unwrap().to_owned();
                api.patch(&name, &PatchParams::apply("test").force(), &Patch::Apply(&object)).await.unwrap();
            }
        }
    }

    pub(crate) async fn delete_service(&self, name: &str) {
        match self {
            Self::Test(server) => assert!(server.delete(Resource::Services, "default", name)),
            Self::Real(_, client) => {
                let services = Api::<Service>::namespaced(client.clone(), "default");
                services.delete(name, &DeleteParams::default()).await.unwrap();
            }
        }
    }

    /// Waits until the Events of a Service of a real server, as `kubectl get events` shows them, are as wanted.
    pub(crate) async fn events_of(&self, service: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let Self::Real(_, client) = self else { return Vec::new() };
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Event"));
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), "default", &resource);
        let of_service = ListParams::default().fields(&format!("involvedObject.name={service}"));
        let found = async {
            loop {
                let listed = api.list(&of_service).await.unwrap();
                let events = listed.items.iter().map(|event| serde_json::to_value(event).unwrap());
                let events: Vec<Value> = events.collect();
                if !events.is_empty() && wanted(&events) {
                    return events;
                }
                sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(START_LIMIT, found).await.expect("the wanted Events")
    }

    /// Deletes what a scenario left.
    pub(crate) async fn clear(&self) {
        let Self::Real(_, client) = self else { return };
        let services = Api::<Service>::namespaced(client.clone(), "default");
        for service in services.list(&ListParams::default()).await.unwrap() {
            if service.name_any() != "kubernetes" {
                services.delete(&service.name_any(), &DeleteParams::default()).await.unwrap();
            }
        }
        let slices = Api::<EndpointSlice>::namespaced(client.clone(), "default");
        slices.delete_collection(&DeleteParams::default(), &ListParams::default()).await.unwrap();
    }

    pub(crate) async fn shut_down(&mut self) {
        match self {
            Self::Test(server) => server.shut_down().await,
            Self::Real(server, _) => server.shut_down(),
        }
    }

    /// Sets a copy of a real server's state aside, and starts it again.
    pub(crate) async fn back_up(&mut self) {
        if let Self::Real(server, _) = self {
            server.back_up().unwrap();
        }
        self.restart().await;
    }

    /// Has a real server go back to that copy, as after a disaster; it stays away.
    pub(crate) fn restore(&mut self) {
        if let Self::Real(server, _) = self {
            server.restore().unwrap();
        }
    }

    pub(crate) async fn restart(&mut self) {
        match self {
            Self::Test(server) => server.restart().unwrap(),
            Self::Real(server, client) => {
                server.restart().await.unwrap();
                until_ready(client).await;
            }
        }
    }
}

const START_LIMIT: Duration = Duration::from_secs(120);

/// The port opens long before the server can answer, and it answers before it can allocate cluster IPs.
async fn until_ready(client: &Client) {
    let ready = async {
        loop {
            let request = kube::core::Request::new("/readyz").list(&ListParams::default()).unwrap();
            if client.request_text(request).await.is_ok() {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(START_LIMIT, ready).await.expect("a kube-apiserver that is ready");
}

/// A slice of a Service with one endpoint.
pub(crate) fn slice(service: &str, address: &str) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": format!("{service}-1"),
            "namespace": "default",
            "labels": { "kubernetes.io/service-name": service },
        },
        "addressType": "IPv4",
        "ports": [{ "name": "", "port": 8080, "protocol": "TCP" }],
        "endpoints": [{ "addresses": [address], "conditions": { "ready": true } }],
    })
}
