//! Does what an operator says of endpoints reach the Snapshot, of the Services concerned only, and outlive a restart?
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod golden;

use golden::event;
use k8s_openapi::api::{core::v1::Service, discovery::v1::EndpointSlice};
use serde_json::json;
use std::{fs, path::PathBuf, process};
use tokio::sync::watch;
use weir_control::{
    Changed, Control, Event, FileSource, Kept, Kind, OperatorOverrides, Scope, Source, Store, start,
};
use weir_core::{EndpointSet, Override, Overrides, ServiceKey, Snapshot, Weight};

const MANIFEST: &str = "
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {clusterIP: 10.96.0.1, ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: web-1
  labels: {kubernetes.io/service-name: web}
  annotations: {weir.dev/weight: '20'}
addressType: IPv4
ports: [{name: '', port: 8080}]
endpoints:
- {addresses: [10.0.0.1], nodeName: n1}
- {addresses: [10.0.0.2], nodeName: n2}
";

fn drained() -> Override {
    Override { drained: true, ..Override::default() }
}

fn overrides(target: &str, said: Override) -> Overrides {
    let mut overrides = Overrides::default();
    overrides.set(target.parse().unwrap(), said).unwrap();
    overrides
}

/// The endpoints that get new connections, with their weights.
fn served(snapshot: &Snapshot, service: &str) -> Vec<String> {
    let resolved = snapshot.get(&ServiceKey::new("default", service)).unwrap();
    let cluster = resolved.ports[0].cluster.iter().flat_map(EndpointSet::iter);
    cluster.map(|endpoint| format!("{} {}", endpoint.address.ip(), endpoint.weight)).collect()
}

fn objects(count: u8) -> Vec<Event> {
    let service = |number: u8| {
        event::<Service>(&json!({
            "metadata": { "name": format!("web-{number}") },
            "spec": { "clusterIP": format!("10.96.0.{number}"), "ports": [{ "port": 80 }] },
        }))
    };
    let slice = |number: u8| {
        let name = format!("web-{number}");
        event::<EndpointSlice>(&json!({
            "metadata": { "name": name, "labels": { "kubernetes.io/service-name": name } },
            "addressType": "IPv4", "ports": [{ "name": "", "port": 8080 }],
            "endpoints": [
                { "addresses": [format!("10.0.{number}.1")], "nodeName": "n1" },
                { "addresses": [format!("10.0.{number}.2")], "nodeName": format!("own-{number}") },
            ],
        }))
    };
    let mut events = vec![Event::Begin(Kind::Service)];
    events.extend((0..count).map(service));
    events.extend([Event::Complete(Kind::Service), Event::Begin(Kind::EndpointSlice)]);
    events.extend((0..count).map(slice));
    events.push(Event::Complete(Kind::EndpointSlice));
    events
}

#[test]
fn an_override_computes_the_services_that_it_concerns_and_no_other() {
    let mut store = Store::new("n1");
    objects(50).into_iter().for_each(|event| store.apply(event));
    store.commit();
    store.set_overrides(overrides("10.0.7.1:8080/TCP", drained()));
    let commit = store.commit();
    assert_eq!((commit.visited, commit.differing.len()), (1, 1));
    assert_eq!(served(&commit.snapshot, "web-7"), ["10.0.7.2 100"]);
    store.set_overrides(overrides(
        "node/own-9",
        Override { weight: Some(Weight::new(5)), ..Override::default() },
    ));
    let commit = store.commit();
    assert_eq!((commit.visited, commit.differing.len()), (2, 2), "one has its endpoint back");
    assert_eq!(served(&commit.snapshot, "web-9"), ["10.0.9.1 100", "10.0.9.2 5"]);
    store.set_overrides(Overrides::default());
    assert_eq!(served(&store.commit().snapshot, "web-9"), ["10.0.9.1 100", "10.0.9.2 100"]);
    store.set_overrides(overrides("10.0.7.1:8080/UDP", drained()));
    let commit = store.commit();
    assert!(!commit.changed, "it serves TCP");
}

#[test]
fn what_an_operator_said_before_an_object_came_counts_when_it_comes() {
    let mut store = Store::new("n1");
    store.set_overrides(overrides("node/n1", drained()));
    objects(1).into_iter().for_each(|event| store.apply(event));
    assert_eq!(served(&store.commit().snapshot, "web-0"), ["10.0.0.2 100"]);
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("weir-operator-{name}-{}", process::id()));
        _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        fs::write(path.join("web.yaml"), MANIFEST).unwrap();
        Self(path)
    }

    async fn start(&self, state: Option<&str>) -> (Control, watch::Receiver<Snapshot>, OperatorOverrides) {
        let state_dir = state.map(|name| self.0.join(name));
        let source = FileSource { state_dir, ..FileSource::new([self.0.join("web.yaml")]) };
        let control = start(Source::File(source), Scope::default()).await.unwrap();
        let mut snapshots = control.snapshots.clone();
        snapshots.wait_for(|snapshot| snapshot.generation > 0).await.unwrap();
        let overrides = control.overrides();
        (control, snapshots, overrides)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}

