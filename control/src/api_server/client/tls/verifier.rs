//! Is the server that answers the one that is meant? As Go sees it, which kubectl and client-go follow.
//!
//! The rules of `webpki` hold, with one addition: a server may show a certificate that is itself configured as an
//! authority, byte for byte. `webpki` refuses that when the certificate is an authority's (`openssl req -x509` makes
//! such ones), and when it is a server's own that another authority has issued. Go accepts both, and nothing is given
//! away: the operator named this very certificate, and the handshake proves that the server has its key. Its name and
//! its time must be right all the same.

use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use std::sync::Arc;

/// Verifier of servers that authorities vouch for, or that show such an authority's certificate as their own.
#[derive(Debug)]
pub(super) struct TrustedServer {
    inner: Arc<WebPkiServerVerifier>,
    authorities: Vec<CertificateDer<'static>>,
}

impl TrustedServer {
    pub(super) fn new(inner: Arc<WebPkiServerVerifier>, authorities: Vec<CertificateDer<'static>>) -> Self {
        Self { inner, authorities }
    }
}

impl ServerCertVerifier for TrustedServer {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.inner.verify_server_cert(shown, intermediates, name, ocsp_response, now);
        match verified {
            Err(error)
                if is_about_its_issuer(&error) && self.authorities.iter().any(|known| known == shown) =>
            {
                verify_server_name(&ParsedCertificate::try_from(shown)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, shown, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, shown, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Whether a certificate was refused only because of who has issued it, or because it is an authority's. `webpki`
/// looks at the time before either, and at the name after all else.
fn is_about_its_issuer(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => true,
        Error::InvalidCertificate(CertificateError::Other(other)) => is_authority_as_server(other),
        _ => false,
    }
}

/// Whether an authority's certificate was shown as a server's.
pub(in crate::api_server) fn is_authority_as_server(error: &OtherError) -> bool {
    matches!(error.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}

/// Verifier that accepts every server that has the key of its certificate: `insecure-skip-tls-verify`.
#[derive(Debug)]
pub(super) struct AnyServer(WebPkiSupportedAlgorithms);

impl AnyServer {
    pub(super) fn new(provider: &CryptoProvider) -> Self {
        Self(provider.signature_verification_algorithms)
    }
}

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _shown: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, shown, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, shown, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
