//! What happens on bad days: lost history, dead streams, refusals, expired credentials? What is known stays served.

use super::{KubeSource, Scope, TempFile, Watching, service, slice};
use std::time::{Duration, Instant};
use weir_control::{Kind, Status, WatchState};
use weir_testkit::{ApiServer, RealApiServer, Resource, UNKNOWN_AUTHORITY};

pub(crate) async fn server_with(services: &[&str]) -> ApiServer {
    let server = ApiServer::start().await.unwrap();
    for (number, name) in (1..).zip(services) {
        server.apply(service(name, number)).unwrap();
    }
    server
}

#[tokio::test]
async fn without_streaming_lists_pages_are_used() {
    let server = server_with(&[]).await;
    server.refuse_streaming_lists(422);
    for number in 0..1001 {
        server.apply(service(&format!("web-{number}"), number)).unwrap();
    }
    let mut weir = Watching::start(&server.kubeconfig()).await;
    weir.sees("1001 Services", |snapshot| snapshot.services().count() == 1001).await;
    let requests = server.requests(Resource::Services);
    assert_eq!((requests.lists, requests.refused), (3, 1), "one refusal, then three pages");
    assert_eq!(requests.last_list["limit"], "500");
    server.apply(slice("web-7", "10.0.0.7")).unwrap();
    weir.sees("a change", |snapshot| super::served(snapshot).contains(&"web-7:80->10.0.0.7".into())).await;
}

#[tokio::test]
async fn a_list_comes_as_a_stream_of_events_where_the_server_can() {
    let server = server_with(&[]).await;
    for number in 0..1001 {
        server.apply(service(&format!("web-{number}"), number)).unwrap();
    }
    let mut weir = Watching::start(&server.kubeconfig()).await;
    weir.sees("1001 Services", |snapshot| snapshot.services().count() == 1001).await;
    server.apply(slice("web-7", "10.0.0.7")).unwrap();
    weir.sees("a change", |snapshot| super::served(snapshot).contains(&"web-7:80->10.0.0.7".into())).await;
    for resource in [Resource::Services, Resource::EndpointSlices] {
        let requests = server.requests(resource);
        assert_eq!((requests.lists, requests.complete_lists, requests.refused), (0, 1, 0), "{requests:?}");
        // The watch that brought the list goes on with what changes.
        assert_eq!(requests.watches, 1, "{requests:?}");
        assert_eq!(requests.last_watch["sendInitialEvents"], "true");
        assert_eq!(requests.last_watch["resourceVersionMatch"], "NotOlderThan");
    }
}

#[tokio::test]
async fn a_server_that_fails_only_at_streaming_lists_is_asked_for_pages() {
    let server = server_with(&["web"]).await;
    server.refuse_streaming_lists(500);
    let mut weir = Watching::start(&server.kubeconfig()).await;
    weir.serves(&["web:80->"]).await;
    server.apply(service("dns", 2)).unwrap();
    weir.serves(&["dns:80->", "web:80->"]).await;
    weir.is("connected", |status| status.watches.get(&Kind::Service) == Some(&WatchState::Connected)).await;
}

#[tokio::test]
async fn what_was_deleted_while_the_server_was_away_stays_until_a_new_list_leaves_it_out() {
    let server = server_with(&["goes", "stays"]).await;
    let mut weir = Watching::start(&server.kubeconfig()).await;
    let before = weir.serves(&["goes:80->", "stays:80->"]).await;
    server.shut_down().await;
    server.delete(Resource::Services, "default", "goes");
    server.apply(service("comes", 3)).unwrap();
    server.compact();
    weir.fails(Kind::Service, &["connection refused", &server.url()]).await;
    assert_eq!(*weir.control.snapshots.borrow(), before);
    assert!(weir.control.status.borrow().ready);
    server.restart().unwrap();
    weir.serves(&["comes:80->", "stays:80->"]).await;
}

#[tokio::test]
async fn a_history_that_is_gone_means_a_new_list_and_no_gap() {
    let server = server_with(&["web"]).await;
    let mut weir = Watching::start(&server.kubeconfig()).await;
    weir.serves(&["web:80->"]).await;
    server.stall_streams(true);
    server.apply(service("dns", 2)).unwrap();
    server.compact();
    server.stall_streams(false);
    let mut snapshots = weir.control.snapshots.clone();
    let never_less = tokio::spawn(async move {
        while snapshots.changed().await.is_ok() {
            assert!(snapshots.borrow_and_update().services().count() >= 1, "web is always served");
        }
    });
    weir.serves(&["dns:80->", "web:80->"]).await;
    drop(weir);
    never_less.await.unwrap();
}

#[tokio::test]
async fn streams_that_are_cut_are_resumed() {
    let server = server_with(&["web"]).await;
    let mut weir = Watching::start(&server.kubeconfig()).await;
    weir.serves(&["web:80->"]).await;
    for (number, name) in [(2, "a"), (3, "b"), (4, "c")] {
        server.drop_streams();
        server.apply(service(name, number)).unwrap();
        weir.sees(name, |snapshot| snapshot.services().any(|service| &*service.key.name == name)).await;
    }
    assert_eq!(weir.control.snapshots.borrow().services().count(), 4);
}

#[tokio::test]
async fn a_server_that_ends_every_watch_at_once_is_followed_but_not_asked_without_pause() {
    let server = server_with(&["web"]).await;
    server.end_watches_at_once(true);
    let start = Instant::now();
    let mut weir = Watching::start(&server.kubeconfig()).await;
    weir.serves(&["web:80->"]).await;
    server.apply(service("dns", 2)).unwrap();
    weir.serves(&["dns:80->", "web:80->"]).await;
    server.wait_for_requests(Resource::Services, |requests| requests.watches >= 8).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(2), "eight watches in {:?}", start.elapsed());
}

