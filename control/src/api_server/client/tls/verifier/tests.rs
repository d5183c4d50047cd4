//! Which server certificates are accepted, and what still has to be right about them?

use super::*;
use crate::api_server::client::tls::{Authorities, provider};
use rustls::pki_types::pem::PemObject;
use std::time::Duration;

/// Certificates of the tests.
struct Certificates {
    authority: CertificateDer<'static>,
    leaf: CertificateDer<'static>,
    other_leaf: CertificateDer<'static>,
    own: CertificateDer<'static>,
    other_own: CertificateDer<'static>,
    of_a_client: CertificateDer<'static>,
}

impl Certificates {
    fn read() -> Self {
        let all = CertificateDer::pem_slice_iter(include_bytes!("certificates.pem"));
        let all: Vec<_> = all.map(Result::unwrap).collect();
        let [authority, leaf, other_leaf, own, other_own, of_a_client] = all.try_into().unwrap();
        Self { authority, leaf, other_leaf, own, other_own, of_a_client }
    }
}

/// Seconds of Unix time at which all certificates are valid.
const NOW: u64 = 1_900_000_000;

fn verified_at(
    trusted: &[&CertificateDer<'static>],
    shown: &CertificateDer<'static>,
    name: &str,
    seconds: u64,
) -> Result<(), Error> {
    let trusted = Authorities::Named(trusted.iter().map(|&certificate| certificate.clone()).collect());
    let verifier = trusted.verifier(&provider()).unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let name = ServerName::try_from(name.to_owned()).unwrap();
    verifier.verify_server_cert(shown, &[], &name, &[], now).map(drop)
}

fn verified(trusted: &[&CertificateDer<'static>], shown: &CertificateDer<'static>) -> Result<(), Error> {
    verified_at(trusted, shown, "localhost", NOW)
}

fn refusal(outcome: Result<(), Error>) -> CertificateError {
    match outcome.unwrap_err() {
        Error::InvalidCertificate(error) => error,
        other => panic!("{other}"),
    }
}

#[test]
fn a_server_may_show_the_very_certificate_that_is_trusted_whoever_has_issued_it() {
    let Certificates { authority, leaf, other_leaf, own, .. } = Certificates::read();
    for (trusted, shown) in [(&authority, &leaf), (&own, &own), (&leaf, &leaf)] {
        for name in ["localhost", "127.0.0.1"] {
            verified_at(&[trusted], shown, name, NOW).unwrap();
            verified_at(&[&other_leaf, trusted], shown, name, NOW).unwrap();
        }
    }
}

#[test]
fn another_certificate_of_the_same_name_or_issuer_is_refused() {
    let Certificates { authority, leaf, other_leaf, own, other_own, .. } = Certificates::read();
    for (trusted, shown) in [(&leaf, &other_leaf), (&own, &leaf), (&leaf, &own), (&own, &other_own)] {
        let error = refusal(verified(&[trusted], shown));
        let as_authority = matches!(&error, CertificateError::Other(other) if is_authority_as_server(other));
        assert!(as_authority || error == CertificateError::UnknownIssuer, "{error:?}");
    }
    // A trusted authority vouches for others, and is no server by that.
    for trusted in [&leaf, &own] {
        let error = refusal(verified(&[trusted], &authority));
        assert!(
            matches!(&error, CertificateError::Other(other) if is_authority_as_server(other)),
            "{error:?}"
        );
    }
}

#[test]
fn the_trusted_certificate_itself_is_refused_by_another_name_out_of_its_time_or_for_another_use() {
    let Certificates { leaf, own, of_a_client, .. } = Certificates::read();
    for trusted in [&leaf, &own] {
        for name in ["example.com", "127.0.0.2"] {
            let error = refusal(verified_at(&[trusted], trusted, name, NOW));
            assert!(matches!(error, CertificateError::NotValidForNameContext { .. }), "{error:?}");
        }
        let late = refusal(verified_at(&[trusted], trusted, "localhost", 8_000_000_000));
        assert!(matches!(late, CertificateError::ExpiredContext { .. }), "{late:?}");
        let early = refusal(verified_at(&[trusted], trusted, "localhost", 1_000_000_000));
        assert!(matches!(early, CertificateError::NotValidYetContext { .. }), "{early:?}");
    }
    let error = refusal(verified(&[&of_a_client], &of_a_client));
    assert!(matches!(error, CertificateError::InvalidPurposeContext { .. }), "{error:?}");
}
