//! Does a client want an answer compressed, and how is it compressed?

use flate2::{Compression, write::GzEncoder};
use hyper::{HeaderMap, header::ACCEPT_ENCODING};
use std::io::{self, Write};

/// Whether a client takes gzip (RFC 9110, 12.5.3). A client that says nothing gets plain text.
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values: Vec<&str> =
        headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).collect();
    let weight_of = |coding: &str| {
        let mut offers = values.iter().flat_map(|value| value.split(',')).map(|offer| {
            let mut parts = offer.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let weight = parts.find_map(|part| part.strip_prefix("q=")).map(|weight| weight.parse::<f32>());
            (name, weight.map_or(1.0, |weight| weight.unwrap_or(0.0)))
        });
        offers.find(|(name, _)| name.eq_ignore_ascii_case(coding)).map(|(_, weight)| weight)
    };
    weight_of("gzip").or_else(|| weight_of("*")).is_some_and(|weight| weight > 0.0)
}

/// An answer that is compressed as it is made: quickly, as most answers are made anew for each client. Not for a thread that has
/// anything else to do: a megabyte takes some milliseconds.
pub(crate) struct Gzip(GzEncoder<Vec<u8>>);

impl Gzip {
    pub(crate) fn new() -> Self {
        Self(GzEncoder::new(Vec::new(), Compression::fast()))
    }

    /// Adds a part of the answer.
    pub(crate) fn write(&mut self, part: &str) {
        // A vector takes everything.
        let _ = self.0.write_all(part.as_bytes());
    }

    /// The compressed answer.
    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        self.0.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;
    use std::io::Read;

    #[test]
    fn gzip_is_for_those_who_name_it_or_take_anything() {
        let asks = |value: &'static str| {
            accepts_gzip(&HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(value))]))
        };
        let taken = ["gzip", "deflate, GZIP;q=0.5", "*", "identity;q=0.5, *;q=0.1", "br , gzip ; q=1.0"];
        assert_eq!(taken.map(asks), [true; 5]);
        let refused = ["", "identity", "gzip;q=0", "*;q=1, gzip;q=0", "gzip;q=x", "x-gzip"];
        assert_eq!(refused.map(asks), [false; 6]);
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    #[test]
    fn what_is_compressed_is_smaller_and_comes_out_as_it_went_in() {
        let text = "weir_endpoints{namespace=\"default\"} 1\n".repeat(1000);
        let mut gzip = Gzip::new();
        text.split_inclusive('\n').for_each(|line| gzip.write(line));
        let packed = gzip.finish().unwrap();
        assert!(packed.len() < text.len() / 10, "{}", packed.len());
        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(&*packed).read_to_string(&mut unpacked).unwrap();
        assert_eq!(unpacked, text);
    }
}
