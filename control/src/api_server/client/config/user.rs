//! How does the user of a kubeconfig prove who it is? By the precedence of client-go.

use crate::api_server::client::{
    access::Authentication,
    credentials::{Plugin, PluginCluster, basic, bearer},
    data,
    tls::Identity,
};
use kube::config::AuthInfo;
use secrecy::ExposeSecret;

/// Client certificate of a user, if it has one.
pub(super) fn identity(user: &AuthInfo) -> Result<Option<Identity>, String> {
    let certificate = data::load(
        "client-certificate",
        user.client_certificate_data.as_deref(),
        user.client_certificate.as_deref(),
    )?;
    let key = data::load(
        "client-key",
        user.client_key_data.as_ref().map(ExposeSecret::expose_secret),
        user.client_key.as_deref(),
    )?;
    match (certificate, key) {
        (Some(certificate), Some(key)) => Identity::from_pem(&certificate, &key).map(Some),
        (Some(_), None) => Err("its user has a client-certificate and no client-key".into()),
        // As for client-go, a key alone proves nothing.
        (None, _) => Ok(None),
    }
}

/// Source of a user's `Authorization` header. What is empty is absent; the token of a file counts before one beside
/// it, which stands in while the file cannot be read.
pub(super) fn authentication(user: &AuthInfo, cluster: PluginCluster) -> Result<Authentication, String> {
    if let Some(provider) = &user.auth_provider {
        return Err(format!(
            "the auth-provider {:?} is not supported; use a token, a client certificate or a plugin (exec)",
            provider.name
        ));
    }
    let token = user.token.as_ref().map(ExposeSecret::expose_secret).filter(|token| !token.is_empty());
    let file = user.token_file.as_ref().filter(|path| !path.is_empty());
    let name = user.username.as_deref().unwrap_or_default();
    let password = user.password.as_ref().map_or("", ExposeSecret::expose_secret);
    let has_password = !name.is_empty() || !password.is_empty();
    if has_password && (token.is_some() || file.is_some()) {
        return Err("it has both a token and a username or password; choose one".into());
    }
    let token =
        token.map(|token| bearer(token).map_err(|reason| format!("its token {reason}"))).transpose()?;
    if let Some(path) = file {
        return Ok(Authentication::TokenFile { path: path.into(), otherwise: token });
    }
    if let Some(token) = token {
        return Ok(Authentication::Header(token));
    }
    if has_password {
        return Ok(Authentication::Header(basic(name, password)?));
    }
    match &user.exec {
        Some(exec) => Ok(Authentication::Plugin(Plugin::new(exec, cluster)?)),
        None => Ok(Authentication::None),
    }
}
