//! Where does weir answer operators, and whom?

use crate::cli::values::{self, Folder, Listen};
use clap::{Args, ValueEnum};
use std::{net::SocketAddr, path::PathBuf};
use weir_capture::RuntimeDir;

#[derive(Args, Debug)]
#[command(next_help_heading = "How operators see and steer weir")]
pub(super) struct AdminArgs {
    /// Address of /metrics, of the page at / and of /api/v1; empty for none. Beyond loopback it needs TLS
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:10249")]
    admin_address: Listen,

    /// Certificate of the admin server, PEM; read again when it changes
    #[arg(long, value_name = "FILE")]
    admin_tls_cert: Option<PathBuf>,

    /// Private key of that certificate, PEM
    #[arg(long, value_name = "FILE")]
    admin_tls_key: Option<PathBuf>,

    /// Certificates of those who sign the certificates of clients, PEM: only clients with one are answered
    #[arg(long, value_name = "FILE")]
    admin_client_ca: Option<PathBuf>,

    /// What --admin-address shows beyond loopback to clients without a certificate
    #[arg(long, value_name = "WHAT", value_enum, num_args = 0..=1, require_equals = true, default_value = "none",
          default_missing_value = "metrics")]
    admin_insecure: Insecure,

    /// Folder for the socket through which operators see and steer weir, and for what weirs of one host find each other by; only
    /// this user may write to it; empty for none [default: /run/weir as root, else $XDG_RUNTIME_DIR/weir]
    #[arg(long, value_name = "DIR", value_parser = values::absolute_folder)]
    runtime_dir: Option<Folder>,
}

/// What clients without a certificate see from beyond loopback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Insecure {
    /// Nothing: such an address is refused at the start
    #[default]
    None,
    /// /metrics, /healthz and /proxyMode
    Metrics,
    /// Everything that changes nothing: every client of every Service, too
    All,
}

/// Where operators are answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AdminOptions {
    /// Address of the server; `None` for none.
    pub(crate) address: Option<SocketAddr>,
    /// Files of TLS; `None` without.
    pub(crate) tls: Option<TlsFiles>,
    /// Folder of the Unix socket; `None` for none.
    pub(crate) runtime_dir: Option<PathBuf>,
    insecure: Insecure,
}

/// Files in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// Certificates of the server, its own first.
    pub(crate) certificate: PathBuf,
    /// Private key of the server.
    pub(crate) key: PathBuf,
    /// Certificates of those who sign clients' certificates; `None` asks clients for none.
    pub(crate) client_ca: Option<PathBuf>,
}

impl AdminOptions {
    /// Whether the address shows metrics only.
    pub(crate) fn shows_only_metrics(&self) -> bool {
        let asks = self.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        let is_beyond = self.address.is_some_and(|address| !address.ip().is_loopback());
        is_beyond && !asks && self.insecure != Insecure::All
    }
}

impl AdminArgs {
    /// Checks the flags together.
    pub(super) fn options(self) -> Result<AdminOptions, clap::Error> {
        let tls = match (self.admin_tls_cert, self.admin_tls_key) {
            (Some(certificate), Some(key)) => {
                Some(TlsFiles { certificate, key, client_ca: self.admin_client_ca })
            }
            (None, None) if self.admin_client_ca.is_some() => {
                return Err(values::usage("--admin-client-ca needs --admin-tls-cert and --admin-tls-key"));
            }
            (None, None) => None,
            _ => {
                return Err(values::usage(
                    "--admin-tls-cert and --admin-tls-key are given together, or neither",
                ));
            }
        };
        let (address, insecure) = (self.admin_address.0, self.admin_insecure);
        let asks = tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        if let Some(address) = address.filter(|address| !address.ip().is_loopback())
            && !asks
            && insecure == Insecure::None
        {
            return Err(values::usage(format_args!(
                "--admin-address {address} can be reached from other hosts, and shows who is connected to what: give \
                 --admin-tls-cert, --admin-tls-key and --admin-client-ca; or --admin-insecure, which shows everybody the \
                 metrics alone; or listen at 127.0.0.1"
            )));
        }
        let runtime_dir = self.runtime_dir.map_or_else(RuntimeDir::default_path, |folder| folder.0);
        Ok(AdminOptions { address, tls, runtime_dir, insecure })
    }
}
