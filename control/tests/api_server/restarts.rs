//! What is served after a restart while the API server is away?

use super::{NODE, Scope, TempFile, Watching, service, slice};
use serde_json::json;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};
use weir_control::{Kind, KubeSource, LabelSelector, Objects, Source, start};
use weir_testkit::{ApiServer, Resource};

/// A folder for state that is removed at the end of its test.
struct StateDir(PathBuf);

impl StateDir {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("state-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name))
    }

    fn file(&self) -> PathBuf {
        self.0.join("state")
    }

    async fn weir(&self, server: &ApiServer) -> Watching {
        self.weir_with(server, Scope::default()).await
    }

    async fn weir_with(&self, server: &ApiServer, scope: Scope) -> Watching {
        let source = KubeSource { state_dir: Some(self.0.clone()), ..KubeSource::default() };
        Watching::with(&server.kubeconfig(), source, scope).await
    }
}

impl Drop for StateDir {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}

/// A server with two Services that is away, and the state of a weir that has seen it.
async fn away() -> (ApiServer, StateDir) {
    let (server, state) = (ApiServer::start().await.unwrap(), StateDir::new());
    for (name, number) in [("dns", 1), ("web", 2)] {
        server.apply(service(name, number)).unwrap();
        server.apply(slice(name, &format!("10.0.0.{number}"))).unwrap();
    }
    server
        .apply(json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": NODE,
        "labels": { "topology.kubernetes.io/zone": "zone-a" } } }))
        .unwrap();
    let mut weir = state.weir(&server).await;
    weir.serves(&["dns:80->10.0.0.1", "web:80->10.0.0.2"]).await;
    weir.sees("the node", |snapshot| snapshot.node.known).await;
    weir.control.end().await;
    server.shut_down().await;
    (server, state)
}

#[tokio::test]
async fn the_last_state_is_served_while_the_server_is_away_and_corrected_when_it_is_back() {
    let (server, state) = away().await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&state.0), mode(&state.file())), (0o700, 0o600));
    assert!(server.delete(Resource::Services, "default", "dns"));
    server.apply(slice("web", "10.0.0.9")).unwrap();
    let mut weir = state.weir(&server).await;
    let snapshot = weir.serves(&["dns:80->10.0.0.1", "web:80->10.0.0.2"]).await;
    assert_eq!(snapshot.node.zone.as_deref(), Some("zone-a"), "zone hints go on to count");
    let status = weir.is_ready().await;
    assert!(status.restored.is_some() && status.node_known);
    server.restart().unwrap();
    weir.serves(&["web:80->10.0.0.9"]).await;
    weir.is("up to date", |status| status.restored.is_none()).await;
    weir.control.end().await;
    server.shut_down().await;
    state.weir(&server).await.serves(&["web:80->10.0.0.9"]).await;
}

#[tokio::test]
async fn a_restart_that_never_hears_the_server_leaves_the_state_as_it_was() {
    let (server, state) = away().await;
    let before = fs::read(state.file()).unwrap();
    for _ in 0..2 {
        let mut weir = state.weir(&server).await;
        weir.serves(&["dns:80->10.0.0.1", "web:80->10.0.0.2"]).await;
        weir.control.end().await;
    }
    assert_eq!(fs::read(state.file()).unwrap(), before);
}

#[tokio::test]
async fn a_damaged_state_is_not_served_and_replaced_when_the_server_is_back() {
    let (server, state) = away().await;
    let mut damaged = fs::read(state.file()).unwrap();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(state.file(), &damaged).unwrap();
    let mut weir = state.weir(&server).await;
    weir.fails(Kind::Service, &[]).await;
    assert!(!weir.control.status.borrow().ready);
    assert_eq!(fs::read(state.file()).unwrap(), damaged, "it stays until there is a better one");
    server.restart().unwrap();
    weir.serves(&["dns:80->10.0.0.1", "web:80->10.0.0.2"]).await;
    weir.control.end().await;
    server.shut_down().await;
    state.weir(&server).await.serves(&["dns:80->10.0.0.1", "web:80->10.0.0.2"]).await;
}

#[tokio::test]
async fn the_state_of_another_selection_or_server_is_not_served() {
    let (server, state) = away().await;
    let mut other = Scope::default();
    other.selection.service_proxy_name = Some("weir".into());
    let mut weir = state.weir_with(&server, other).await;
    weir.fails(Kind::Service, &[]).await;
    assert!(!weir.control.status.borrow().ready);
    drop(weir);
    let another = ApiServer::start().await.unwrap();
    another.shut_down().await;
    let mut weir = state.weir(&another).await;
    weir.fails(Kind::Service, &[]).await;
    assert!(!weir.control.status.borrow().ready);
}

