//! Who vouches for a test API server that speaks TLS? An authority made for the test, by openssl.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::machine::Folder;

/// The extensions of both kinds of certificate; openssl's own configuration differs from system to system.
const EXTENSIONS: &str = "[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = IP:127.0.0.1, DNS:localhost
";

/// A certificate authority and one certificate from that authority, for 127.0.0.1. Both are removed when this is dropped.
#[derive(Debug)]
pub struct Authority {
    folder: Folder,
}

impl Authority {
    /// Makes both.
    ///
    /// # Errors
    /// When openssl is missing or fails.
    pub fn new() -> io::Result<Self> {
        let authority = Self { folder: Folder::new("authority")? };
        fs::write(authority.path("openssl.cnf"), EXTENSIONS)?;
        authority.make("authority", &[])?;
        let (certificate, key) = (authority.path("authority.crt"), authority.path("authority.key"));
        let signer = ["-CA".into(), certificate.into_os_string(), "-CAkey".into(), key.into_os_string()];
        authority.make("server", &signer)?;
        Ok(authority)
    }

    /// The file with the authority's own certificate (PEM).
    pub fn certificate(&self) -> PathBuf {
        self.path("authority.crt")
    }

    /// Accepts connections with the certificate.
    pub(crate) fn acceptor(&self) -> io::Result<TlsAcceptor> {
        let certificate = CertificateDer::from_pem_file(self.path("server.crt")).map_err(io::Error::other)?;
        let key = PrivateKeyDer::from_pem_file(self.path("server.key")).map_err(io::Error::other)?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(vec![certificate], key))
            .map_err(io::Error::other)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path(name)
    }

    /// Makes a key and a certificate with the extensions of that name.
    fn make(&self, name: &str, signer: &[std::ffi::OsString]) -> io::Result<()> {
        let output = Command::new("openssl")
            .args(["req", "-x509", "-days", "2", "-nodes", "-newkey", "ec"])
            .args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-extensions", name])
            .args(["-subj", &format!("/CN=weir-test-{name}")])
            .args(signer)
            .arg("-config")
            .arg(self.path("openssl.cnf"))
            .arg("-keyout")
            .arg(self.path(&format!("{name}.key")))
            .arg("-out")
            .arg(self.path(&format!("{name}.crt")))
            .stdin(Stdio::null())
            .output()
            .map_err(|error| io::Error::new(error.kind(), format!("cannot run openssl: {error}")))?;
        if output.status.success() {
            return Ok(());
        }
        Err(io::Error::other(format!("openssl req failed: {}", String::from_utf8_lossy(&output.stderr))))
    }
}
