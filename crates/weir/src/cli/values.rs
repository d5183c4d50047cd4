//! How are the values of flags written?

use ipnet::IpNet;
use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};
use weir_control::Selection;
use weir_core::{
    Frontend, NodePortChoice, PortRange,
    address::{parse_cidr, parse_ip},
};

/// Address of one of weir's own servers; the empty text switches the server off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listen(pub(crate) Option<SocketAddr>);

impl FromStr for Listen {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        let address =
            text.parse().map_err(|_| "must be IP:PORT, as in 127.0.0.1:10256, or empty for none")?;
        Ok(Self(Some(address)))
    }
}

/// Folder; the empty text means none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Folder(pub(crate) Option<PathBuf>);

impl FromStr for Folder {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(Some(text).filter(|text| !text.is_empty()).map(PathBuf::from)))
    }
}

/// Parses a folder that processes with different working directories shall find, as in `/run/weir`; empty for none.
pub(crate) fn absolute_folder(text: &str) -> Result<Folder, &'static str> {
    let Ok(folder) = text.parse();
    match folder {
        Folder(Some(path)) if path.is_relative() => Err(
            "must be an absolute path, as in /run/weir, or empty for none: weirs that are started in other folders would \
             not find it",
        ),
        folder => Ok(folder),
    }
}

/// Parses one value of `--node-port-addresses`.
pub(crate) fn node_port_choice(text: &str) -> Result<NodePortChoice, &'static str> {
    match text.trim() {
        "primary" => Ok(NodePortChoice::Primary),
        "localhost" => Ok(NodePortChoice::Localhost),
        "all" => Ok(NodePortChoice::All),
        cidr => parse_cidr(cidr).map(NodePortChoice::Within).ok_or(
            "must be primary, localhost, all or a network as in 192.168.0.0/16; several are separated by commas",
        ),
    }
}

/// Selection of Services by `--service-proxy-name`; the empty text selects as no flag does.
pub(crate) fn selection(service_proxy_name: Option<String>) -> Selection {
    Selection { service_proxy_name: service_proxy_name.filter(|name| !name.is_empty()) }
}

/// Parses a network, as in `203.0.113.0/24`.
pub(crate) fn network(text: &str) -> Result<IpNet, &'static str> {
    parse_cidr(text.trim()).ok_or("must be a network, as in 203.0.113.0/24 or 203.0.113.7/32")
}

/// Parses a range of ports that are not privileged, as in `1024-32767`.
pub(crate) fn source_ports(text: &str) -> Result<PortRange, String> {
    let range: PortRange = text.parse().map_err(|error| format!("{error}"))?;
    match range.has_privileged() {
        true => {
            Err("must not have ports below 1024: clients with such a port get one of 600-1023".to_owned())
        }
        false => Ok(range),
    }
}

/// Parses an IP address, as in `10.244.0.1`.
pub(crate) fn address(text: &str) -> Result<IpAddr, &'static str> {
    parse_ip(text.trim()).ok_or("must be an IP address, as in 10.244.0.1 or fd00::1")
}

/// Parses a network or an address of clients, as in `10.244.0.0/16` or `10.244.0.1`, for the admin API.
pub(crate) fn network_or_address(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let read = parse_ip(text).map(|ip| ip.to_string()).or_else(|| Some(parse_cidr(text)?.to_string()));
    read.ok_or("must be a network or an address, as in 10.244.0.0/16 or 10.244.0.1")
}

/// Parses an endpoint with a port or without, as in `10.244.0.1:8080` or `10.244.0.1`, for the admin API.
pub(crate) fn address_or_socket(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let socket = || Some(text.parse::<SocketAddr>().ok()?.to_string());
    let read = parse_ip(text).map(|ip| ip.to_string()).or_else(socket);
    read.ok_or("must be IP or IP:PORT, as in 10.244.0.1, 10.244.0.1:8080 or [fd00::1]:8080")
}

/// Parses a frontend, as in `10.96.0.10:80/TCP`.
pub(crate) fn frontend(text: &str) -> Result<Frontend, &'static str> {
    let read = || {
        let (address, protocol) = text.trim().rsplit_once('/')?;
        let address: SocketAddr = address.parse().ok().filter(|address: &SocketAddr| address.port() != 0)?;
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        Some(Frontend { protocol: protocol.to_uppercase().parse().ok()?, address })
    };
    read().ok_or("must be IP:PORT/PROTOCOL, as in 10.96.0.10:80/TCP or [fd00::10]:53/UDP; also SCTP")
}

