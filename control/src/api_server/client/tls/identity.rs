//! Which certificate proves who weir is, and can its key be used?

use super::{
    key_format::{self, USABLE},
    pem, provider,
};
use crate::api_server::client::data::Data;
use rustls::{
    InconsistentKeys,
    client::ResolvesClientCert,
    pki_types::{
        CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
        pem::{PemObject, SectionKind},
    },
    sign::{CertifiedKey, SigningKey, SingleCertAndKey},
};
use std::sync::Arc;

/// Client certificate with its key.
#[derive(Debug)]
pub(in crate::api_server::client) struct Identity(CertifiedKey);

impl Identity {
    /// Reads both in PEM. An error names the format of a key that cannot be used, and never shows the key.
    pub(in crate::api_server::client) fn from_pem(certificate: &Data, key: &Data) -> Result<Self, String> {
        let signing =
            signing_key(&key.bytes).map_err(|reason| format!("the client key, {}, {reason}", key.origin))?;
        let origin = &certificate.origin;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&certificate.bytes).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| {
            format!("the client certificate, {origin}, {}", pem::describe(&certificate.bytes, "CERTIFICATE"))
        })?;
        let certified = CertifiedKey::new(chain, signing);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(Self(certified)),
            Err(rustls::Error::InconsistentKeys(_)) => {
                Err(format!("the client certificate, {origin}, is not of the key, {}", key.origin))
            }
            Err(error) => Err(format!("the client certificate, {origin}, cannot be used: {error}")),
        }
    }

    pub(super) fn resolver(self) -> Arc<dyn ResolvesClientCert> {
        Arc::new(SingleCertAndKey::from(self.0))
    }
}

/// First private key in `bytes`, or what is there instead.
fn signing_key(bytes: &[u8]) -> Result<Arc<dyn SigningKey>, String> {
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    if holds("-----BEGIN ENCRYPTED PRIVATE KEY-----") || holds("Proc-Type: 4,ENCRYPTED") {
        return Err(
            "is encrypted, and nobody can be asked for its passphrase; write it without, as with `openssl \
                    pkey -in FILE -out FILE.plain`"
                .into(),
        );
    }
    let mut sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes).flatten();
    let found = sections.find(|(kind, _)| {
        matches!(kind, SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey)
    });
    let Some((kind, der)) = found else { return Err(pem::describe(bytes, "PRIVATE KEY")) };
    // Labels are wrong at times, which Go forgives.
    let forms: [PrivateKeyDer<'_>; 3] = [
        PrivatePkcs8KeyDer::from(&*der).into(),
        PrivatePkcs1KeyDer::from(&*der).into(),
        PrivateSec1KeyDer::from(&*der).into(),
    ];
    let provider = provider();
    let usable = forms.iter().find_map(|form| provider.key_provider.load_private_key(form.clone_key()).ok());
    usable.ok_or_else(|| {
        let kind = key_format::describe(&der, kind == SectionKind::RsaPrivateKey);
        format!("is {kind}, which weir cannot use; it uses {USABLE}")
    })
}
