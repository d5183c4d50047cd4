//! Which servers are trusted, and which certificate is shown to them?

mod authorities;
mod identity;
mod key_format;
mod pem;
mod verifier;

pub(super) use authorities::Authorities;
pub(super) use identity::Identity;
pub(in crate::api_server) use verifier::is_authority_as_server;

use rustls::{
    ClientConfig,
    crypto::{CryptoProvider, ring},
    pki_types::ServerName,
};
use std::sync::Arc;

/// Configuration of TLS towards the API server.
#[derive(Default)]
pub(super) struct Tls {
    pub(super) authorities: Authorities,
    /// Name that the server's certificate must have, in place of the URL's host.
    pub(super) server_name: Option<ServerName<'static>>,
    /// Certificate that proves who weir is.
    pub(super) identity: Option<Identity>,
}

impl Tls {
    /// Whether TLS is meant, as far as the configuration tells. The system's authorities need none.
    pub(super) fn is_configured(&self) -> bool {
        !matches!(self.authorities, Authorities::System) || self.identity.is_some()
    }

    /// Configuration of the TLS library.
    pub(super) fn client_config(self) -> Result<ClientConfig, String> {
        let verifier = self.authorities.verifier(&provider())?;
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        Ok(match self.identity {
            Some(identity) => config.with_client_cert_resolver(identity.resolver()),
            None => config.with_no_client_auth(),
        })
    }
}

/// Cryptography of TLS.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
