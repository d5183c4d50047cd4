//! What did clients ask for?

use std::collections::BTreeMap;

/// Decoded query parameters of a request, by name.
pub type Parameters = BTreeMap<String, String>;

/// Requests for one resource, including those that were refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// Lists, counting each page.
    pub lists: u64,
    /// Watches, streaming lists included.
    pub watches: u64,
    /// Reads of one object.
    pub gets: u64,
    /// Creations and patches.
    pub writes: u64,
    /// Lists that were sent to their end: last pages, and the initial objects of streaming lists.
    pub complete_lists: u64,
    /// Requests that were answered with an error status, or got an answer of no use, which is counted nowhere else.
    pub refused: u64,
    /// Parameters of the newest list.
    pub last_list: Parameters,
    /// Parameters of the newest watch.
    pub last_watch: Parameters,
}

/// Splits and decodes a query string.
pub(super) fn parse_query(query: &str) -> Parameters {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        })
        .collect()
}

fn decode(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let (byte, after) = match (first, hexadecimal(after)) {
            (b'%', Some(byte)) => (byte, &after[2..]),
            (b'+', _) => (b' ', after),
            _ => (first, after),
        };
        decoded.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn hexadecimal(text: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(text.get(..2)?).ok()?;
    u8::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_split_before_it_is_decoded() {
        let parameters = parse_query("labelSelector=%21a%2Fb%2Cc%3Dd+e&watch=true&limit&x=100%");
        assert_eq!(parameters["labelSelector"], "!a/b,c=d e");
        assert_eq!(parameters["watch"], "true");
        assert_eq!(parameters["limit"], "");
        assert_eq!(parameters["x"], "100%");
    }
}
