//! What happens when answers are errors, pages, garbage or redirects? Known objects stay served, and are followed later.

use super::{Watching, failures::server_with, service};
use weir_control::{Kind, WatchState};
use weir_testkit::{ApiServer, Resource};

/// What is served stays while the server fails in some way, its status says why, and afterwards all is well.
async fn endures(fault: impl Fn(&ApiServer), words: &[&str], end: impl Fn(&ApiServer)) {
    let server = server_with(&["web"]).await;
    let mut weir = Watching::start(&server.kubeconfig()).await;
    let before = weir.serves(&["web:80->"]).await;
    fault(&server);
    server.drop_streams();
    weir.fails(Kind::Service, words).await;
    assert_eq!(*weir.control.snapshots.borrow(), before);
    assert!(weir.control.status.borrow().ready);
    end(&server);
    server.apply(service("dns", 2)).unwrap();
    weir.serves(&["dns:80->", "web:80->"]).await;
    weir.is("connected", |status| status.watches.get(&Kind::Service) == Some(&WatchState::Connected)).await;
}

#[tokio::test]
async fn a_page_of_something_else_instead_of_an_answer_changes_nothing() {
    let page = |server: &ApiServer| server.answer_next(1000, "text/html", "<html>please log in</html>\n");
    let words = [
        "services",
        "broke off",
        "200 OK, text/html: \"<html>please log in</html>\\n\"",
        "login page in front",
    ];
    endures(page, &words, |server| server.answer_next(0, "", "")).await;
    let in_a_list = |server: &ApiServer| {
        server.refuse_streaming_lists(422);
        server.compact();
        page(server);
    };
    endures(in_a_list, &["services", "200 OK, text/html: \"<html>please"], |server| {
        server.answer_next(0, "", "");
    })
    .await;
}

#[tokio::test]
async fn a_list_that_is_none_is_shown_as_it_begins() {
    const LIST: &str = "{\"kind\":\"ServiceList\",\"items\":\"none\"}";
    let list = |server: &ApiServer| {
        server.refuse_streaming_lists(422);
        server.compact();
        server.answer_next(1000, "application/json", LIST);
    };
    let words = ["services", "no usable answer", "200 OK, application/json", "ServiceList"];
    endures(list, &words, |server| server.answer_next(0, "", "")).await;
}

#[tokio::test]
async fn garbage_instead_of_events_changes_nothing() {
    let garbage =
        |server: &ApiServer| server.answer_next(1000, "application/json", "{\"type\":\u{1}\u{7f}]]\n");
    endures(garbage, &["services", "broke off"], |server| server.answer_next(0, "", "")).await;
}

#[tokio::test]
async fn a_server_that_has_too_much_to_do_or_fails_inside_changes_nothing() {
    for (code, word) in [(429, "429"), (500, "500")] {
        endures(
            |server| server.fail_next(1000, code),
            &["refuses", "services", word],
            |server| {
                server.fail_next(0, 0);
            },
        )
        .await;
    }
}

#[tokio::test]
async fn an_error_that_comes_as_if_all_were_well_changes_nothing() {
    const STATUS: &str = "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\
                          \"message\":\"etcdserver: no leader\",\"code\":500}\n";
    let status = |server: &ApiServer| server.answer_next(1000, "application/json", STATUS);
    endures(status, &["services", "500: etcdserver: no leader"], |server| server.answer_next(0, "", ""))
        .await;
    let in_a_list = |server: &ApiServer| {
        server.refuse_streaming_lists(422);
        server.compact();
        status(server);
    };
    endures(in_a_list, &["services"], |server| server.answer_next(0, "", "")).await;
}

#[tokio::test]
async fn a_redirect_is_named_and_not_followed() {
    let elsewhere = server_with(&["evil"]).await;
    let url = elsewhere.url();
    endures(
        |server| server.redirect_to(Some(&format!("{url}/api/v1/services"))),
        &["services", "307", "sends us on to", &url],
        |server| server.redirect_to(None),
    )
    .await;
    for resource in Resource::ALL {
        assert_eq!(elsewhere.requests(resource), Default::default(), "nobody came, with a token or without");
    }
}

#[tokio::test]
async fn a_server_that_answers_well_and_badly_in_turn_is_followed() {
    let follows = async |code| {
        let server = server_with(&["web"]).await;
        server.fail_every_other(Some(code));
        let mut weir = Watching::start(&server.kubeconfig()).await;
        weir.serves(&["web:80->"]).await;
        server.drop_streams();
        server.apply(service("dns", 2)).unwrap();
        weir.serves(&["dns:80->", "web:80->"]).await;
    };
    tokio::join!(follows(429), follows(500), follows(503));
}

#[tokio::test]
async fn however_a_server_says_that_it_knows_no_streaming_lists_it_is_asked_for_pages() {
    for code in [400, 404, 405, 422, 500, 501] {
        let server = server_with(&["web"]).await;
        server.refuse_streaming_lists(code);
        let mut weir = Watching::start(&server.kubeconfig()).await;
        weir.serves(&["web:80->"]).await;
        assert!(server.requests(Resource::Services).refused <= 1, "{code} is not asked for again and again");
    }
}

#[tokio::test]
async fn whichever_kind_is_forbidden_is_named_and_the_others_are_followed() {
    for (resource, kind) in [
        (Resource::Services, Kind::Service),
        (Resource::EndpointSlices, Kind::EndpointSlice),
        (Resource::Nodes, Kind::Node),
        (Resource::ServiceCidrs, Kind::ServiceCidr),
    ] {
        let server = server_with(&["web"]).await;
        server.forbid(resource, true);
        let mut weir = Watching::start(&server.kubeconfig()).await;
        let status = weir
            .is("three watches, one refusal", |status| {
                Kind::ALL.iter().all(|other| match status.watches.get(other) {
                    Some(WatchState::Connected) => *other != kind,
                    Some(WatchState::Failing(_) | WatchState::Off(_)) => *other == kind,
                    _ => false,
                })
            })
            .await;
        let (WatchState::Failing(message) | WatchState::Off(message)) = &status.watches[&kind] else {
            panic!("{status:?}")
        };
        for words in [kind.resource(), "403 Forbidden", "ClusterRole"] {
            assert!(message.contains(words), "{message}");
        }
        let required = matches!(kind, Kind::Service | Kind::EndpointSlice);
        assert_eq!(status.outage_since.is_some(), required, "{status:?}");
        if !required {
            weir.serves(&["web:80->"]).await;
        }
    }
}
