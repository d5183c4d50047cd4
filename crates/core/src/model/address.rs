//! How is an address or a CIDR in an API object read, as leniently as kube-proxy does? (semantics A6)

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Reads an IP address; `None` if the text is none. Numbers with leading zeros are decimal, an IPv4-mapped IPv6 address is
/// IPv4. Zones and surrounding blanks are refused.
pub fn parse_ip(text: &str) -> Option<IpAddr> {
    if let Some((head, tail)) = text.rsplit_once(':') {
        let ip = if tail.contains('.') {
            let [a, b, c, d] = parse_v4(tail)?.octets();
            let high = u16::from_be_bytes([a, b]);
            let low = u16::from_be_bytes([c, d]);
            format!("{head}:{high:x}:{low:x}").parse::<Ipv6Addr>().ok()?
        } else {
            text.parse::<Ipv6Addr>().ok()?
        };
        return Some(ip.to_canonical());
    }
    parse_v4(text).map(IpAddr::V4)
}

fn parse_v4(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0u8; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let part = parts.next()?;
        if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let digits = part.trim_start_matches('0');
        *octet = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    }
    parts.next().is_none().then(|| Ipv4Addr::from(octets))
}

/// Reads a CIDR and clears its host bits; `None` if the text is none. A bare address is not a CIDR.
pub fn parse_cidr(text: &str) -> Option<IpNet> {
    let (ip, length) = text.split_once('/')?;
    if length.is_empty() || !length.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let length = length.parse().ok()?;
    let ip = match parse_ip(ip)? {
        // Go reads `::ffff:a.b.c.d/n` as an IPv6 network; its mapped form is kept.
        IpAddr::V4(v4) if ip.contains(':') => IpAddr::V6(v4.to_ipv6_mapped()),
        ip => ip,
    };
    IpNet::new(ip, length).ok().map(|net| net.trunc())
}

/// The IPv4 address that an IPv6 address stands for; `None` if it stands for none: mapped (::ffff:0:0/96), translated
/// (64:ff9b::/96, RFC 6052), 6to4 (2002::/16, RFC 3056) or compatible (::/96, RFC 4291).
pub fn embedded_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match ip.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(join(high, low))
        }
        [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn leading_zeros_are_decimal() {
        assert_eq!(parse_ip("010.000.001.09"), Some(IpAddr::from([10, 0, 1, 9])));
        assert_eq!(parse_cidr("010.1.2.3/08").map(|n| n.to_string()).as_deref(), Some("10.0.0.0/8"));
    }

    #[test]
    fn mapped_addresses_are_ipv4() {
        assert_eq!(parse_ip("::ffff:10.1.2.3"), Some(IpAddr::from([10, 1, 2, 3])));
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        for text in [
            "",
            " ",
            "1.2.3",
            "1.2.3.4.5",
            "256.1.1.1",
            "1..2.3",
            " 1.2.3.4",
            "+1.2.3.4",
            "fe80::1%eth0",
            ":",
            "a.b.c.d",
        ] {
            assert_eq!(parse_ip(text), None, "{text:?}");
        }
        for text in ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/", "/8", "10.0.0.0/+8", "::/129"] {
            assert_eq!(parse_cidr(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "\\PC*") {
            let _ = parse_ip(&text);
            let _ = parse_cidr(&text);
        }

        #[test]
        fn every_address_reads_back(bits: u128) {
            let ip = Ipv6Addr::from(bits);
            prop_assert_eq!(parse_ip(&ip.to_string()), Some(ip.to_canonical()));
        }
    }
}
