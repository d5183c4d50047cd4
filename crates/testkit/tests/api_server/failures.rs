//! Refusals: streaming lists, RBAC, tokens, injected failures; and events that clients post.

use k8s_openapi::api::core::v1::{Event, Service};
use k8s_openapi::api::networking::v1::ServiceCIDR;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::Status;
use kube::runtime::watcher::Config;
use kube::{Api, Client, ResourceExt};
use serde_json::json;
use weir_testkit::{ApiServer, Authority, EndlessList, OwnThread, Resource};

use super::{Watched, client, service};

async fn list_services(server: &ApiServer) -> Result<usize, Box<Status>> {
    let services: Api<Service> = Api::all(client(server).await);
    match services.list(&ListParams::default()).await {
        Ok(list) => Ok(list.items.len()),
        Err(kube::Error::Api(status)) => Err(status),
        Err(other) => panic!("not a Status: {other}"),
    }
}

#[tokio::test]
async fn a_server_without_streaming_lists_says_422_and_still_serves_list_and_watch() {
    let server = ApiServer::start().await.unwrap();
    server.refuse_streaming_lists(422);
    let mut streaming = Watched::start(&server, Config::default().streaming_lists()).await;
    let error = streaming.next().await;
    assert!(error.contains("sendInitialEvents is forbidden") && error.contains("Invalid"), "{error}");
    let mut classic = Watched::start(&server, Config::default()).await;
    classic.expect(&["init", "done"]).await;
}

#[tokio::test]
async fn a_forbidden_resource_says_403_until_it_is_allowed() {
    let server = ApiServer::start().await.unwrap();
    server.forbid(Resource::Services, true);
    let status = list_services(&server).await.unwrap_err();
    assert!(status.is_forbidden());
    assert!(status.message.contains("cannot list resource \"services\""), "{}", status.message);
    let mut watched = Watched::start(&server, Config::default()).await;
    assert_eq!(watched.next().await, "init");
    assert!(watched.next().await.contains("is forbidden"));
    server.forbid(Resource::Services, false);
    watched.expect(&["init", "done"]).await;
    assert_eq!(server.requests(Resource::Services).refused, 2);
}

#[tokio::test]
async fn a_resource_that_is_not_served_is_404() {
    let server = ApiServer::start().await.unwrap();
    let cidrs: Api<ServiceCIDR> = Api::all(client(&server).await);
    assert_eq!(cidrs.list(&ListParams::default()).await.unwrap().items.len(), 0);
    server.set_served(Resource::ServiceCidrs, false);
    let kube::Error::Api(status) = cidrs.list(&ListParams::default()).await.unwrap_err() else {
        panic!("not a Status")
    };
    assert_eq!(status.code, 404);
}

#[tokio::test]
async fn the_next_requests_fail_as_often_as_the_test_asks() {
    let server = ApiServer::start().await.unwrap();
    server.fail_next(1, 500);
    assert_eq!(list_services(&server).await.unwrap_err().code, 500);
    // The kube client waits as long as Retry-After says and tries again by itself.
    server.fail_next(1, 429);
    assert_eq!(list_services(&server).await.unwrap(), 0);
    let requests = server.requests(Resource::Services);
    assert_eq!((requests.lists, requests.refused), (3, 2));
}

#[tokio::test]
async fn a_required_token_must_be_presented() {
    let server = ApiServer::start().await.unwrap();
    let without: Api<Service> = Api::all(client(&server).await);
    server.require_token("abc");
    let kube::Error::Api(status) = without.list(&ListParams::default()).await.unwrap_err() else {
        panic!("not a Status")
    };
    assert_eq!((status.code, status.reason.as_str()), (401, "Unauthorized"));
    assert_eq!(list_services(&server).await.unwrap(), 0);
}

