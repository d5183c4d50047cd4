//! Which certificates are trusted to be, or to vouch for, the API server's?

use super::{
    pem::describe,
    verifier::{AnyServer, TrustedServer},
};
use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::CryptoProvider,
    pki_types::{CertificateDer, pem::PemObject},
};
use std::sync::Arc;

/// Certificates that are trusted.
#[derive(Clone, Default)]
pub(in crate::api_server::client) enum Authorities {
    /// Those of the operating system.
    #[default]
    System,
    /// Every certificate is accepted: `insecure-skip-tls-verify`.
    Any,
    /// Certificates that a kubeconfig or service account names, at least one.
    Named(Vec<CertificateDer<'static>>),
}

impl Authorities {
    /// Reads certificates in PEM. What is none among them is passed over, as client-go does.
    pub(in crate::api_server::client) fn from_pem(pem: &[u8], origin: &str) -> Result<Self, String> {
        let mut usable = RootCertStore::empty();
        let certificates = CertificateDer::pem_slice_iter(pem).flatten();
        let certificates: Vec<_> =
            certificates.filter(|certificate| usable.add(certificate.clone()).is_ok()).collect();
        match certificates.is_empty() {
            true => Err(format!("its certificate-authority, {origin}, {}", describe(pem, "CERTIFICATE"))),
            false => Ok(Self::Named(certificates)),
        }
    }

    /// Verifier of the TLS library.
    pub(super) fn verifier(
        self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, String> {
        match self {
            Self::Any => Ok(Arc::new(AnyServer::new(provider))),
            Self::Named(certificates) => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(certificates.iter().cloned());
                let verifier =
                    WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(provider));
                let verifier = verifier.build().map_err(|error| error.to_string())?;
                Ok(Arc::new(TrustedServer::new(verifier, certificates)))
            }
            Self::System => match rustls_platform_verifier::Verifier::new(Arc::clone(provider)) {
                Ok(verifier) => Ok(Arc::new(verifier)),
                Err(error) => Err(format!(
                    "no certificate-authority is named, and those of the operating system cannot be used ({error}): \
                     name one, or install ca-certificates"
                )),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_no_certificate_is_refused_by_what_it_holds_instead() {
        for (pem, words) in [
            ("", "certificate-authority-data, is empty"),
            ("hello", "holds no CERTIFICATE in PEM"),
            (
                "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n",
                "holds a damaged CERTIFICATE",
            ),
            (
                "-----BEGIN PRIVATE KEY-----\naGVsbG8=\n-----END PRIVATE KEY-----\n",
                "holds PRIVATE KEY and no",
            ),
        ] {
            let error = Authorities::from_pem(pem.as_bytes(), "certificate-authority-data").err().unwrap();
            assert!(error.contains(words), "{error}");
        }
    }
}
