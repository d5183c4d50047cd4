//! What is asked for? Parameters of a request, each of which must be known and well written.

use crate::admin::basics::api_error::ApiError;
use ipnet::IpNet;
use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
    time::Duration,
};
use weir_control::{LabelSelector, SelectorError};
use weir_core::address::{parse_cidr, parse_ip};

/// Items of a page, unless asked for otherwise.
const DEFAULT_LIMIT: usize = 100;

/// Items of a page at most.
const MAX_LIMIT: usize = 1000;

/// Parameters of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

/// How a list is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sort<T> {
    pub(crate) by: T,
    /// Whether the other direction than the usual one is asked for.
    pub(crate) is_reversed: bool,
}

impl Query {
    /// Reads what follows the question mark of a path. Parameters without a value are empty; each may be there once.
    pub(crate) fn read(text: Option<&str>) -> Result<Self, ApiError> {
        let mut parameters = Vec::<(String, String)>::new();
        for part in text.unwrap_or_default().split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (name, value) = (decoded(name), decoded(value));
            let (Some(name), Some(value)) = (name, value) else {
                return Err(ApiError::invalid("query", part, "is not percent-encoded UTF-8"));
            };
            if parameters.iter().any(|(known, _)| *known == name) {
                return Err(ApiError::invalid(&name, &value, "is there twice"));
            }
            parameters.push((name, value));
        }
        Ok(Self(parameters))
    }

    /// Refuses parameters other than these.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), ApiError> {
        match self.0.iter().find(|(name, _)| !known.contains(&&**name)) {
            None => Ok(()),
            Some((name, value)) => Err(ApiError::unknown_parameter(name, value, known)),
        }
    }

    /// The value of a parameter; `None` if it is not there or empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| &**value).filter(|value| !value.is_empty())
    }

    /// The value of a parameter as text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// Reads a value by its type.
    pub(crate) fn parse<T: FromStr>(&self, name: &str, expected: &str) -> Result<Option<T>, ApiError> {
        let read = |value: &str| value.parse().map_err(|_| ApiError::invalid(name, value, expected));
        self.get(name).map(read).transpose()
    }

    /// Reads a word; `words` are all that there are, with what each means.
    pub(crate) fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, ApiError> {
        self.get(name).map(|value| word(name, value, value, words)).transpose()
    }

    /// Reads `sort`: a word, perhaps with a `-` in front.
    pub(crate) fn sort<T: Copy>(&self, words: &[(&str, T)], default: T) -> Result<Sort<T>, ApiError> {
        let Some(value) = self.get("sort") else { return Ok(Sort { by: default, is_reversed: false }) };
        let plain = value.strip_prefix('-').unwrap_or(value);
        Ok(Sort { by: word("sort", value, plain, words)?, is_reversed: plain != value })
    }

    /// Reads a parameter that is `true`, `false` or not there.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        Ok(self.word(name, &[("true", true), ("false", false)])?.unwrap_or(false))
    }

    /// Takes a flag out, which every route may have.
    pub(crate) fn take_flag(&mut self, name: &str) -> Result<bool, ApiError> {
        let flag = self.flag(name)?;
        self.0.retain(|(known, _)| known != name);
        Ok(flag)
    }

    /// Reads `limit`.
    pub(crate) fn limit(&self) -> Result<usize, ApiError> {
        let expected = format!("must be a number from 1 to {MAX_LIMIT}");
        match self.parse::<usize>("limit", &expected)? {
            None => Ok(DEFAULT_LIMIT),
            Some(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
            Some(limit) => Err(ApiError::invalid("limit", &limit.to_string(), expected)),
        }
    }

    /// Reads a time such as `10m`.
    pub(crate) fn duration(&self, name: &str) -> Result<Option<Duration>, ApiError> {
        let read = |value: &str| {
            let why = "must be a time, as in 30s, 10m or 1h30m";
            humantime::parse_duration(value).map_err(|_| ApiError::invalid(name, value, why))
        };
        self.get(name).map(read).transpose()
    }

    /// Reads a selector of labels, as in `app=web,tier!=db`.
    pub(crate) fn label_selector(&self, name: &str) -> Result<Option<LabelSelector>, ApiError> {
        let read = |value: &str| {
            let refused = |error: SelectorError| ApiError::invalid(name, value, error.to_string());
            value.parse::<LabelSelector>().map_err(refused)
        };
        self.get(name).map(read).transpose()
    }

    /// Reads an address or a network.
    pub(crate) fn network(&self, name: &str) -> Result<Option<IpNet>, ApiError> {
        let read = |value: &str| {
            let network = parse_cidr(value).or_else(|| parse_ip(value).map(IpNet::from));
            let why = "must be an address or a network, as in 10.244.1.9 or 10.244.1.0/24";
            network.ok_or_else(|| ApiError::invalid(name, value, why))
        };
        self.get(name).map(read).transpose()
    }

    /// Reads `IP` or `IP:PORT`.
    pub(crate) fn endpoint(&self, name: &str) -> Result<Option<(IpAddr, Option<u16>)>, ApiError> {
        let read = |value: &str| {
            let address = value.parse::<SocketAddr>().map(|address| (address.ip(), Some(address.port())));
            let why = "must be an address, perhaps with a port, as in 10.244.1.7:8080";
            let found = address.ok().or_else(|| parse_ip(value).map(|ip| (ip, None)));
            found.ok_or_else(|| ApiError::invalid(name, value, why))
        };
        self.get(name).map(read).transpose()
    }
}

