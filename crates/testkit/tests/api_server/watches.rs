//! Watches with and without streaming lists, and their interruptions.

use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Service;
use kube::Api;
use kube::api::{WatchEvent, WatchParams};
use kube::runtime::watcher::Config;
use serde_json::json;
use weir_testkit::{ApiServer, Resource};

use super::{Watched, client, service};

async fn server_with_web() -> ApiServer {
    let server = ApiServer::start().await.unwrap();
    server.apply(service("web", json!({}))).unwrap();
    server
}

#[tokio::test]
async fn a_list_and_watch_sees_additions_changes_and_deletions() {
    let server = server_with_web().await;
    server.apply(service("web-2", json!({}))).unwrap();
    let mut watched = Watched::start(&server, Config::default().page_size(1)).await;
    watched.expect(&["init", "initial web", "initial web-2", "done"]).await;
    server.apply(service("new", json!({}))).unwrap();
    server.apply(service("new", json!({ "changed": "yes" }))).unwrap();
    assert!(server.delete(Resource::Services, "shop", "new"));
    assert!(!server.delete(Resource::Services, "shop", "new"));
    watched.expect(&["apply new", "apply new", "delete new"]).await;
    let requests = server.requests(Resource::Services);
    assert_eq!((requests.lists, requests.watches, requests.refused), (2, 1, 0));
}

#[tokio::test]
async fn a_streaming_list_sees_everything_in_one_watch() {
    let server = server_with_web().await;
    for number in 0..600 {
        server.apply(service(&format!("web-{number:03}"), json!({}))).unwrap();
    }
    let mut watched = Watched::start(&server, Config::default().streaming_lists()).await;
    watched.expect(&["init", "initial web"]).await;
    for number in 0..600 {
        assert_eq!(watched.next().await, format!("initial web-{number:03}"));
    }
    watched.expect(&["done"]).await;
    server.apply(service("new", json!({}))).unwrap();
    watched.expect(&["apply new"]).await;
    let requests = server.requests(Resource::Services);
    assert_eq!((requests.lists, requests.watches), (0, 1));
    assert_eq!(requests.last_watch["sendInitialEvents"], "true");
}

#[tokio::test]
async fn an_object_that_leaves_the_selection_is_deleted_and_one_that_enters_is_added() {
    let server = server_with_web().await;
    let mut watched = Watched::start(&server, Config::default().labels("!proxy").streaming_lists()).await;
    watched.expect(&["init", "initial web", "done"]).await;
    server.apply(service("web", json!({ "proxy": "other" }))).unwrap();
    watched.expect(&["delete web"]).await;
    server.apply(service("hidden", json!({ "proxy": "other" }))).unwrap();
    server.apply(service("web", json!({}))).unwrap();
    watched.expect(&["apply web"]).await;
}

#[tokio::test]
async fn a_compaction_under_an_open_watch_is_a_410_from_which_the_watcher_recovers() {
    let server = server_with_web().await;
    let mut watched = Watched::start(&server, Config::default()).await;
    watched.expect(&["init", "initial web", "done"]).await;
    server.apply(service("web-2", json!({}))).unwrap();
    server.compact();
    assert!(watched.next().await.contains("too old resource version"));
    watched.expect(&["init", "initial web", "initial web-2", "done"]).await;
    server.apply(service("web-3", json!({}))).unwrap();
    watched.expect(&["apply web-3"]).await;
}

#[tokio::test]
async fn a_watch_resumed_after_a_compaction_gets_a_410_from_which_the_watcher_recovers() {
    let server = server_with_web().await;
    let mut watched = Watched::start(&server, Config::default().streaming_lists()).await;
    watched.expect(&["init", "initial web", "done"]).await;
    server.drop_streams();
    server.apply(service("web-2", json!({}))).unwrap();
    server.compact();
    assert!(watched.next().await.contains("too old resource version"));
    watched.expect(&["init", "initial web", "initial web-2", "done"]).await;
}

#[tokio::test]
async fn a_bookmark_tells_a_quiet_watch_how_far_the_server_is() {
    let server = server_with_web().await;
    let services: Api<Service> = Api::all(client(&server).await);
    let mut watch = services.watch(&WatchParams::default(), "1").await.unwrap().boxed();
    let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "worker-1" } });
    let version = server.apply(node).unwrap();
    server.send_bookmarks();
    let Some(Ok(WatchEvent::Bookmark(bookmark))) = watch.next().await else { panic!("no bookmark") };
    assert_eq!(bookmark.metadata.resource_version, version.to_string());

    server.compact();
    drop(watch);
    let mut resumed = services.watch(&WatchParams::default(), &version.to_string()).await.unwrap().boxed();
    server.apply(service("web-2", json!({}))).unwrap();
    assert!(matches!(resumed.next().await, Some(Ok(WatchEvent::Added(_)))));
}

#[tokio::test]
async fn a_dropped_stream_is_resumed_without_losing_a_change() {
    let server = server_with_web().await;
    let mut watched = Watched::start(&server, Config::default()).await;
    watched.expect(&["init", "initial web", "done"]).await;
    server.apply(service("web-2", json!({}))).unwrap();
    watched.expect(&["apply web-2"]).await;
    server.drop_streams();
    server.apply(service("web-3", json!({}))).unwrap();
    assert!(server.delete(Resource::Services, "shop", "web-2"));
    watched.expect(&["apply web-3", "delete web-2"]).await;
    let requests = server.requests(Resource::Services);
    assert_eq!((requests.lists, requests.watches), (1, 2));
}

#[tokio::test]
async fn a_stalled_stream_delivers_nothing_until_it_goes_on_while_new_ones_work() {
    let server = server_with_web().await;
    let mut watched = Watched::start(&server, Config::default().streaming_lists()).await;
    watched.expect(&["init", "initial web", "done"]).await;
    server.stall_streams(true);
    server.apply(service("web-2", json!({}))).unwrap();
    server.send_bookmarks();
    assert!(tokio::time::timeout(Duration::from_millis(100), watched.next()).await.is_err());
    let mut other = Watched::start(&server, Config::default().streaming_lists()).await;
    other.expect(&["init", "initial web", "initial web-2", "done"]).await;
    assert_eq!(server.open_streams(), 2);
    server.stall_streams(false);
    watched.expect(&["apply web-2"]).await;
}

#[tokio::test]
async fn a_watch_ends_after_its_timeout_and_is_resumed() {
    let server = server_with_web().await;
    let mut watched = Watched::start(&server, Config::default().timeout(1)).await;
    watched.expect(&["init", "initial web", "done"]).await;
    let again = async {
        server.wait_for_requests(Resource::Services, |requests| requests.watches == 2).await.unwrap();
        server.apply(service("web-2", json!({}))).unwrap();
    };
    tokio::join!(again, watched.expect(&["apply web-2"]));
    assert_eq!(server.requests(Resource::Services).lists, 1);
}

#[tokio::test]
async fn a_server_that_was_away_comes_back_on_its_port_with_its_objects() {
    let server = server_with_web().await;
    let mut watched = Watched::start(&server, Config::default()).await;
    watched.expect(&["init", "initial web", "done"]).await;
    server.apply(service("web-2", json!({}))).unwrap();
    watched.expect(&["apply web-2"]).await;
    server.shut_down().await;
    assert_eq!(server.open_streams(), 0);
    assert!(watched.next().await.starts_with("error failed to start watching object"));
    server.apply(service("web-3", json!({}))).unwrap();
    server.restart().unwrap();
    watched.expect(&["apply web-3"]).await;
}
