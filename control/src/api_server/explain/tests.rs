//! Which message does each failure of a list or watch give?

use super::*;
use crate::Selection;
use rustls::CertificateError;

fn of_service(cause: impl Error + Send + Sync + 'static) -> Failure {
    let error = watcher::Error::WatchStartFailed(kube::Error::Service(Box::new(cause)));
    explain(&error, &Target::services(&Selection::default()), "https://api:6443", &AnswerBeginning::default())
}

fn of_status(code: u16, target: &Target) -> Failure {
    let status = kube::core::Status::failure("detail", "Reason").with_code(code);
    let error = watcher::Error::InitialListFailed(kube::Error::Api(Box::new(status)));
    explain(&error, target, "https://api:6443", &AnswerBeginning::default())
}

#[test]
fn a_bad_certificate_is_found_inside_an_io_error_and_named() {
    let cases = [
        (CertificateError::UnknownIssuer, "from an authority we do not know"),
        (CertificateError::BadSignature, "from an authority we do not know"),
        (CertificateError::Expired, "has expired"),
        (CertificateError::NotValidForName, "is not for this name or address"),
        (CertificateError::Revoked, "Revoked"),
    ];
    for (certificate, words) in cases {
        let failure = of_service(io::Error::other(rustls::Error::InvalidCertificate(certificate)));
        assert_eq!(failure.reason, Reason::Tls);
        assert!(
            failure.message.contains(words) && failure.message.contains("https://api:6443"),
            "{failure:?}"
        );
    }
}

#[test]
fn a_server_that_refuses_our_certificate_or_speaks_no_tls_is_told_from_one_that_is_not_trusted() {
    let alert = rustls::Error::AlertReceived(rustls::AlertDescription::UnknownCA);
    let plain = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
    for (error, words) in
        [(alert, "does not accept our client certificate (UnknownCA)"), (plain, "does not speak TLS")]
    {
        let failure = of_service(io::Error::other(error));
        assert_eq!(failure.reason, Reason::Tls);
        assert!(failure.message.contains(words), "{failure:?}");
    }
}

#[test]
fn a_connection_that_cannot_be_made_says_what_to_check() {
    let cases = [
        (io::ErrorKind::ConnectionRefused, "is the API server running there?"),
        (io::ErrorKind::TimedOut, "no answer"),
    ];
    for (kind, words) in cases {
        let failure = of_service(io::Error::from(kind));
        assert_eq!(failure.reason, Reason::Unreachable);
        assert!(failure.message.contains(words), "{failure:?}");
    }
}

#[test]
fn an_answer_is_named_with_verb_and_resource() {
    let services = Target::services(&Selection::default());
    let cases = [
        (401, Reason::Unauthorized, "401 Unauthorized on list services"),
        (403, Reason::Forbidden, "not allowed to list services"),
        (404, Reason::NotFound, "does not offer services"),
        (410, Reason::Expired, "listing again"),
        (503, Reason::Refused, "refuses to list services (503: detail)"),
    ];
    for (code, reason, words) in cases {
        let failure = of_status(code, &services);
        assert_eq!((failure.reason, failure.code), (reason, Some(code)));
        assert!(failure.message.contains(words), "{failure:?}");
    }
    assert!(of_status(403, &Target::node("a")).message.contains("; zone hints and node ports"));
}

#[test]
fn a_server_that_is_away_is_asked_again_sooner_than_one_that_refuses() {
    let services = Target::services(&Selection::default());
    for (code, backoff) in [
        (307, REFUSED),
        (400, REFUSED),
        (401, REFUSED),
        (403, REFUSED),
        (404, REFUSED),
        (410, UNAVAILABLE),
        (429, REFUSED),
        (500, UNAVAILABLE),
        (503, UNAVAILABLE),
        (504, UNAVAILABLE),
    ] {
        assert_eq!(of_status(code, &services).backoff(), backoff, "{code}");
    }
    assert_eq!(of_service(io::Error::from(io::ErrorKind::ConnectionRefused)).backoff(), UNAVAILABLE);
}

#[test]
fn what_a_server_asks_for_is_taken_from_its_status_and_what_it_says_fits_a_line() {
    let status = r#"{"code":503,"message":"come\nback\u001b[31m later","details":{"retryAfterSeconds":7}}"#;
    let error = watcher::Error::WatchError(Box::new(serde_json::from_str(status).unwrap()));
    let failure = explain(
        &error,
        &Target::services(&Selection::default()),
        "https://api:6443",
        &AnswerBeginning::default(),
    );
    assert_eq!(failure.retry_after, Some(Duration::from_secs(7)));
    assert!(failure.message.ends_with("(503: come back [31m later)"), "{}", failure.message);
    let long = of_service(io::Error::other("x".repeat(100_000)));
    assert!(long.message.len() < 500);
}

#[tokio::test]
async fn a_client_that_has_died_is_known_as_such_and_a_plugin_that_fails_as_a_matter_of_credentials() {
    type Answer = std::future::Ready<Result<http::Response<kube::client::Body>, io::Error>>;
    let dies = |_: http::Request<kube::client::Body>| -> Answer { panic!("given what it cannot take") };
    let client = kube::Client::new(tower::service_fn(dies), "default");
    let ask = || client.request_text(http::Request::new(Vec::new()));
    assert!(ask().await.is_err());
    let error = watcher::Error::InitialListFailed(ask().await.unwrap_err());
    let services = Target::services(&Selection::default());
    let failure = explain(&error, &services, "https://api:6443", &AnswerBeginning::default());
    assert_eq!(failure.reason, Reason::ClientGone, "{failure:?}");
    let failure = of_service(PluginError::NotInstalled { command: "aws".into(), hint: ": brew it".into() });
    assert_eq!(failure.reason, Reason::Unauthorized);
    assert!(failure.message.ends_with("the plugin \"aws\" is not installed: brew it"), "{failure:?}");
}

#[test]
fn an_answer_that_no_api_server_gives_is_shown() {
    let status = kube::core::Status::failure("text/html: \"<html>\"", FOREIGN);
    for (code, words) in [
        (401, "(401 Unauthorized on list services; text/html: \"<html>\")"),
        (404, "(404: text/html: \"<html>\")"),
        (502, "(502: text/html: \"<html>\")"),
    ] {
        let error = kube::Error::Api(Box::new(status.clone().with_code(code)));
        let error = watcher::Error::InitialListFailed(error);
        let services = Target::services(&Selection::default());
        let failure = explain(&error, &services, "https://api:6443", &AnswerBeginning::default());
        assert!(failure.message.contains(words), "{failure:?}");
    }
}
