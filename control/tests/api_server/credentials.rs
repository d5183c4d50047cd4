//! Is a change of certificates, tokens or the API server itself on disk picked up without a restart?

use super::{Scope, TempFile, Watching, failures::server_with, served, service, streams::impatient};
use std::fs;
use weir_control::Kind;
use weir_testkit::{ApiServer, Authority, Resource};

#[tokio::test]
async fn a_server_that_comes_back_with_another_authority_is_refused_until_that_is_on_disk() {
    let (old, new) = (Authority::new().unwrap(), Authority::new().unwrap());
    let server = server_with(&["web"]).await;
    server.use_tls(&old).unwrap();
    server.require_token("secret");
    let trusted = TempFile::new(&fs::read_to_string(old.certificate()).unwrap());
    let token = TempFile::new("secret");
    let mut weir = Watching::start(&server.kubeconfig_of_files(&trusted.0, &token.0)).await;
    let before = weir.serves(&["web:80->"]).await;
    server.shut_down().await;
    server.use_tls(&new).unwrap();
    server.restart().unwrap();
    let words = ["no trusted connection", "from an authority we do not know", "certificate-authority"];
    weir.fails(Kind::Service, &words).await;
    assert_eq!(*weir.control.snapshots.borrow(), before);
    fs::write(&trusted.0, "half a file").unwrap();
    weir.fails(Kind::Service, &["API server"]).await;
    fs::copy(new.certificate(), &trusted.0).unwrap();
    server.apply(service("dns", 2)).unwrap();
    weir.serves(&["dns:80->", "web:80->"]).await;
    weir.is("back", |status| status.outage_since.is_none()).await;
}

#[tokio::test]
async fn a_token_that_was_replaced_on_disk_is_used_at_the_first_refusal() {
    for token_ends in ["", "\n"] {
        let server = server_with(&["web"]).await;
        server.require_token("old");
        let nothing = TempFile::new("");
        let token = TempFile::new(&format!("old{token_ends}"));
        let kubeconfig = server.kubeconfig_of_files(&nothing.0, &token.0);
        let kubeconfig =
            kubeconfig.replace(&format!(", certificate-authority: \"{}\"", nothing.0.display()), "");
        let mut weir = Watching::start(&kubeconfig).await;
        weir.serves(&["web:80->"]).await;
        fs::write(&token.0, format!("new{token_ends}")).unwrap();
        server.require_token("new");
        server.drop_streams();
        server.apply(service("dns", 2)).unwrap();
        weir.serves(&["dns:80->", "web:80->"]).await;
        weir.is("back", |status| status.outage_since.is_none()).await;
    }
}

#[tokio::test]
async fn an_api_server_that_has_moved_is_found_where_the_kubeconfig_names_it_now() {
    let (old, new) = (server_with(&["web"]).await, server_with(&["dns"]).await);
    let mut weir = Watching::with(&old.kubeconfig(), impatient(), Scope::default()).await;
    weir.serves(&["web:80->"]).await;
    old.shut_down().await;
    weir.fails(Kind::Service, &["connection refused", &old.url()]).await;
    fs::write(&weir.kubeconfig.0, "half a file: [").unwrap();
    weir.fails(Kind::EndpointSlice, &["connection refused"]).await;
    fs::write(&weir.kubeconfig.0, new.kubeconfig()).unwrap();
    weir.serves(&["dns:80->"]).await;
    weir.is("back", |status| status.outage_since.is_none()).await;
}

#[tokio::test]
async fn credentials_that_are_asked_to_be_read_again_are_used_at_once_and_bad_ones_change_nothing() {
    let (old, new) = (server_with(&["web"]).await, server_with(&["dns"]).await);
    let mut weir = Watching::start(&old.kubeconfig()).await;
    weir.serves(&["web:80->"]).await;
    weir.is("watching", |status| status.outage_since.is_none() && status.watches.len() == 4).await;
    let reads = old.requests(Resource::Services);
    for (number, bad) in ["half a file: [", "", "current-context: gone"].into_iter().enumerate() {
        fs::write(&weir.kubeconfig.0, bad).unwrap();
        weir.control.credentials().read_again();
        let name = format!("after-{number}");
        old.apply(service(&name, 3 + number as u16)).unwrap();
        weir.sees(&name, |now| served(now).contains(&format!("{name}:80->"))).await;
    }
    assert_eq!(old.requests(Resource::Services), reads, "the watch through the last good client goes on");
    fs::write(&weir.kubeconfig.0, new.kubeconfig()).unwrap();
    weir.control.credentials().read_again();
    weir.serves(&["dns:80->"]).await;
    new.apply(service("web", 2)).unwrap();
    weir.serves(&["dns:80->", "web:80->"]).await;
    assert_eq!(old.wait_for_open_streams(0).await.unwrap(), 0);
}