#[tokio::test]
async fn a_restored_server_counts_from_its_backup_and_is_silent_to_watches_from_the_future() {
    let server = ApiServer::start().await.unwrap();
    server.apply(service("kept", json!({}))).unwrap();
    let backup = server.backup();
    server.apply(service("lost", json!({}))).unwrap();
    let mut watched = Watched::start(&server, Config::default()).await;
    watched.expect(&["init", "initial kept", "initial lost", "done"]).await;
    server.shut_down().await;
    server.restore(&backup);
    server.restart().unwrap();
    assert_eq!(server.resource_version(), 1);
    assert_eq!(list_services(&server).await.unwrap(), 1);
    // A watcher only goes on when it is asked.
    tokio::select! {
        open = server.wait_for_open_streams(1) => assert_eq!(open.unwrap(), 1),
        next = watched.next() => panic!("heard {next}"),
    }
    let asked = server.requests(Resource::Services).last_watch;
    assert_eq!(asked["resourceVersion"], "2");
    server.apply(service("unseen", json!({}))).unwrap();
    server.apply(service("seen", json!({}))).unwrap();
    watched.expect(&["apply seen"]).await;
}

#[tokio::test]
async fn a_server_with_tls_is_reached_by_whoever_trusts_its_authority() {
    let (authority, other) = (Authority::new().unwrap(), Authority::new().unwrap());
    let server = ApiServer::start().await.unwrap();
    server.use_tls(&authority).unwrap();
    let token = authority.certificate();
    let list = async |trusted: &Authority| {
        let kubeconfig = server.kubeconfig_of_files(&trusted.certificate(), &token);
        let kubeconfig = Kubeconfig::from_yaml(&kubeconfig.replace("tokenFile", "username")).unwrap();
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
        let client = Client::try_from(config.unwrap()).unwrap();
        Api::<Service>::all(client).list(&ListParams::default()).await.is_ok()
    };
    assert!(list(&authority).await);
    assert!(!list(&other).await);
}

#[tokio::test]
async fn pages_that_never_end_and_redirects_come_when_asked_for() {
    let server = ApiServer::start().await.unwrap();
    server.apply(service("web", json!({}))).unwrap();
    let services: Api<Service> = Api::all(client(&server).await);
    for (how, items) in [(EndlessList::SamePage, 1), (EndlessList::EmptyPages, 0)] {
        server.list_without_end(Some(how));
        let first = services.list(&ListParams::default().limit(1)).await.unwrap();
        let token = first.metadata.continue_.unwrap();
        let next = services.list(&ListParams::default().limit(1).continue_token(&token)).await.unwrap();
        assert_eq!((first.items.len(), next.items.len()), (items, items));
        assert_eq!(next.metadata.continue_.unwrap() == token, how == EndlessList::SamePage);
    }
    server.list_without_end(None);
    server.redirect_to(Some("http://elsewhere/"));
    assert!(services.list(&ListParams::default()).await.is_err());
    server.redirect_to(None);
    assert_eq!(list_services(&server).await.unwrap(), 1);
}

#[tokio::test]
async fn posted_events_are_recorded_and_can_be_patched() {
    let server = ApiServer::start().await.unwrap();
    let events: Api<Event> = Api::namespaced(client(&server).await, "shop");
    let mut event = Event { reason: Some("BindFailed".into()), ..Event::default() };
    event.metadata.generate_name = Some("web-".into());
    let created = events.create(&PostParams::default(), &event).await.unwrap();
    assert!(created.name_any().starts_with("web-"));
    let again = events.create(&PostParams::default(), &created).await.unwrap_err();
    assert!(matches!(again, kube::Error::Api(status) if status.is_already_exists()));

    let count = Patch::Merge(json!({ "count": 2 }));
    events.patch(&created.name_any(), &PatchParams::default(), &count).await.unwrap();
    let recorded = server.events();
    assert_eq!((recorded.len(), recorded[0]["count"].as_i64()), (1, Some(2)));
    assert_eq!(recorded[0]["reason"], "BindFailed");
}

#[tokio::test]
async fn a_server_on_its_own_thread_holds_tens_of_thousands_of_objects() {
    let server = OwnThread::start(ApiServer::start).unwrap();
    for number in 0..44_000 {
        server.apply(service(&format!("web-{number}"), json!({}))).unwrap();
    }
    let mut watched = Watched::start(&server, Config::default().streaming_lists()).await;
    assert_eq!(watched.next().await, "init");
    let mut initial = 0;
    while watched.next().await != "done" {
        initial += 1;
    }
    assert_eq!(initial, 44_000);
    server.apply(service("one-more", json!({}))).unwrap();
    watched.expect(&["apply one-more"]).await;
    server.shut_down().await;
    server.restart().unwrap();
    assert_eq!(list_services(&server).await.unwrap(), 44_001);
}
