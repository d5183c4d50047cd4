//! Which text may stand in a header that proves who weir is?

use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderValue;
use kube::{
    Config,
    client::{ConfigExt, middleware::ExtraHeadersLayer},
    config::AuthInfo,
};

/// Header with a token. White space around the token is taken off, as client-go does with that of a `tokenFile`. An
/// error never shows the token.
pub(in crate::api_server::client) fn bearer(token: &str) -> Result<HeaderValue, String> {
    match token.trim() {
        "" => Err("is empty".into()),
        token => sensitive(format!("Bearer {token}")),
    }
}

/// Header with a user name and password.
pub(in crate::api_server::client) fn basic(name: &str, password: &str) -> Result<HeaderValue, String> {
    sensitive(format!("Basic {}", STANDARD.encode(format!("{name}:{password}"))))
}

fn sensitive(text: String) -> Result<HeaderValue, String> {
    let at = text.chars().position(char::is_control);
    let mut value = HeaderValue::try_from(text).map_err(|_| match at {
        Some(_) => "has a line end or another control character in it",
        None => "cannot stand in a header",
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// User, groups and other attributes that weir acts as.
#[derive(Clone, Debug, Default)]
pub(in crate::api_server::client) struct Impersonation(AuthInfo);

impl Impersonation {
    /// Takes over the `as` fields of a user, whose values must be fit for headers.
    pub(in crate::api_server::client) fn new(user: &AuthInfo) -> Result<Self, String> {
        let AuthInfo { impersonate, impersonate_uid, impersonate_groups, impersonate_user_extra, .. } =
            user.clone();
        let given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        let others = given(&impersonate_uid)
            || impersonate_groups.as_ref().is_some_and(|groups| !groups.is_empty())
            || impersonate_user_extra.as_ref().is_some_and(|extra| !extra.is_empty());
        if others && !given(&impersonate) {
            return Err("it has as-uid, as-groups or as-user-extra and no user in `as`".into());
        }
        let extra = impersonate_user_extra.iter().flatten();
        let values = (impersonate.iter().map(|value| ("as", value)))
            .chain(impersonate_uid.iter().map(|value| ("as-uid", value)))
            .chain(impersonate_groups.iter().flatten().map(|value| ("as-groups", value)))
            .chain(extra.flat_map(|(_, values)| values).map(|value| ("as-user-extra", value)));
        for (field, value) in values {
            HeaderValue::from_str(value)
                .map_err(|_| format!("its {field} {value:?} has a character that no header may have"))?;
        }
        let impersonate = impersonate.filter(|user| !user.is_empty());
        let impersonate_uid = impersonate_uid.filter(|uid| !uid.is_empty());
        let user = AuthInfo {
            impersonate,
            impersonate_uid,
            impersonate_groups,
            impersonate_user_extra,
            ..AuthInfo::default()
        };
        let impersonation = Self(user);
        impersonation
            .layer()
            .map_err(|error| format!("its as-user-extra cannot stand in a header: {error}"))?;
        Ok(impersonation)
    }

    /// Layer that puts the headers into each request.
    pub(in crate::api_server::client) fn layer(&self) -> kube::Result<ExtraHeadersLayer> {
        let mut config = Config::new(http::Uri::default());
        config.auth_info = self.0.clone();
        config.extra_headers_layer()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn white_space_comes_off_a_token_and_one_that_is_broken_is_refused_unseen() {
        for token in ["abc", "abc\n", " abc\r\n", "\tabc"] {
            assert_eq!(bearer(token).unwrap(), "Bearer abc");
        }
        for token in ["sec\nret", "sec\0ret", "", "\n", "sec\u{7f}ret"] {
            let error = bearer(token).unwrap_err();
            assert!(!error.contains("sec"), "{error}");
        }
        assert_eq!(basic("a", "b\n").unwrap(), "Basic YTpiCg==");
        assert!(bearer("abc").unwrap().is_sensitive());
    }

    #[test]
    fn what_weir_acts_as_is_checked_and_named() {
        let user = |text: &str| serde_json::from_str::<AuthInfo>(text).unwrap();
        for (text, words) in [
            (r#"{"as": "bob\n"}"#, "as \"bob\\n\""),
            (r#"{"as": "bob", "as-uid": "\u0001"}"#, "as-uid"),
            (r#"{"as": "bob", "as-groups": ["a", "b\r"]}"#, "as-groups"),
            (r#"{"as": "bob", "as-user-extra": {"k": ["\u0000"]}}"#, "as-user-extra"),
            (r#"{"as-uid": "7"}"#, "no user in `as`"),
        ] {
            let error = Impersonation::new(&user(text)).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        let good = r#"{"as": "bob", "as-groups": ["a"], "as-user-extra": {"Ke y/\n": ["v"], "": ["w"]}}"#;
        assert!(Impersonation::new(&user(good)).is_ok());
        assert!(Impersonation::new(&user(r#"{"as": ""}"#)).unwrap().0.impersonate.is_none());
    }

    proptest! {
        #[test]
        fn no_value_panics(text in any::<String>()) {
            _ = bearer(&text);
            _ = basic(&text, &text);
            let extra = [(text.clone(), vec![text.clone()])].into();
            let (groups, text) = (Some(vec![text.clone()]), Some(text));
            _ = Impersonation::new(&AuthInfo {
                impersonate: text.clone(),
                impersonate_uid: text,
                impersonate_groups: groups,
                impersonate_user_extra: Some(extra),
                ..AuthInfo::default()
            });
        }
    }
}