#[tokio::test]
async fn a_stream_that_falls_silent_is_noticed() {
    let server = server_with(&["web"]).await;
    let source = KubeSource { watch_timeout: Duration::from_secs(1), ..KubeSource::default() };
    let mut weir = Watching::with(&server.kubeconfig(), source, Scope::default()).await;
    weir.serves(&["web:80->"]).await;
    server.stall_streams(true);
    server.apply(service("dns", 2)).unwrap();
    weir.serves(&["dns:80->", "web:80->"]).await;
}

#[tokio::test]
async fn what_weir_can_do_without_does_not_keep_it_from_serving() {
    let server = server_with(&["web"]).await;
    server.forbid(Resource::ServiceCidrs, true);
    server.forbid(Resource::Nodes, true);
    let mut weir = Watching::start(&server.kubeconfig()).await;
    weir.serves(&["web:80->"]).await;
    weir.fails(Kind::Node, &["nodes", "403", "ClusterRole", "zone hints and node ports"]).await;
    let off = |status: &Status| matches!(status.watches.get(&Kind::ServiceCidr), Some(WatchState::Off(why)) if why.contains("servicecidrs"));
    weir.is("off", off).await;
    assert!(!weir.is_ready().await.node_known);
}

#[tokio::test]
async fn a_server_without_service_cidrs_is_served() {
    let server = server_with(&["web"]).await;
    server.set_served(Resource::ServiceCidrs, false);
    let mut weir = Watching::start(&server.kubeconfig()).await;
    weir.serves(&["web:80->"]).await;
    let off = |status: &Status| matches!(status.watches.get(&Kind::ServiceCidr), Some(WatchState::Off(why)) if why.contains("does not offer"));
    weir.is("off", off).await;
}

#[tokio::test]
async fn forbidden_services_are_named_with_the_verb_until_they_are_allowed() {
    for (resource, kind, name) in [
        (Resource::Services, Kind::Service, "services"),
        (Resource::EndpointSlices, Kind::EndpointSlice, "endpointslices"),
    ] {
        let server = server_with(&["web"]).await;
        server.forbid(resource, true);
        let mut weir = Watching::start(&server.kubeconfig()).await;
        let words = [&*format!("not allowed to watch {name}"), "403 Forbidden", "apply weir's ClusterRole"];
        let status = weir.fails(kind, &words).await;
        assert!(!status.ready);
        assert_eq!(weir.control.snapshots.borrow().generation, 0);
        server.forbid(resource, false);
        weir.serves(&["web:80->"]).await;
        weir.is("connected", |status| status.watches.get(&kind) == Some(&WatchState::Connected)).await;
    }
}

#[tokio::test]
async fn a_server_that_fails_for_a_while_is_asked_again() {
    let server = server_with(&["web"]).await;
    server.fail_next(8, 503);
    let mut weir = Watching::start(&server.kubeconfig()).await;
    weir.fails(Kind::Service, &["refuses", "services", "503"]).await;
    weir.serves(&["web:80->"]).await;
}

#[tokio::test]
async fn a_server_that_is_not_there_yet_is_waited_for() {
    let server = server_with(&["web"]).await;
    server.shut_down().await;
    let mut weir = Watching::start(&server.kubeconfig()).await;
    let status = weir.fails(Kind::Service, &["connection refused; is the API server running there?"]).await;
    assert!(!status.ready);
    server.restart().unwrap();
    weir.serves(&["web:80->"]).await;
}

#[tokio::test]
async fn expired_credentials_are_named_and_new_ones_are_picked_up() {
    let server = server_with(&["web"]).await;
    server.require_token("old");
    let mut weir = Watching::start(&server.kubeconfig()).await;
    weir.serves(&["web:80->"]).await;
    server.require_token("new");
    server.drop_streams();
    weir.fails(Kind::Service, &["does not accept our credentials", "401", "expired"]).await;
    std::fs::write(&weir.kubeconfig.0, server.kubeconfig()).unwrap();
    server.apply(service("dns", 2)).unwrap();
    weir.serves(&["dns:80->", "web:80->"]).await;
}

#[tokio::test]
async fn a_real_api_server_refuses_nobody_strangers_and_unknown_authorities_in_these_words() {
    let Some(server) = RealApiServer::start().await.unwrap() else { return };
    let mut nobody = Watching::start(&server.kubeconfig_of_nobody()).await;
    let words = ["not allowed to watch services", "403 Forbidden", "apply weir's ClusterRole"];
    assert!(!nobody.fails(Kind::Service, &words).await.ready);
    nobody
        .is("off", |status| matches!(status.watches.get(&Kind::ServiceCidr), Some(WatchState::Off(_))))
        .await;

    let mut stranger = Watching::start(&server.kubeconfig_for("wrong")).await;
    stranger.fails(Kind::Service, &["does not accept our credentials", "401"]).await;

    let other = TempFile::new(UNKNOWN_AUTHORITY);
    let kubeconfig = server.kubeconfig();
    let line = kubeconfig.split('"').find(|part| part.ends_with("apiserver.crt")).unwrap();
    let mut unknown = Watching::start(&kubeconfig.replace(line, &other.0.display().to_string())).await;
    unknown.fails(Kind::Service, &["certificate is from an authority we do not know"]).await;
}
