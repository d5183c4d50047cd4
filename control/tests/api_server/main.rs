//! Does what an API server holds become what is served, and does it stay served on the server's bad days?

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod cluster;
mod configuration;
mod credentials;
mod events;
mod failures;
mod list_once;
mod node_ports;
mod old_server;
mod refusals;
mod restarts;
mod restored;
mod rights;
mod scenarios;
mod streams;
mod tls;

use cluster::{Cluster, slice};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use tokio::time::timeout;
use weir_control::{Control, Kind, KubeSource, Scope, Source, Status, WatchState, start};
use weir_core::Snapshot;

/// Only a test that fails waits for it.
const LIMIT: Duration = Duration::from_secs(90);

const NODE: &str = "worker-1";

/// A file that is removed at the end of its test.
struct TempFile(PathBuf);

impl TempFile {
    fn new(content: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("kubeconfig-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, content).unwrap();
        Self(path)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        _ = fs::remove_file(&self.0);
    }
}

/// weir's control plane on an API server.
struct Watching {
    control: Control,
    kubeconfig: TempFile,
}

impl Watching {
    async fn start(kubeconfig: &str) -> Self {
        Self::with(kubeconfig, KubeSource::default(), Scope::default()).await
    }

    async fn with(kubeconfig: &str, source: KubeSource, scope: Scope) -> Self {
        let kubeconfig = TempFile::new(kubeconfig);
        let source = KubeSource { kubeconfig: Some(kubeconfig.0.clone()), ..source };
        let scope = Scope { node_name: NODE.into(), ..scope };
        let control = Box::pin(start(Source::Kube(source), scope)).await.unwrap();
        Self { control, kubeconfig }
    }

    /// Waits until what is served is as wanted.
    async fn sees(&mut self, what: &str, wanted: impl Fn(&Snapshot) -> bool) -> Snapshot {
        let seen = timeout(LIMIT, self.control.snapshots.wait_for(|snapshot| wanted(snapshot))).await;
        if let Ok(Ok(snapshot)) = seen {
            return snapshot.clone();
        }
        drop(seen);
        let (served, status) = (served(&self.control.snapshots.borrow()), self.control.status.borrow());
        panic!("never saw {what}, but {served:?}; {status:?}")
    }

    /// Waits until exactly these Services are served, as `name:port->endpoints`.
    async fn serves(&mut self, expected: &[&str]) -> Snapshot {
        self.sees(&format!("{expected:?}"), |snapshot| served(snapshot) == expected).await
    }

    /// Waits until the status is as wanted.
    async fn is(&mut self, what: &str, wanted: impl Fn(&Status) -> bool) -> Status {
        let seen = timeout(LIMIT, self.control.status.wait_for(|status| wanted(status))).await;
        if let Ok(Ok(status)) = seen {
            return status.clone();
        }
        drop(seen);
        panic!("never was {what}, but {:?}", self.control.status.borrow())
    }

    /// Waits until the watch of a kind fails with a message that contains all of these.
    async fn fails(&mut self, kind: Kind, words: &[&str]) -> Status {
        let failing = |status: &Status| match status.watches.get(&kind) {
            Some(WatchState::Failing(message)) => words.iter().all(|word| message.contains(word)),
            _ => false,
        };
        self.is(&format!("{kind} failing with {words:?}"), failing).await
    }

    async fn is_ready(&mut self) -> Status {
        self.is("ready", |status| status.ready).await
    }
}

/// `name:port->endpoints` of all Services but the API server's own.
fn served(snapshot: &Snapshot) -> Vec<String> {
    let ports =
        snapshot.services().filter(|service| &*service.key.name != "kubernetes").flat_map(|service| {
            service.ports.iter().map(|port| {
                let endpoints: Vec<String> =
                    port.merged.iter().map(|endpoint| endpoint.address.ip().to_string()).collect();
                format!("{}:{}->{}", service.key.name, port.port, endpoints.join(","))
            })
        });
    let mut served: Vec<String> = ports.collect();
    served.sort_unstable();
    served
}

fn service(name: &str, number: u16) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": name, "namespace": "default" },
        "spec": {
            "clusterIP": format!("10.96.{}.{}", 1 + number / 250, 1 + number % 250),
            "ports": [{ "port": 80, "protocol": "TCP" }],
        },
    })
}
