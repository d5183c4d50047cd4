//! With which certificate does the admin server answer, and which clients are let in? Files that may change while weir runs.

use crate::cli::TlsFiles;
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

/// Time between two looks at whether a file has changed.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Length of a file that is read at most, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The configuration that follows from the files, as they were when they were last in order.
#[derive(Debug)]
pub(in crate::admin) struct Tls {
    files: TlsFiles,
    config: Arc<ServerConfig>,
    seen: Vec<Option<(SystemTime, u64)>>,
    looked: Instant,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// Says which file is not what it should be.
    pub(in crate::admin) fn read(files: TlsFiles, now: Instant) -> Result<Self, String> {
        let seen = stamps(&files);
        let config = Arc::new(config(&files)?);
        Ok(Self { files, config, seen, looked: now })
    }

    /// The configuration for a connection that comes now. Files that have changed are read again; what is wrong with them changes
    /// nothing, and is said once.
    pub(in crate::admin) fn current(&mut self, now: Instant) -> Arc<ServerConfig> {
        if now.saturating_duration_since(self.looked) >= LOOK_INTERVAL {
            self.looked = now;
            let seen = stamps(&self.files);
            if seen != self.seen {
                self.seen = seen;
                match config(&self.files) {
                    Ok(config) => {
                        self.config = Arc::new(config);
                        tracing::info!("the certificates of the admin server were read again");
                    }
                    Err(why) => tracing::warn!(
                        "the admin server goes on with the certificates that it has: {why}; they are read when they change"
                    ),
                }
            }
        }
        Arc::clone(&self.config)
    }
}

/// When each file was changed last, and its length.
fn stamps(files: &TlsFiles) -> Vec<Option<(SystemTime, u64)>> {
    let stamp = |path: &PathBuf| {
        fs::metadata(path).ok().and_then(|found| Some((found.modified().ok()?, found.len())))
    };
    [Some(&files.certificate), Some(&files.key), files.client_ca.as_ref()]
        .into_iter()
        .flatten()
        .map(stamp)
        .collect()
}

fn config(files: &TlsFiles) -> Result<ServerConfig, String> {
    let certificates = certificates(&files.certificate, "--admin-tls-cert")?;
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key, "--admin-tls-key")?).map_err(|error| {
        format!("--admin-tls-key {}: it has no private key in PEM: {error}", files.key.display())
    })?;
    let builder = ServerConfig::builder();
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let said =
                |error: &dyn std::fmt::Display| format!("--admin-client-ca {}: {error}", path.display());
            let mut roots = RootCertStore::empty();
            for certificate in self::certificates(path, "--admin-client-ca")? {
                roots.add(certificate).map_err(|error| said(&error))?;
            }
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| said(&error))?)
        }
    };
    let mut config = builder
        .with_single_cert(certificates, key)
        .map_err(|error| format!("--admin-tls-cert and --admin-tls-key do not fit together: {error}"))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(path: &Path, flag: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = read(path, flag)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(format!("{flag} {}: it has no certificate in PEM", path.display())),
        Err(error) => Err(format!("{flag} {}: it is not PEM: {error}", path.display())),
    }
}

fn read(path: &Path, flag: &str) -> Result<Vec<u8>, String> {
    let failed = |why: String| format!("{flag} {}: {why}", path.display());
    let length = fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
    if length > MAX_FILE_BYTES {
        return Err(failed(format!("it is longer than {MAX_FILE_BYTES} bytes")));
    }
    fs::read(path).map_err(|error| failed(error.to_string()))
}