async fn drain(overrides: &OperatorOverrides, target: &str) -> Changed {
    let set = |all: &mut Overrides| all.set(target.parse().unwrap(), drained()).ok();
    overrides.change(set).await.unwrap().unwrap().1
}

#[tokio::test]
async fn a_drain_is_answered_with_the_snapshot_that_has_it_and_is_there_after_a_restart() {
    let folder = Folder::new("kept");
    let (control, snapshots, overrides) = folder.start(Some("state")).await;
    assert_eq!(served(&snapshots.borrow(), "web"), ["10.0.0.1 20", "10.0.0.2 20"]);
    let changed = drain(&overrides, "node/n1").await;
    let snapshot = snapshots.borrow().clone();
    assert_eq!((changed.kept, changed.generation), (Kept::Kept, snapshot.generation));
    assert_eq!(served(&snapshot, "web"), ["10.0.0.2 20"]);
    assert_eq!(drain(&overrides, "node/n1").await.generation, snapshot.generation, "nothing changes");
    control.end().await;

    let (control, snapshots, overrides) = folder.start(Some("state")).await;
    assert_eq!(served(&snapshots.borrow(), "web"), ["10.0.0.2 20"], "never was it otherwise");
    let undrain = |all: &mut Overrides| all.set("node/n1".parse().unwrap(), Override::default()).ok();
    overrides.change(undrain).await.unwrap();
    assert_eq!(served(&snapshots.borrow(), "web"), ["10.0.0.1 20", "10.0.0.2 20"]);
    control.end().await;
    let (_control, snapshots, _) = folder.start(Some("state")).await;
    assert_eq!(served(&snapshots.borrow(), "web").len(), 2);
}

#[tokio::test]
async fn without_a_folder_or_where_it_cannot_be_written_a_drain_is_in_force_and_says_so() {
    let folder = Folder::new("unkept");
    let (_control, snapshots, overrides) = folder.start(None).await;
    assert_eq!(drain(&overrides, "10.0.0.1").await.kept, Kept::NoFolder);
    assert_eq!(served(&snapshots.borrow(), "web"), ["10.0.0.2 20"]);
    let (_control, snapshots, overrides) = folder.start(Some("web.yaml")).await;
    let Kept::Failed(why) = drain(&overrides, "10.0.0.1").await.kept else { panic!("it is a file") };
    assert!(why.contains("cannot create"), "{why}");
    assert_eq!(served(&snapshots.borrow(), "web"), ["10.0.0.2 20"]);
}

#[tokio::test]
async fn many_who_change_at_the_same_time_lose_nothing() {
    let folder = Folder::new("many");
    let (_control, _, overrides) = folder.start(Some("state")).await;
    let change = async |number: u8| drain(&overrides, &format!("10.9.9.{number}")).await;
    let all = (0..20).map(change);
    futures::future::join_all(all).await;
    assert_eq!(overrides.current().iter().len(), 20);
}

#[tokio::test]
async fn after_the_end_a_change_is_refused() {
    let folder = Folder::new("ended");
    let (control, _, overrides) = folder.start(None).await;
    control.end().await;
    let set = |all: &mut Overrides| all.set("node/n1".parse().unwrap(), drained()).ok();
    assert!(overrides.change(set).await.is_err());
}
