//! Which credentials does a plugin's answer hold? The `ExecCredential` of `client.authentication.k8s.io`.

use super::bearer;
use crate::api_server::client::{data::Data, tls::Identity};
use http::HeaderValue;
use k8s_openapi::jiff::Timestamp;
use serde::Deserialize;

/// Credentials of a plugin.
pub(in crate::api_server::client) struct PluginCredentials {
    /// `Authorization` header with the token.
    pub(in crate::api_server::client) header: Option<HeaderValue>,
    /// Client certificate.
    pub(in crate::api_server::client) identity: Option<Identity>,
    /// Time until which the credentials are good.
    pub(in crate::api_server::client) expires: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    kind: Option<String>,
    api_version: Option<String>,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    expiration_timestamp: Option<String>,
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

impl PluginCredentials {
    /// Reads the answer of a plugin that was asked in `api_version`. An error never shows what the answer says.
    pub(super) fn parse(answer: &[u8], api_version: &str) -> Result<Self, String> {
        if answer.trim_ascii().is_empty() {
            return Err("it wrote nothing".into());
        }
        // Plugins may write YAML, too, which JSON is a part of.
        let answer: Answer =
            serde_saphyr::from_slice(answer).map_err(|_| "it wrote no ExecCredential in JSON or YAML")?;
        if let Some(kind) = answer.kind.filter(|kind| kind != "ExecCredential") {
            return Err(format!("it wrote a {kind:?}, not an ExecCredential"));
        }
        if let Some(version) = answer.api_version.filter(|version| version != api_version) {
            return Err(format!("it answers in {version:?}, and the kubeconfig asks for {api_version:?}"));
        }
        let status = answer.status.ok_or("its answer has no status")?;
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let header =
            given(status.token).map(|token| bearer(&token).map_err(|reason| format!("its token {reason}")));
        let (certificate, key) = (given(status.client_certificate_data), given(status.client_key_data));
        let identity = match (certificate, key) {
            (Some(certificate), Some(key)) => {
                let data =
                    |text: String, origin: &str| Data { bytes: text.into_bytes(), origin: origin.into() };
                let certificate = data(certificate, "its clientCertificateData");
                Some(Identity::from_pem(&certificate, &data(key, "its clientKeyData"))?)
            }
            (None, None) => None,
            _ => return Err("it gave only one of clientCertificateData and clientKeyData".into()),
        };
        let expires = given(status.expiration_timestamp).map(|text| {
            text.trim().parse().map_err(|_| format!("its expirationTimestamp {:?} is no time", short(&text)))
        });
        let credentials = Self { header: header.transpose()?, identity, expires: expires.transpose()? };
        match credentials.header.is_none() && credentials.identity.is_none() {
            true => Err("it gave neither a token nor a client certificate".into()),
            false => Ok(credentials),
        }
    }
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = "client.authentication.k8s.io/v1";

    #[test]
    fn a_token_is_taken_with_a_line_end_and_in_yaml() {
        for answer in [
            r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"abc\n"}}"#,
            "status:\n  token: abc\n",
        ] {
            let credentials = PluginCredentials::parse(answer.as_bytes(), V1).unwrap();
            assert_eq!(credentials.header.unwrap(), "Bearer abc");
            assert!(credentials.expires.is_none());
        }
        let expiring = r#"{"status":{"token":"abc","expirationTimestamp":"2026-11-29T12:00:00+02:00"}}"#;
        let expires = PluginCredentials::parse(expiring.as_bytes(), V1).unwrap().expires.unwrap();
        assert_eq!(expires.to_string(), "2026-11-29T10:00:00Z");
    }

    #[test]
    fn an_answer_of_no_use_says_what_is_wrong_and_never_shows_a_secret() {
        for (answer, words) in [
            ("", "wrote nothing"),
            ("secret", "no ExecCredential"),
            ("<html>secret</html>", "no ExecCredential"),
            ("[]", "no ExecCredential"),
            (r#"{"kind":"Pod","status":{"token":"secret"}}"#, "wrote a \"Pod\""),
            (
                r#"{"apiVersion":"client.authentication.k8s.io/v1beta1","status":{"token":"secret"}}"#,
                "v1beta1",
            ),
            (r#"{"kind":"ExecCredential"}"#, "no status"),
            (r#"{"status":{}}"#, "neither a token nor"),
            (r#"{"status":{"token":""}}"#, "neither a token nor"),
            (r#"{"status":{"token":"se\ncret"}}"#, "its token has a line end"),
            (r#"{"status":{"token":"\n"}}"#, "its token is empty"),
            (r#"{"status":{"clientKeyData":"secret"}}"#, "only one of"),
            (r#"{"status":{"token":"secret","expirationTimestamp":"soon"}}"#, "\"soon\" is no time"),
            (r#"{"status":{"clientCertificateData":"a","clientKeyData":"secret"}}"#, "its clientKeyData"),
        ] {
            let error = PluginCredentials::parse(answer.as_bytes(), V1).err().unwrap();
            assert!(error.contains(words) && !error.contains("secret"), "{answer}: {error}");
        }
    }
}
