//! Who vouches for a test API server that speaks TLS? An authority made for the test, by openssl.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
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
subjectAltName = IP:127.0.0.1, DNS:localhost
[client]
basicConstraints = CA:FALSE
extendedKeyUsage = clientAuth
[server]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = IP:127.0.0.1, DNS:localhost
";

/// Key on the curve P-256, in the words of `openssl req -newkey`.
const P256: &[&str] = &["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];

/// A certificate authority and one certificate from that authority, for 127.0.0.1. Both are removed when this is dropped.
#[derive(Debug)]
pub struct Authority {
    folder: Folder,
    /// Name of the certificate that servers show.
    shown: &'static str,
}

impl Authority {
    /// Makes both.
    ///
    /// # Errors
    /// When openssl is missing or fails.
    pub fn new() -> io::Result<Self> {
        let authority = Self { folder: Folder::new("authority")?, shown: "server" };
        fs::write(authority.path("openssl.cnf"), EXTENSIONS)?;
        authority.make("authority", "authority", P256, &[])?;
        authority.make("server", "server", P256, &authority.signer())?;
        Ok(authority)
    }

    /// Lets servers show the authority's own certificate, as one does that was made with `openssl req -x509`.
    #[must_use]
    pub fn shown_by_the_server(mut self) -> Self {
        self.shown = "authority";
        self
    }

    /// The file with the certificate of servers (PEM).
    pub fn server_certificate(&self) -> PathBuf {
        self.path(&format!("{}.crt", self.shown))
    }

    /// The file with the private key of servers (PEM).
    pub fn server_key(&self) -> PathBuf {
        self.path(&format!("{}.key", self.shown))
    }

    /// Makes a client certificate with a key of this kind, in the words of `openssl req -newkey`; returns the files of
    /// both (PEM).
    ///
    /// # Errors
    /// When openssl fails.
    pub fn client(&self, name: &str, key: &[&str]) -> io::Result<(PathBuf, PathBuf)> {
        self.make(name, "client", key, &self.signer())?;
        Ok((self.path(&format!("{name}.crt")), self.path(&format!("{name}.key"))))
    }

    /// Options of openssl that have the authority sign.
    fn signer(&self) -> [std::ffi::OsString; 4] {
        let (certificate, key) = (self.path("authority.crt"), self.path("authority.key"));
        ["-CA".into(), certificate.into_os_string(), "-CAkey".into(), key.into_os_string()]
    }

    /// The file with the authority's own certificate (PEM).
    pub fn certificate(&self) -> PathBuf {
        self.path("authority.crt")
    }

    /// Accepts connections with the certificate.
    pub(crate) fn acceptor(&self) -> io::Result<TlsAcceptor> {
        let read = |name: &str| CertificateDer::from_pem_file(self.path(name)).map_err(io::Error::other);
        let certificate = read(&format!("{}.crt", self.shown))?;
        let key = PrivateKeyDer::from_pem_file(self.path(&format!("{}.key", self.shown)));
        let key = key.map_err(io::Error::other)?;
        let provider = Arc::new(ring::default_provider());
        let mut clients = RootCertStore::empty();
        clients.add(read("authority.crt")?).map_err(io::Error::other)?;
        // As kube-apiserver: who has no certificate may have a token.
        let clients = WebPkiClientVerifier::builder_with_provider(clients.into(), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .map_err(io::Error::other)?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_client_cert_verifier(clients)
            .with_single_cert(vec![certificate], key)
            .map_err(io::Error::other)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path(name)
    }

    /// Makes a key and a certificate with these extensions.
    fn make(
        &self,
        name: &str,
        extensions: &str,
        key: &[&str],
        signer: &[std::ffi::OsString],
    ) -> io::Result<()> {
        let output = Command::new("openssl")
            .args(["req", "-x509", "-days", "2", "-nodes", "-newkey"])
            .args(key)
            .args(["-extensions", extensions])
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
