//! Which certificates of a server are trusted, and what is said of those that are not?

use super::{TempFile, Watching, failures::server_with, service};
use std::{fs, path::Path};
use weir_control::Kind;
use weir_testkit::{ApiServer, Authority};

async fn server_of(authority: &Authority) -> ApiServer {
    let server = server_with(&["web"]).await;
    server.use_tls(authority).unwrap();
    server
}

/// Starts weir with this file as authority; the second value is the file of its token.
async fn trusting(server: &ApiServer, authority: &Path) -> (Watching, TempFile) {
    let token = TempFile::new("token");
    (Watching::start(&server.kubeconfig_of_files(authority, &token.0)).await, token)
}

#[tokio::test]
async fn a_self_signed_certificate_is_its_own_authority() {
    let authority = Authority::new().unwrap().shown_by_the_server();
    let server = server_of(&authority).await;
    trusting(&server, &authority.certificate()).await.0.serves(&["web:80->"]).await;
}

#[tokio::test]
async fn an_issued_certificate_may_be_trusted_in_place_of_its_authority() {
    let authority = Authority::new().unwrap();
    let server = server_of(&authority).await;
    trusting(&server, &authority.server_certificate()).await.0.serves(&["web:80->"]).await;
}

#[tokio::test]
async fn an_authority_that_serves_as_server_or_a_leaf_of_another_server_is_refused_in_words() {
    let (shown, other) = (Authority::new().unwrap().shown_by_the_server(), Authority::new().unwrap());
    let server = server_of(&shown).await;
    let (mut weir, _token) = trusting(&server, &other.certificate()).await;
    weir.fails(Kind::Service, &["no trusted connection", "that of an authority (CA:TRUE)"]).await;
    let server = server_of(&other).await;
    let (mut weir, _token) = trusting(&server, &shown.certificate()).await;
    weir.fails(Kind::Service, &["authority we do not know", "only as long as the server shows it"]).await;
}

#[tokio::test]
async fn a_leaf_that_the_server_no_longer_shows_is_replaced_without_a_restart() {
    let (old, new) = (Authority::new().unwrap(), Authority::new().unwrap());
    let server = server_of(&old).await;
    let trusted = TempFile::new(&fs::read_to_string(old.server_certificate()).unwrap());
    let (mut weir, _token) = trusting(&server, &trusted.0).await;
    weir.serves(&["web:80->"]).await;
    server.shut_down().await;
    server.use_tls(&new).unwrap();
    server.restart().unwrap();
    weir.fails(Kind::Service, &["authority we do not know"]).await;
    fs::copy(new.server_certificate(), &trusted.0).unwrap();
    server.apply(service("dns", 2)).unwrap();
    weir.serves(&["dns:80->", "web:80->"]).await;
}