#[tokio::test]
async fn a_request_to_read_credentials_again_ends_the_wait_of_a_weir_that_could_not_read_them() {
    let server = server_with(&["web"]).await;
    let mut weir = Watching::start(&server.kubeconfig()).await;
    weir.serves(&["web:80->"]).await;
    server.require_token("new");
    server.drop_streams();
    weir.fails(Kind::Service, &["401"]).await;
    fs::write(&weir.kubeconfig.0, server.kubeconfig()).unwrap();
    weir.control.credentials().read_again();
    weir.is("back", |status| status.outage_since.is_none()).await;
}

/// A kubeconfig whose user is this YAML (in braces) and whose server is the test's.
fn with_user(server: &ApiServer, user: &str) -> String {
    format!(
        "clusters: [{{name: k, cluster: {{server: \"{}\"}}}}]\nusers: [{{name: u, user: {user}}}]\n\
         contexts: [{{name: c, context: {{cluster: k, user: u}}}}]\ncurrent-context: c\n",
        server.url()
    )
}

#[tokio::test]
async fn a_bad_credential_that_is_read_again_ends_nothing_and_the_next_good_one_is_used() {
    let plugin = |token: &str| {
        format!(
            "{{exec: {{apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: echo, args: \
             ['{{\"status\": {{\"token\": \"{token}\"}}}}']}}}}"
        )
    };
    for (bad, words) in [
        ("{token: \"a\\nb\"}".to_owned(), "user \"u\": its token has a line end"),
        ("{token: \"a\\u0000b\"}".to_owned(), "user \"u\": its token has a line end"),
        (plugin("a\\nb"), "\"echo\" gave no usable answer: its token has a line end"),
        ("{token: t, as: \"a\\nb\"}".to_owned(), "user \"u\": its as \"a\\nb\""),
        ("{tokenFile: /does/not/exist}".to_owned(), "/does/not/exist: No such file"),
        ("{client-certificate: /does/not/exist, client-key: x}".to_owned(), "client-certificate"),
        (
            "{exec: {apiVersion: client.authentication.k8s.io/v1, command: weir-gone}}".to_owned(),
            "\"weir-gone\"",
        ),
        ("{}}\nnonsense: [".to_owned(), "cannot be used"),
    ] {
        let server = server_with(&["web"]).await;
        server.require_token("old");
        let mut weir = Watching::start(&with_user(&server, "{token: \"old\\n\"}")).await;
        let before = weir.serves(&["web:80->"]).await;
        fs::write(&weir.kubeconfig.0, with_user(&server, &bad)).unwrap();
        server.require_token("new");
        server.drop_streams();
        weir.fails(Kind::Service, &[words]).await;
        assert_eq!(*weir.control.snapshots.borrow(), before, "{bad}");
        fs::write(&weir.kubeconfig.0, with_user(&server, &plugin("new\\n"))).unwrap();
        weir.control.credentials().read_again();
        server.apply(service("dns", 2)).unwrap();
        weir.serves(&["dns:80->", "web:80->"]).await;
        weir.is("back", |status| status.outage_since.is_none()).await;
    }
}

#[tokio::test]
async fn a_plugin_is_asked_again_before_its_token_ends() {
    let server = server_with(&["web"]).await;
    server.require_token("first");
    let answer = TempFile::new("{status: {token: first, expirationTimestamp: \"2020-01-01T00:00:00Z\"}}");
    let plugin = format!(
        "{{exec: {{apiVersion: client.authentication.k8s.io/v1, command: cat, args: [\"{}\"]}}}}",
        answer.0.display()
    );
    let mut weir = Watching::start(&with_user(&server, &plugin)).await;
    weir.serves(&["web:80->"]).await;
    fs::write(&answer.0, "{status: {token: second}}").unwrap();
    server.require_token("second");
    server.drop_streams();
    server.apply(service("dns", 2)).unwrap();
    weir.serves(&["dns:80->", "web:80->"]).await;
    assert_eq!(server.requests(Resource::Services).refused, 0, "no request needed to be refused first");
}
