//! Where is the API server, and with which credentials? The kubeconfig or the Pod's service account.

use crate::KubeSource;
use kube::{
    Config,
    config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError},
};
use std::{
    env,
    path::{Path, PathBuf},
    time::Duration,
};

/// Reason why no usable way to reach an API server is configured.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no kubeconfig and no service account.
    #[error(
        "no kubeconfig: name one with --kubeconfig or KUBECONFIG, put it at ~/.kube/config, or serve files with \
         --manifests"
    )]
    NotFound,
    /// The kubeconfig cannot be read.
    #[error("cannot read the kubeconfig {path}")]
    Unreadable {
        /// Path of the kubeconfig.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// The kubeconfig is malformed or incomplete.
    #[error("the kubeconfig {origin} cannot be used: {reason}")]
    Invalid {
        /// Path or variable that the kubeconfig is from.
        origin: String,
        /// What is wrong with the kubeconfig.
        reason: KubeconfigError,
    },
    /// The context that was asked for does not exist.
    #[error("there is no context {context:?} in the kubeconfig {origin}; it has: {known}")]
    UnknownContext {
        /// Name of the context.
        context: String,
        /// Path or variable that the kubeconfig is from.
        origin: String,
        /// Names of the existing contexts.
        known: String,
    },
    /// No context was asked for and the kubeconfig has no current one.
    #[error("the kubeconfig {origin} has no current context; choose one with --context: {known}")]
    NoContext {
        /// Path or variable that the kubeconfig is from.
        origin: String,
        /// Names of the existing contexts.
        known: String,
    },
    /// The kubeconfig names an HTTP proxy.
    #[error("the kubeconfig {origin} names a proxy-url, which weir does not support; connect directly")]
    Proxy {
        /// Path or variable that the kubeconfig is from.
        origin: String,
    },
    /// The service account of the Pod is incomplete.
    #[error("the Pod's service account cannot be used")]
    InCluster(#[from] InClusterError),
    /// The file of the token cannot be read.
    #[error("cannot read the token for the API server from {path}")]
    Token {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system, or what is wrong with the content.
        source: std::io::Error,
    },
    /// The value of `--api-server` is not a URL.
    #[error("{0:?} is not the URL of an API server, such as https://192.0.2.10:6443")]
    Url(String),
    /// The client cannot be built: credentials or certificates do not parse, or an exec plugin failed.
    #[error("cannot use the credentials for the API server: {0}")]
    Client(Box<kube::Error>),
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Time that a watch may be silent after it should have ended.
pub(super) const READ_TIMEOUT_MARGIN: Duration = Duration::from_secs(5);

pub(super) async fn load(source: &KubeSource) -> Result<Config, ConfigError> {
    let mut config = find(source).await?;
    if let Some(url) = &source.api_server {
        config.cluster_url = url.parse().map_err(|_| ConfigError::Url(url.clone()))?;
        if !matches!(config.cluster_url.scheme_str(), Some("http" | "https")) {
            return Err(ConfigError::Url(url.clone()));
        }
    }
    // Proxy variables of the environment are meant for other traffic; the control plane connects directly.
    config.proxy_url = None;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    // A dead connection is noticed soon after the watch should have ended.
    config.read_timeout = Some(source.watch_timeout + READ_TIMEOUT_MARGIN);
    // kube's own retries would hide an overloaded API server for minutes; each watch backs off and reports the
    // failure.
    config.default_retry = false;
    Ok(config)
}

async fn find(source: &KubeSource) -> Result<Config, ConfigError> {
    if let Some(path) = &source.kubeconfig {
        return from_file(path, source).await;
    }
    if env::var_os("KUBECONFIG").is_some_and(|paths| !paths.is_empty()) {
        let origin = "of KUBECONFIG";
        let read = Kubeconfig::from_env().map_err(|error| invalid(origin, error))?;
        return from_kubeconfig(read.ok_or(ConfigError::NotFound)?, origin, source).await;
    }
    if Path::new(SERVICE_ACCOUNT_TOKEN).exists() && source.context.is_none() {
        // The environment names the `kubernetes` Service, which a URL of the operator's replaces.
        let overridden = source.api_server.is_some();
        return Ok(if overridden { Config::incluster_dns()? } else { Config::incluster_env()? });
    }
    let home = env::home_dir().map(|home| home.join(".kube/config")).filter(|path| path.exists());
    match (home, &source.api_server) {
        (Some(path), _) => from_file(&path, source).await,
        (None, Some(url)) => Ok(Config::new(url.parse().map_err(|_| ConfigError::Url(url.clone()))?)),
        (None, None) => Err(ConfigError::NotFound),
    }
}

const SERVICE_ACCOUNT_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

async fn from_file(path: &Path, source: &KubeSource) -> Result<Config, ConfigError> {
    let origin = path.display().to_string();
    let kubeconfig = Kubeconfig::read_from(path).map_err(|error| invalid(&origin, error))?;
    from_kubeconfig(kubeconfig, &origin, source).await
}

async fn from_kubeconfig(
    kubeconfig: Kubeconfig,
    origin: &str,
    source: &KubeSource,
) -> Result<Config, ConfigError> {
    let known: Vec<&str> = kubeconfig.contexts.iter().map(|context| context.name.as_str()).collect();
    let list = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    let current = kubeconfig.current_context.as_ref().filter(|name| !name.is_empty());
    let Some(context) = source.context.as_ref().or(current).cloned() else {
        return Err(ConfigError::NoContext { origin: origin.into(), known: list });
    };
    let Some(found) = kubeconfig.contexts.iter().find(|named| named.name == context) else {
        return Err(ConfigError::UnknownContext { context, origin: origin.into(), known: list });
    };
    let cluster = found.context.as_ref().map(|context| context.cluster.as_str());
    let cluster = kubeconfig.clusters.iter().find(|named| Some(named.name.as_str()) == cluster);
    let cluster = cluster.and_then(|named| named.cluster.as_ref());
    if cluster.is_some_and(|cluster| cluster.proxy_url.as_ref().is_some_and(|url| !url.is_empty())) {
        return Err(ConfigError::Proxy { origin: origin.into() });
    }
    let options = KubeConfigOptions { context: Some(context), ..KubeConfigOptions::default() };
    Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| invalid(origin, error))
}

fn invalid(origin: &str, reason: KubeconfigError) -> ConfigError {
    match reason {
        KubeconfigError::ReadConfig(source, path) => ConfigError::Unreadable { path, source },
        reason => ConfigError::Invalid { origin: origin.into(), reason },
    }
}