/// Parses a duration as people write it: `25s`, `1m 30s`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; write it as in 25s or 1m30s"))
}

/// Parses a size in bytes as people write it: `64MiB`, `1GiB`, `65536`.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "B" => Some(0),
        "KiB" => Some(10),
        "MiB" => Some(20),
        "GiB" => Some(30),
        _ => None,
    };
    let size = digits
        .trim()
        .parse()
        .ok()
        .zip(unit)
        .and_then(|(number, shift)| usize::checked_mul(number, 1 << shift));
    size.ok_or_else(|| "must be a size as in 64MiB; units are KiB, MiB, GiB".to_owned())
}

/// Parses a limit of at least 1.
pub(crate) fn count(text: &str) -> Result<NonZeroU32, &'static str> {
    text.trim().parse().map_err(|_| "must be a whole number from 1 to 4294967295")
}

/// Parses a limit of what the whole process holds, at least 1.
pub(crate) fn process_limit(text: &str) -> Result<NonZeroUsize, &'static str> {
    NonZeroUsize::try_from(count(text)?).map_err(|_| "is more than this machine can address")
}

/// Builds a usage error (exit code 2).
pub(crate) fn usage(message: impl std::fmt::Display) -> clap::Error {
    clap::Error::raw(clap::error::ErrorKind::ValueValidation, format_args!("{message}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_ports_are_at_words_and_networks_in_any_combination() {
        let network = |text: &str| NodePortChoice::Within(text.parse().unwrap());
        let cases = [
            ("primary", NodePortChoice::Primary),
            (" localhost", NodePortChoice::Localhost),
            ("all", NodePortChoice::All),
            ("10.1.2.3/8", network("10.0.0.0/8")),
            ("::1/128", network("::1/128")),
        ];
        for (text, expected) in cases {
            assert_eq!(node_port_choice(text), Ok(expected), "{text}");
        }
        for wrong in ["10.0.0.1", "Primary", ""] {
            assert!(node_port_choice(wrong).unwrap_err().contains("192.168.0.0/16"), "{wrong}");
        }
    }

    #[test]
    fn a_network_says_how_it_is_written() {
        assert_eq!(network(" 203.0.113.7/24"), Ok("203.0.113.0/24".parse().unwrap()));
        assert!(network("203.0.113.7").unwrap_err().contains("203.0.113.7/32"));
    }

    #[test]
    fn source_ports_are_none_that_are_privileged() {
        assert_eq!(source_ports("2000-3000"), Ok(PortRange { first: 2000, last: 3000 }));
        assert!(source_ports("1000-3000").unwrap_err().contains("600-1023"));
        assert!(source_ports("3000-2000").unwrap_err().contains("1024-32767"));
    }

    #[test]
    fn an_empty_listen_address_is_off() {
        assert_eq!("".parse(), Ok(Listen(None)));
        assert_eq!("[::1]:1".parse(), Ok(Listen(Some(([0, 0, 0, 0, 0, 0, 0, 1], 1).into()))));
        assert!("localhost".parse::<Listen>().is_err());
    }

    #[test]
    fn clients_and_endpoints_are_addresses_or_more() {
        assert_eq!(network_or_address(" 10.1.2.3/8 "), Ok("10.0.0.0/8".to_owned()));
        assert_eq!(network_or_address("fd00::1"), Ok("fd00::1".to_owned()));
        assert_eq!(address_or_socket("10.0.0.1"), Ok("10.0.0.1".to_owned()));
        assert_eq!(address_or_socket("[fd00::1]:80"), Ok("[fd00::1]:80".to_owned()));
        for wrong in ["", "web", "10.0.0.1:80:80", "10.0.0.0/33"] {
            assert!(network_or_address(wrong).is_err() && address_or_socket(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_have_binary_units() {
        let sizes = ["64MiB", "1 GiB", "65536", "0", "2KiB"].map(|text| size(text).unwrap());
        assert_eq!(sizes, [64 << 20, 1 << 30, 65_536, 0, 2048]);
        for wrong in ["", "MiB", "64MB", "-1", "1e9", "99999999999999999999GiB", "17179869184GiB"] {
            assert!(size(wrong).unwrap_err().contains("64MiB"), "{wrong}");
        }
    }

    #[test]
    fn durations_say_how_they_are_written() {
        assert_eq!(duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert!(duration("25").unwrap_err().contains("25s"));
    }
}
