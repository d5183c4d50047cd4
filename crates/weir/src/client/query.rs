//! How is a question written? As a path with parameters.

use std::fmt;

/// Path of the admin API with parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query {
    path: String,
    has_parameters: bool,
}

impl Query {
    /// Question of a route, as in `summary`.
    pub(crate) fn of(route: &str) -> Self {
        Self { path: format!("/api/v1/{route}"), has_parameters: false }
    }

    /// Adds a parameter.
    pub(crate) fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.path.push(if self.has_parameters { '&' } else { '?' });
        self.path += &format!("{name}={}", encoded(&value.to_string()));
        self.has_parameters = true;
        self
    }

    /// Adds a parameter if it has a value.
    pub(crate) fn with_some(self, name: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Path and parameters of a request line.
    pub(crate) fn as_str(&self) -> &str {
        &self.path
    }
}

/// Value as it may stand in a query (RFC 3986, section 3.4). What is common in addresses stays readable.
fn encoded(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b':' | b',' => {
                text.push(char::from(byte));
            }
            _ => text += &format!("%{byte:02X}"),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_encoded_so_that_none_becomes_another() {
        let query = Query::of("connections").with("client", "10.0.0.0/24").with("service", "a&b=c #%");
        let query = query.with_some("node", None::<&str>).with_some("endpoint", Some("[fd00::1]:80"));
        assert_eq!(
            query.as_str(),
            "/api/v1/connections?client=10.0.0.0/24&service=a%26b%3Dc%20%23%25&endpoint=%5Bfd00::1%5D:80"
        );
        assert_eq!(Query::of("log-level").as_str(), "/api/v1/log-level");
    }
}