fn word<T: Copy>(name: &str, value: &str, plain: &str, words: &[(&str, T)]) -> Result<T, ApiError> {
    let found = words.iter().find(|(word, _)| *word == plain).map(|(_, meaning)| *meaning);
    found.ok_or_else(|| {
        ApiError::unknown_word(name, value, &words.iter().map(|(word, _)| *word).collect::<Vec<_>>())
    })
}

/// Text without percent encoding; `None` if that is wrong.
pub(crate) fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high << 4 | low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query {
        Query::read(Some(text)).unwrap()
    }

    #[test]
    fn what_is_asked_for_is_read_and_what_is_not_known_is_refused() {
        let asked = query("namespace=default&filter=we%62+x&empty=&limit=7&sort=-bytes&older=1m30s");
        assert_eq!(
            (asked.get("namespace"), asked.get("filter"), asked.get("empty")),
            (Some("default"), Some("web x"), None)
        );
        assert_eq!(asked.limit().unwrap(), 7);
        let sort = asked.sort(&[("name", 1), ("bytes", 2)], 1).unwrap();
        assert_eq!(sort, Sort { by: 2, is_reversed: true });
        assert_eq!(asked.duration("older").unwrap(), Some(Duration::from_secs(90)));
        assert!(asked.only(&["namespace", "filter", "empty", "limit", "sort"]).is_err());
    }

    #[test]
    fn addresses_are_read_with_and_without_what_may_be_missing() {
        let asked = query("client=10.0.0.0/8&one=10.0.0.1&endpoint=[fd00::1]:80&ip=fd00::1&bad=web");
        assert_eq!(asked.network("client").unwrap().unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(asked.network("one").unwrap().unwrap().to_string(), "10.0.0.1/32");
        let ip: IpAddr = "fd00::1".parse().unwrap();
        assert_eq!(asked.endpoint("endpoint").unwrap(), Some((ip, Some(80))));
        assert_eq!(asked.endpoint("ip").unwrap(), Some((ip, None)));
        assert!(asked.network("bad").is_err() && asked.endpoint("bad").is_err());
    }

    #[test]
    fn what_is_badly_written_is_refused_and_nothing_panics() {
        for text in ["a=%", "a=%4", "a=%zz", "a=%ff", "%=1", "a=1&a=2"] {
            assert!(Query::read(Some(text)).is_err(), "{text}");
        }
        assert!(query("limit=0").limit().is_err() && query("limit=1001").limit().is_err());
        assert!(query("limit=x").limit().is_err() && query("d=x").duration("d").is_err());
        assert!(query("f=yes").flag("f").is_err());
        assert!(query("s=app%3D%3D%3D").label_selector("s").is_err());
        assert_eq!(Query::read(None).unwrap(), Query::default());
    }
}
