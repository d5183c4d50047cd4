//! Where is the API server, and with which credentials? The kubeconfig or the Pod's service account.

mod in_cluster;
mod kubeconfig;
mod server_url;
mod user;

use super::{
    access::{Access, Authentication},
    config_error::ConfigError,
    credentials::{Impersonation, PluginCluster},
    data::{self, Data},
    tls::{Authorities, Identity, Tls},
};
use crate::KubeSource;
use http::Uri;
use kube::config::Cluster;
use std::{
    env,
    path::{Path, PathBuf},
};

/// Reads the configuration. Reads files only.
pub(super) fn load(source: &KubeSource) -> Result<Access, ConfigError> {
    if let Some(path) = &source.kubeconfig {
        return from_file(path, source);
    }
    let named: Vec<PathBuf> =
        env::var_os("KUBECONFIG").map(|paths| env::split_paths(&paths).collect()).unwrap_or_default();
    let mut named = named.iter().map(PathBuf::as_path).filter(|path| !path.as_os_str().is_empty()).peekable();
    let names = named.clone().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    if named.peek().is_some()
        && let Some(kubeconfig) = kubeconfig::read_all(named)?
    {
        return from_kubeconfig(kubeconfig, &format!("of KUBECONFIG ({names})"), source);
    }
    if in_cluster::exists() && source.context.is_none() {
        return in_cluster::access(source.api_server.as_deref());
    }
    if !names.is_empty() {
        return Err(ConfigError::AllMissing(names));
    }
    let home = env::home_dir().map(|home| home.join(".kube/config")).filter(|path| path.exists());
    match (home, &source.api_server) {
        (Some(path), _) => from_file(&path, source),
        (None, Some(url)) => Ok(Access {
            server: override_url(url, false)?,
            tls: Tls::default(),
            authentication: Authentication::None,
            impersonation: Impersonation::default(),
        }),
        (None, None) => Err(ConfigError::NotFound),
    }
}

fn from_file(path: &Path, source: &KubeSource) -> Result<Access, ConfigError> {
    from_kubeconfig(kubeconfig::read(path)?, &path.display().to_string(), source)
}

fn from_kubeconfig(
    kubeconfig: kube::config::Kubeconfig,
    origin: &str,
    source: &KubeSource,
) -> Result<Access, ConfigError> {
    let chosen = kubeconfig::choose(kubeconfig, origin, source.context.as_deref())?;
    let kubeconfig::Chosen { origin, cluster, user, user_name } = chosen;
    if cluster.proxy_url.as_ref().is_some_and(|url| !url.is_empty()) {
        return Err(ConfigError::Proxy { origin });
    }
    let invalid = |reason| ConfigError::Invalid { origin: origin.clone(), reason };
    let authority = data::load(
        "certificate-authority",
        cluster.certificate_authority_data.as_deref(),
        cluster.certificate_authority.as_deref(),
    );
    let authority = authority.map_err(invalid)?;
    let identity = user::identity(&user).map_err(invalid)?;
    let tls = tls(&cluster, authority.as_ref(), identity).map_err(invalid)?;
    let server = match (&source.api_server, cluster.server.as_deref().map(str::trim)) {
        (Some(url), _) => override_url(url, tls.is_configured())?,
        (None, None | Some("")) => return Err(invalid("its cluster names no server".into())),
        (None, Some(url)) => server_url::parse(url, tls.is_configured()).map_err(|error| {
            invalid(format!("its server {url:?} is not the URL of an API server: {error}"))
        })?,
    };
    let plugin_cluster = PluginCluster::new(&cluster, &server, authority.map(|authority| authority.bytes));
    let name = if user_name.is_empty() { "of its context".to_owned() } else { format!("{user_name:?}") };
    let authentication = user::authentication(&user, plugin_cluster)
        .map_err(|reason| invalid(format!("its user {name}: {reason}")))?;
    let impersonation =
        Impersonation::new(&user).map_err(|reason| invalid(format!("its user {name}: {reason}")))?;
    Ok(Access { server, tls, authentication, impersonation })
}

fn override_url(url: &str, tls: bool) -> Result<Uri, ConfigError> {
    server_url::parse(url, tls).map_err(|error| ConfigError::Url(url.into(), error))
}

fn tls(cluster: &Cluster, authority: Option<&Data>, identity: Option<Identity>) -> Result<Tls, String> {
    let insecure = cluster.insecure_skip_tls_verify.unwrap_or(false);
    let authorities = match (authority, insecure) {
        (Some(_), true) => {
            return Err("it has both a certificate-authority and insecure-skip-tls-verify; choose one".into());
        }
        (Some(authority), false) => Authorities::from_pem(&authority.bytes, &authority.origin)?,
        (None, true) => Authorities::Any,
        (None, false) => Authorities::System,
    };
    let name = cluster.tls_server_name.as_deref().map(str::trim).filter(|name| !name.is_empty());
    let server_name = name.map(|name| {
        let parsed = rustls::pki_types::ServerName::try_from(name.to_owned());
        parsed.map_err(|_| format!("its tls-server-name {name:?} is neither a DNS name nor an IP address"))
    });
    Ok(Tls { authorities, server_name: server_name.transpose()?, identity })
}
