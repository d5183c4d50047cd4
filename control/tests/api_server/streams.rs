//! What if connections die silently, or live without an answer? weir gives them up, says so, and is back.

use super::{KubeSource, Scope, Watching, failures::server_with, served, service};
use std::time::Duration;
use tokio::net::TcpListener;
use weir_control::{Kind, WatchState};
use weir_testkit::{BlackHole, Misbehaviour, Resource};

/// Time-outs of a second, so that a test need not wait for a minute.
pub(crate) fn impatient() -> KubeSource {
    let second = Duration::from_secs(1);
    KubeSource { watch_timeout: second, answer_timeout: second, ..KubeSource::default() }
}

/// While the server answers like this what is known stays served, and afterwards all is well.
async fn endures(how: Misbehaviour, says: Option<&[&str]>) {
    let server = server_with(&["web"]).await;
    let mut weir = Watching::with(&server.kubeconfig(), impatient(), Scope::default()).await;
    let before = weir.serves(&["web:80->"]).await;
    server.misbehave(Some(how));
    server.drop_streams();
    server.wait_for_requests(Resource::Services, |requests| requests.refused > 0).await.unwrap();
    if let Some(words) = says {
        weir.fails(Kind::Service, words).await;
        weir.is("away", |status| status.outage_since.is_some()).await;
    }
    server.apply(service("dns", 2)).unwrap();
    assert_eq!(*weir.control.snapshots.borrow(), before, "while the server answers with {how:?}");
    server.misbehave(None);
    weir.serves(&["dns:80->", "web:80->"]).await;
    weir.is("back", |status| status.outage_since.is_none()).await;
}

#[tokio::test]
async fn an_answer_that_never_begins_is_given_up() {
    endures(Misbehaviour::Silence, Some(&["cannot reach the API server", "no answer"])).await;
}

#[tokio::test]
async fn a_connection_that_ends_in_place_of_an_answer_is_made_again() {
    endures(Misbehaviour::Hangup, Some(&["services"])).await;
}

#[tokio::test]
async fn a_watch_that_ends_in_the_middle_of_a_line_is_begun_again() {
    tokio::join!(endures(Misbehaviour::HalfALine, None), endures(Misbehaviour::Cut, None));
}

#[tokio::test]
async fn a_trickle_without_an_event_keeps_no_watch_alive() {
    endures(Misbehaviour::Trickle, None).await;
}

#[tokio::test]
async fn an_event_without_end_is_not_kept_and_the_kind_is_named() {
    endures(Misbehaviour::EndlessLine, Some(&["services", "an event of more than 8 MiB"])).await;
}

#[tokio::test]
async fn a_page_that_trickles_or_never_begins_does_not_hold_up_the_list_for_ever() {
    let first_list = async |how, words| {
        let server = server_with(&["web"]).await;
        server.misbehave(Some(how));
        let mut weir = Watching::with(&server.kubeconfig(), impatient(), Scope::default()).await;
        weir.fails(Kind::Service, &[words]).await;
        assert!(!weir.control.status.borrow().ready);
        server.misbehave(None);
        weir.serves(&["web:80->"]).await;
    };
    let trickle = first_list(Misbehaviour::Trickle, "a page so slow that only");
    tokio::join!(trickle, first_list(Misbehaviour::Silence, "no answer"));
}

/// What weir says of a server at this URL.
async fn complaint(url: &str) -> String {
    let server = server_with(&[]).await;
    let kubeconfig = server.kubeconfig().replace(&server.url(), url);
    let mut weir = Watching::start(&kubeconfig).await;
    let failing = weir
        .is("failing", |status| matches!(status.watches.get(&Kind::Service), Some(WatchState::Failing(_))));
    match failing.await.watches.remove(&Kind::Service) {
        Some(WatchState::Failing(message)) => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_connect_and_a_tls_handshake_that_hang_are_given_up() {
    let black_hole = BlackHole::start(([127, 0, 0, 1], 0).into()).unwrap();
    // Accepted by the kernel, and never looked at.
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (swallowed, unshaken) =
        (format!("http://{}", black_hole.address()), format!("https://{}", mute.local_addr().unwrap()));
    let (first, second) = tokio::join!(complaint(&swallowed), complaint(&unshaken));
    for (message, url) in [(first, swallowed), (second, unshaken)] {
        let expected = format!("cannot reach the API server at {url}: no answer");
        assert!(message.starts_with(&expected), "{message}");
    }
}

#[tokio::test]
async fn a_list_whose_pages_never_end_is_given_up_and_what_was_known_stays() {
    use weir_testkit::EndlessList::{EmptyPages, SamePage};
    let list = async |how| {
        let server = server_with(&["web"]).await;
        server.refuse_streaming_lists(422);
        let mut weir = Watching::start(&server.kubeconfig()).await;
        weir.serves(&["web:80->"]).await;
        server.list_without_end(Some(how));
        server.compact();
        server.apply(service("dns", 2)).unwrap();
        server.compact();
        server.drop_streams();
        weir.fails(Kind::Service, &["cannot list services", "its pages never end"]).await;
        assert!(served(&weir.control.snapshots.borrow()).contains(&"web:80->".into()));
        server.list_without_end(None);
        weir.serves(&["dns:80->", "web:80->"]).await;
    };
    tokio::join!(list(SamePage), list(EmptyPages));
}
