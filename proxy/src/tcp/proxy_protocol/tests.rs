//! Do headers say what they should, and are those of others understood whatever they are?

use super::*;
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};

fn v4() -> impl Strategy<Value = SocketAddr> {
    any::<(Ipv4Addr, u16)>().prop_map(SocketAddr::from)
}

fn v6() -> impl Strategy<Value = SocketAddr> {
    any::<(Ipv6Addr, u16)>().prop_map(SocketAddr::from)
}

fn version() -> impl Strategy<Value = ProxyProtocol> {
    prop_oneof![Just(ProxyProtocol::V1), Just(ProxyProtocol::V2)]
}

/// A header, valid or with some bytes changed, or anything.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let address = || prop_oneof![v4(), v6()];
    let header = (version(), address(), address()).prop_map(|(version, from, to)| encode(version, from, to));
    let binary = (0u8..=255, 0u8..=255, any::<u16>(), prop::collection::vec(any::<u8>(), 0..700)).prop_map(
        |(command, family, length, rest)| {
            let [high, low] = length.to_be_bytes();
            [v2::PROTOCOL_PREFIX, &[command, family, high, low], &rest].concat()
        },
    );
    let changed = (header, prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4))
        .prop_map(|(mut header, changes)| {
            for (at, byte) in changes {
                let at = at.index(header.len());
                header[at] = byte;
            }
            header
        });
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..700),
        binary,
        changed,
        "PROXY [ -~]{0,130}(\r\n)?".prop_map(String::into_bytes)
    ]
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded_in_both_versions_and_families(
        version in version(),
        (client, frontend) in prop_oneof![(v4(), v4()), (v6(), v6())],
        behind in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let header = encode(version, client, frontend);
        let expected = Decoded::Header { length: header.len(), client: Some(client) };
        prop_assert_eq!(decode(&header), expected);
        prop_assert_eq!(decode(&[header, behind].concat()), expected, "what follows does not matter");
    }

    #[test]
    fn addresses_of_two_families_are_both_encoded_as_ipv6(
        version in version(),
        (client, frontend) in prop_oneof![(v4(), v6()), (v6(), v4())],
    ) {
        let header = encode(version, client, frontend);
        let Decoded::Header { client: Some(decoded), .. } = decode(&header) else { panic!("{header:?}") };
        prop_assert!(decoded.is_ipv6());
        prop_assert_eq!((decoded.ip().to_canonical(), decoded.port()), (client.ip().to_canonical(), client.port()));
        prop_assert!(version == ProxyProtocol::V2 || !header[..header.len() - 2].contains(&b'.'));
    }

    #[test]
    fn any_beginning_of_a_header_is_partial_wherever_it_is_cut(version in version(), client in prop_oneof![v4(), v6()]) {
        let header = encode(version, client, client);
        for length in 0..header.len() {
            prop_assert_eq!(decode(&header[..length]), Decoded::Partial, "{} bytes", length);
        }
    }

    #[test]
    fn whatever_comes_in_whatever_pieces_the_answer_is_the_same_and_within_bounds(bytes in hostile()) {
        let whole = decode(&bytes);
        let mut answer = Decoded::Partial;
        for length in 0..=bytes.len() {
            let now = decode(&bytes[..length]);
            if answer != Decoded::Partial {
                prop_assert_eq!(now, answer, "an answer is final");
            }
            answer = now;
            match now {
                Decoded::Partial => prop_assert!(length < MAX_HEADER_BYTES, "still partial after {} bytes", length),
                Decoded::Header { length: header, .. } => prop_assert!(header <= length && header <= MAX_HEADER_BYTES),
                Decoded::Malformed => {}
            }
        }
        prop_assert_eq!(answer, whole);
    }
}

#[test]
fn headers_are_written_as_the_specification_shows_them() {
    let of = |version, client: &str, frontend: &str| {
        encode(version, client.parse().unwrap(), frontend.parse().unwrap())
    };
    let text = |client, frontend| String::from_utf8(of(ProxyProtocol::V1, client, frontend)).unwrap();
    assert_eq!(
        text("192.168.0.1:56324", "192.168.0.11:443"),
        "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"
    );
    assert_eq!(text("[2001:db8::1]:1", "[fd00::9]:80"), "PROXY TCP6 2001:db8::1 fd00::9 1 80\r\n");
    assert_eq!(text("192.0.2.1:1", "[fd00::9]:80"), "PROXY TCP6 ::ffff:c000:201 fd00::9 1 80\r\n");
    let binary = of(ProxyProtocol::V2, "192.168.0.1:56324", "192.168.0.11:443");
    let expected: &[u8] =
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\xa8\x00\x01\xc0\xa8\x00\x0b\xdc\x04\x01\xbb";
    assert_eq!(binary, expected);
    assert_eq!(of(ProxyProtocol::V2, "[::1]:1", "[::2]:2").len(), 16 + 36);
}

#[test]
fn a_sender_that_speaks_for_itself_or_does_not_know_keeps_the_address_of_its_socket() {
    let binary = |command, family, rest: &[u8]| {
        [v2::PROTOCOL_PREFIX, &[command, family, 0, rest.len() as u8], rest].concat()
    };
    let unix = [0; 216];
    for header in [
        b"PROXY UNKNOWN\r\n".to_vec(),
        b"PROXY UNKNOWN anything at all 1 2 3 4 5 6 7\r\n".to_vec(),
        binary(0x20, 0x00, b""),
        binary(0x20, 0x11, b""),
        binary(0x20, 0xff, b"ignored"),
        binary(0x21, 0x00, b"ignored"),
        binary(0x21, 0x12, &[1; 12]),
        binary(0x21, 0x31, &unix),
    ] {
        let expected = Decoded::Header { length: header.len(), client: None };
        assert_eq!(decode(&header), expected, "{}", header.escape_ascii());
    }
}

#[test]
fn what_is_no_header_or_too_long_a_one_is_refused_as_soon_as_that_is_clear() {
    let long = [v2::PROTOCOL_PREFIX, &[0x21, 0x11, 0x02, 0x09]].concat();
    for bytes in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"X",
        b"PROXY_",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 9 10\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 9 65536\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 9\r\n",
        b"PROXY TCP6 1.2.3.4 5.6.7.8 9 10\r\n",
        b"PROXY UNKNOWNX\r\n",
        b"\r\n\r\n\0\r\nQUIT\r",
        b"\r\n\r\n\0\r\nQUIT\n\x11\x11\0\x0c",
        b"\r\n\r\n\0\r\nQUIT\n\x22\x11\0\x0c",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0b",
        &long,
        &[b"PROXY UNKNOWN ", &[b'x'; 93][..]].concat(),
    ] {
        assert_eq!(decode(bytes), Decoded::Malformed, "{}", bytes.escape_ascii());
    }
    // Fields that follow the addresses are passed over.
    let mut with_fields = [v2::PROTOCOL_PREFIX, &[0x21, 0x11, 0x02, 0x08]].concat();
    with_fields.resize(MAX_HEADER_BYTES, 7);
    let client = Some(SocketAddr::from(([7, 7, 7, 7], 0x0707)));
    assert_eq!(decode(&with_fields), Decoded::Header { length: MAX_HEADER_BYTES, client });
}
