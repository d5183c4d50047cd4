//! How is a client's address written into a PROXY protocol header, and read from one? Pure.
//!
//! <https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt>

use ppp::{PartialResult, v1, v2};
use std::net::{IpAddr, SocketAddr};
use weir_core::ProxyProtocol;

/// Bytes of the longest header in text (section 2.1).
const MAX_V1_BYTES: usize = 107;

/// Bytes of the longest binary header that is taken: 536 bytes reach every receiver in one segment (section 2), and
/// leave 484 bytes to what follows two IPv6 addresses.
pub(super) const MAX_HEADER_BYTES: usize = 536;

/// Bytes of a binary header in front of the addresses.
const V2_FIXED_BYTES: usize = 16;

/// Version 2 and the command LOCAL: the sender speaks for itself, to check health for instance.
const V2_LOCAL: u8 = 0x20;

const V1_PREFIX: &[u8] = b"PROXY ";
const V1_UNKNOWN: &[u8] = b"PROXY UNKNOWN";

/// Result of decoding the first bytes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decoded {
    /// The beginning of a header, as far as one can tell.
    Partial,
    /// A whole header.
    Header {
        /// Bytes of the header.
        length: usize,
        /// Address of the client. `None` keeps that of the socket: the sender speaks for itself or does not know.
        client: Option<SocketAddr>,
    },
    /// No header, or one that is not taken.
    Malformed,
}

/// Encodes a header that gives an endpoint the addresses of a client and of the frontend that it dialled.
pub(super) fn encode(version: ProxyProtocol, client: SocketAddr, frontend: SocketAddr) -> Vec<u8> {
    let addresses = of_one_family(client, frontend);
    match (version, addresses) {
        (ProxyProtocol::V1, (SocketAddr::V6(client), SocketAddr::V6(frontend))) => {
            let [source, destination] = [client, frontend].map(|address| hexadecimal(address.ip()));
            format!("PROXY TCP6 {source} {destination} {} {}\r\n", client.port(), frontend.port())
                .into_bytes()
        }
        (ProxyProtocol::V1, _) => v1::Addresses::from(addresses).to_string().into_bytes(),
        (ProxyProtocol::V2, _) => {
            let command = v2::Version::Two | v2::Command::Proxy;
            let header = v2::Builder::with_addresses(command, v2::Protocol::Stream, addresses).build();
            header.expect("two addresses are shorter than a header may be")
        }
    }
}

/// Decodes the header with which `bytes` begin. Bytes behind a header are not looked at.
pub(super) fn decode(bytes: &[u8]) -> Decoded {
    if begins(bytes, V1_PREFIX) {
        decode_v1(bytes)
    } else if begins(bytes, v2::PROTOCOL_PREFIX) {
        decode_v2(bytes)
    } else {
        Decoded::Malformed
    }
}

/// Whether `bytes` and `prefix` are equal as far as both go.
fn begins(bytes: &[u8], prefix: &[u8]) -> bool {
    bytes.iter().zip(prefix).all(|(byte, expected)| byte == expected)
}

/// Decodes a header in text. The parser takes some lines that are cut off for malformed ones, so that it only gets
/// whole lines.
fn decode_v1(bytes: &[u8]) -> Decoded {
    let bytes = &bytes[..bytes.len().min(MAX_V1_BYTES)];
    let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else {
        return if bytes.len() < MAX_V1_BYTES { Decoded::Partial } else { Decoded::Malformed };
    };
    let (line, length) = (&bytes[..=end], end + 1);
    if !line.ends_with(b"\r\n") {
        return Decoded::Malformed;
    }
    if line.starts_with(V1_UNKNOWN) && matches!(line[V1_UNKNOWN.len()], b' ' | b'\r') {
        // What follows is to be ignored.
        return Decoded::Header { length, client: None };
    }
    let client = match v1::Header::try_from(line).map(|header| header.addresses) {
        Ok(v1::Addresses::Tcp4(v1::IPv4 { source_address, source_port, .. })) => {
            SocketAddr::from((source_address, source_port))
        }
        Ok(v1::Addresses::Tcp6(v1::IPv6 { source_address, source_port, .. })) => {
            SocketAddr::from((source_address, source_port))
        }
        Ok(v1::Addresses::Unknown) | Err(_) => return Decoded::Malformed,
    };
    Decoded::Header { length, client: Some(client) }
}

fn decode_v2(bytes: &[u8]) -> Decoded {
    let Some(&[.., command, _, high, low]) = bytes.first_chunk::<V2_FIXED_BYTES>() else {
        return Decoded::Partial;
    };
    let length = V2_FIXED_BYTES + usize::from(u16::from_be_bytes([high, low]));
    if length > MAX_HEADER_BYTES {
        return Decoded::Malformed;
    }
    if command == V2_LOCAL {
        // Everything else in the header is to be ignored.
        let whole = bytes.len() >= length;
        return if whole { Decoded::Header { length, client: None } } else { Decoded::Partial };
    }
    let parsed = v2::Header::try_from(bytes);
    let header = match parsed {
        Ok(header) => header,
        Err(error) if error.is_incomplete() => return Decoded::Partial,
        Err(_) => return Decoded::Malformed,
    };
    let client = match (header.protocol, header.addresses) {
        (v2::Protocol::Stream, v2::Addresses::IPv4(v2::IPv4 { source_address, source_port, .. })) => {
            Some(SocketAddr::from((source_address, source_port)))
        }
        (v2::Protocol::Stream, v2::Addresses::IPv6(v2::IPv6 { source_address, source_port, .. })) => {
            Some(SocketAddr::from((source_address, source_port)))
        }
        // A socket of another kind, or of none: the peer's address is all there is.
        _ => None,
    };
    Decoded::Header { length, client }
}

/// Puts both addresses into one family, as a header needs: of two families, the IPv4 address becomes IPv4-mapped.
fn of_one_family(client: SocketAddr, frontend: SocketAddr) -> (SocketAddr, SocketAddr) {
    if client.is_ipv4() == frontend.is_ipv4() {
        return (client, frontend);
    }
    let mapped = |address: SocketAddr| match address.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
        IpAddr::V6(_) => address,
    };
    (mapped(client), mapped(frontend))
}

/// Writes an IPv6 address without the dotted form of mapped ones, which a header must not have (section 2.1).
fn hexadecimal(ip: &std::net::Ipv6Addr) -> String {
    match ip.to_ipv4_mapped() {
        None => ip.to_string(),
        Some(_) => {
            let [.., high, low] = ip.segments();
            format!("::ffff:{high:x}:{low:x}")
        }
    }
}

#[cfg(test)]
mod tests;
