//! What if the etcd of the API server was restored from a backup? Its versions are older than what weir has seen.

use super::{Cluster, KubeSource, Scope, Watching, failures::server_with, service};
use weir_control::Kind;
use weir_testkit::Resource;

#[tokio::test]
async fn after_a_backup_was_restored_everything_is_listed_again_and_followed_at_its_lower_versions() {
    let follows = async |streaming: bool| {
        let server = server_with(&["old", "gone-later"]).await;
        if !streaming {
            server.refuse_streaming_lists(422);
        }
        let backup = server.backup();
        let mut weir = Watching::with(&server.kubeconfig(), KubeSource::default(), Scope::default()).await;
        weir.serves(&["gone-later:80->", "old:80->"]).await;
        server.delete(Resource::Services, "default", "gone-later");
        for version in 0..50 {
            server.apply(service("new", 3 + version)).unwrap();
        }
        weir.serves(&["new:80->", "old:80->"]).await;
        server.shut_down().await;
        weir.fails(Kind::Service, &["connection refused"]).await;
        let before = server.resource_version();
        server.restore(&backup);
        assert!(server.resource_version() < before);
        server.restart().unwrap();
        weir.serves(&["gone-later:80->", "old:80->"]).await;
        server.apply(service("after", 9)).unwrap();
        weir.serves(&["after:80->", "gone-later:80->", "old:80->"]).await;
        weir.is("back", |status| status.outage_since.is_none()).await;
    };
    tokio::join!(follows(true), follows(false));
}

#[tokio::test]
async fn an_api_server_that_was_only_away_is_asked_for_no_new_list() {
    let server = server_with(&["web"]).await;
    let mut weir = Watching::start(&server.kubeconfig()).await;
    weir.serves(&["web:80->"]).await;
    server.shut_down().await;
    weir.fails(Kind::Service, &["connection refused"]).await;
    let before = server.requests(Resource::Services);
    server.restart().unwrap();
    weir.is("back", |status| status.outage_since.is_none()).await;
    let after = server.requests(Resource::Services);
    assert_eq!(after.last_watch.get("sendInitialEvents"), None);
    assert_eq!(after.last_list["limit"], "1", "only its version was asked for");
    assert_eq!((after.lists - before.lists, after.watches - before.watches), (1, 1));
}

#[tokio::test]
async fn a_real_api_server_that_was_restored_from_a_backup_is_followed() {
    let Some(mut cluster) = Cluster::real().await else { return };
    cluster.apply(service("old", 1)).await;
    cluster.back_up().await;
    let mut weir = Watching::start(&cluster.kubeconfig()).await;
    weir.serves(&["old:80->"]).await;
    for number in 0..100 {
        cluster.apply(service(&format!("lost-{number}"), 2 + number)).await;
    }
    weir.sees("all Services", |snapshot| super::served(snapshot).len() == 101).await;
    cluster.shut_down().await;
    weir.fails(Kind::Service, &["connection refused"]).await;
    cluster.restore();
    cluster.restart().await;
    weir.serves(&["old:80->"]).await;
    cluster.apply(service("new", 200)).await;
    weir.serves(&["new:80->", "old:80->"]).await;
}