/// A kubeconfig for the same server whose credentials come from a command.
fn with_plugin(server: &ApiServer, command: &str) -> String {
    let exec = json!({ "apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "args": ["-c", command],
        "interactiveMode": "Never" });
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{ "name": "test", "cluster": { "server": server.url() } }],
        "users": [{ "name": "test", "user": { "exec": exec } }],
        "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "test" } }],
    })
    .to_string()
}

#[tokio::test]
async fn credentials_that_cannot_be_had_keep_only_a_weir_without_state_from_starting() {
    let (server, state) = away().await;
    let ready = state.0.join("credentials");
    let credential =
        r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t"}}"#;
    let plugin = format!("test -e {} && echo '{credential}'", ready.display());
    let source = KubeSource { state_dir: Some(state.0.clone()), ..KubeSource::default() };
    let mut weir = Watching::with(&with_plugin(&server, &plugin), source.clone(), Scope::default()).await;
    weir.serves(&["dns:80->10.0.0.1", "web:80->10.0.0.2"]).await;
    weir.fails(Kind::EndpointSlice, &["cannot use the credentials"]).await;
    server.restart().unwrap();
    server.apply(slice("web", "10.0.0.9")).unwrap();
    fs::write(&ready, "").unwrap();
    weir.serves(&["dns:80->10.0.0.1", "web:80->10.0.0.9"]).await;
    drop(weir);
    let kubeconfig = TempFile::new(&with_plugin(&server, "false"));
    let source = KubeSource { kubeconfig: Some(kubeconfig.0.clone()), state_dir: None, ..source };
    let error = start(Source::Kube(source), Scope::default()).await.unwrap_err().to_string();
    assert!(error.contains("cannot use the credentials"), "{error}");
}

#[tokio::test]
async fn a_credential_plugin_that_hangs_does_not_keep_the_last_state_from_being_served() {
    let (server, state) = away().await;
    let pipe = state.0.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let source = KubeSource { state_dir: Some(state.0.clone()), ..KubeSource::default() };
    let plugin = format!("cat {}", pipe.display());
    let mut weir = Watching::with(&with_plugin(&server, &plugin), source, Scope::default()).await;
    weir.serves(&["dns:80->10.0.0.1", "web:80->10.0.0.2"]).await;
    assert_eq!(weir.control.status.borrow().watches.len(), 0, "nothing was heard of the plugin");
    drop(weir);
    // Whoever waits for a writer gets one, and those to come find nothing.
    let writer = fs::OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
    fs::remove_file(&pipe).unwrap();
    drop(writer);
}

/// Names of the Services that a selector chooses.
fn chosen(weir: &Watching, selector: &str) -> Vec<String> {
    let selector: LabelSelector = selector.parse().unwrap();
    let state = weir.control.objects.borrow().state.clone();
    let chosen = state.services().filter(|service| selector.matches(&service.labels));
    let mut names: Vec<String> = chosen.map(|service| service.key.name.to_string()).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn services_are_chosen_by_the_labels_that_they_have_now_or_had_before_the_restart() {
    let (server, state) = (ApiServer::start().await.unwrap(), StateDir::new());
    let labelled = |labels: &serde_json::Value| {
        let mut web = service("web", 1);
        web["metadata"]["labels"] = labels.clone();
        web
    };
    server.apply(labelled(&json!({ "app": "shop", "z.example/tier": "", "a": "b" }))).unwrap();
    server.apply(service("dns", 2)).unwrap();
    let mut weir = state.weir(&server).await;
    weir.serves(&["dns:80->", "web:80->"]).await;
    assert_eq!(chosen(&weir, "app=shop,a,z.example/tier="), ["web"]);
    assert_eq!(chosen(&weir, "!app"), ["dns"]);
    let generation = weir.control.snapshots.borrow().generation;
    server.apply(labelled(&json!({ "app": "bank" }))).unwrap();
    let is_bank = |objects: &Objects| {
        objects.state.services().any(|service| service.labels.iter().any(|(_, value)| &**value == "bank"))
    };
    weir.control.objects.wait_for(is_bank).await.unwrap();
    assert_eq!(weir.control.snapshots.borrow().generation, generation, "nothing else is served");
    weir.control.end().await;
    server.shut_down().await;
    let mut weir = state.weir(&server).await;
    weir.serves(&["dns:80->", "web:80->"]).await;
    assert_eq!(chosen(&weir, "app in (shop,bank)"), ["web"]);
}
