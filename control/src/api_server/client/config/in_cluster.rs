//! What does a Pod's service account say about the API server? Read as by client-go's `InClusterConfig`.

use super::server_url;
use crate::api_server::client::{
    access::{Access, Authentication},
    config_error::ConfigError,
    tls::{Authorities, Tls},
};
use std::{
    env, fs,
    path::{Path, PathBuf},
};
use tracing::warn;

const FOLDER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Whether weir runs in a Pod that has a service account.
pub(super) fn exists() -> bool {
    Path::new(FOLDER).join("token").exists()
}

/// Access with the Pod's service account; `server` replaces the URL that the environment names.
pub(super) fn access(server: Option<&str>) -> Result<Access, ConfigError> {
    from_folder(Path::new(FOLDER), server, &|name: &str| env::var(name).ok())
}

fn from_folder(
    folder: &Path,
    server: Option<&str>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Access, ConfigError> {
    let server = match server {
        Some(server) => server.to_owned(),
        None => from_environment(variable)?,
    };
    let token: PathBuf = folder.join("token");
    let path = folder.join("ca.crt");
    let origin = path.display().to_string();
    let authorities = match fs::read(&path) {
        Ok(pem) => Authorities::from_pem(&pem, &origin).map_err(ConfigError::Credentials)?,
        // As client-go does: what the operating system trusts may do.
        Err(error) => {
            warn!(
                "cannot read the authority of the API server from {origin}: {error}; using those of the system"
            );
            Authorities::System
        }
    };
    Ok(Access {
        server: server_url::parse(&server, true).map_err(|error| ConfigError::Url(server, error))?,
        tls: Tls { authorities, ..Tls::default() },
        authentication: Authentication::TokenFile { path: token, otherwise: None },
        impersonation: Default::default(),
    })
}

fn from_environment(variable: &dyn Fn(&str) -> Option<String>) -> Result<String, ConfigError> {
    let value = |name: &str| {
        let missing = || {
            ConfigError::InCluster(format!(
                "the variable {name} is not set; name the API server with --api-server"
            ))
        };
        variable(name)
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
            .ok_or_else(missing)
    };
    let (host, port) = (value("KUBERNETES_SERVICE_HOST")?, value("KUBERNETES_SERVICE_PORT")?);
    Ok(match host.contains(':') && !host.starts_with('[') {
        true => format!("https://[{host}]:{port}"),
        false => format!("https://{host}:{port}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access_with(host: &str, port: &str) -> Result<Access, ConfigError> {
        let variables = |name: &str| match name {
            "KUBERNETES_SERVICE_HOST" => Some(host.to_owned()),
            _ => Some(port.to_owned()),
        };
        from_folder(Path::new("/does/not/exist"), None, &variables)
    }

    #[test]
    fn the_environment_names_the_server_in_both_families() {
        for (host, url) in [
            ("10.96.0.1", "https://10.96.0.1:443/"),
            ("fd00:10:96::1", "https://[fd00:10:96::1]:443/"),
            ("[fd00:10:96::1]", "https://[fd00:10:96::1]:443/"),
            ("api.example\n", "https://api.example:443/"),
        ] {
            let access = access_with(host, "443").unwrap();
            assert_eq!(access.server, url);
            assert!(matches!(access.tls.authorities, Authorities::System), "no ca.crt is no reason to end");
        }
    }

    #[test]
    fn a_variable_that_is_missing_or_wrong_is_named() {
        let missing = access_with("", "443").err().unwrap().to_string();
        assert!(missing.contains("KUBERNETES_SERVICE_HOST is not set"), "{missing}");
        let wrong = access_with("10.96.0.1", "tcp://10.96.0.1:443").err().unwrap().to_string();
        assert!(wrong.contains("tcp://10.96.0.1:443"), "{wrong}");
        let elsewhere = from_folder(Path::new("/does/not/exist"), Some("https://api"), &|_| None).unwrap();
        assert_eq!(elsewhere.server, "https://api/");
    }
}
