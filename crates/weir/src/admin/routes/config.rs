//! What is each setting, and where was it set?

use crate::admin::{
    basics::{
        api_error::ApiError,
        clock::{Clock, Time},
    },
    routes::asked::{Asked, json},
};
use crate::{
    cli::{LIVE_SETTINGS, variable_of},
    http::Reply,
};
use serde::Serialize;
use std::sync::PoisonError;

#[derive(Serialize)]
struct ConfigForm {
    kind: &'static str,
    time: Time,
    file: Option<String>,
    settings: Vec<SettingForm>,
}

#[derive(Serialize)]
struct SettingForm {
    flag: String,
    variable: String,
    value: Vec<String>,
    origin: &'static str,
    live: bool,
}

/// Answers the route.
pub(crate) fn get(asked: &Asked<'_>) -> Result<Reply, ApiError> {
    asked.query.only(&[])?;
    let settings = asked.knowledge.settings.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let form = |(flag, origin, values): (&str, &'static str, Vec<String>)| SettingForm {
        flag: flag.to_owned(),
        variable: variable_of(flag),
        value: values.iter().map(|value| without_secrets(value)).collect(),
        origin,
        live: LIVE_SETTINGS.contains(&flag),
    };
    let settings: Vec<SettingForm> = settings.all().map(form).collect();
    let config = settings.iter().find(|setting| setting.flag == "config");
    let file = config.and_then(|config| config.value.first().cloned());
    json(&ConfigForm { kind: "Config", time: Clock::now().time(), file, settings })
}

/// A value without the user and password of a URL, and without what follows its question mark.
fn without_secrets(value: &str) -> String {
    let Some((scheme, rest)) = value.split_once("://") else { return value.to_owned() };
    let (authority, path) = rest.find(['/', '?', '#']).map_or((rest, ""), |at| rest.split_at(at));
    let authority = match authority.rsplit_once('@') {
        Some((_, host)) => format!("***@{host}"),
        None => authority.to_owned(),
    };
    let path = path.find(['?', '#']).map_or_else(|| path.to_owned(), |at| format!("{}?***", &path[..at]));
    format!("{scheme}://{authority}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_url_is_not_told() {
        for (value, told) in [
            ("https://10.0.0.1:6443", "https://10.0.0.1:6443"),
            ("https://user:secret@10.0.0.1:6443/k8s", "https://***@10.0.0.1:6443/k8s"),
            ("https://a:b@c@host?token=x#y", "https://***@host?***"),
            ("https://host/path?token=secret", "https://host/path?***"),
            ("info", "info"),
            ("/etc/weir/weir.yaml", "/etc/weir/weir.yaml"),
        ] {
            assert_eq!(without_secrets(value), told);
        }
    }
}
