//! What kind of private key is this, when the TLS library cannot use it? By the object identifiers in it.

/// Object identifiers (DER) of keys, with what they stand for. The first that a key holds names it.
const KINDS: [(&[u8], &str); 13] = [
    (b"\x06\x05\x2b\x81\x04\x00\x23", "an elliptic curve key on P-521"),
    (b"\x06\x05\x2b\x81\x04\x00\x21", "an elliptic curve key on P-224"),
    (b"\x06\x05\x2b\x81\x04\x00\x0a", "an elliptic curve key on secp256k1"),
    (
        b"\x06\x05\x2b\x81\x04\x00\x22",
        "an elliptic curve key on P-384 that is damaged or lacks its public key",
    ),
    (
        b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07",
        "an elliptic curve key on P-256 that is damaged or lacks its public key",
    ),
    (b"\x06\x09\x2b\x24\x03\x03\x02\x08\x01\x01", "an elliptic curve key on a Brainpool curve"),
    (b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01", "an elliptic curve key on an unknown curve"),
    (b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a", "an RSA-PSS key"),
    (b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", RSA),
    (b"\x06\x07\x2a\x86\x48\xce\x38\x04\x01", "a DSA key"),
    (b"\x06\x03\x2b\x65\x71", "an Ed448 key"),
    (b"\x06\x03\x2b\x65\x70", "an Ed25519 key that is damaged"),
    (b"\x06\x03\x2b\x65\x6e", "an X25519 key"),
];

const RSA: &str = "an RSA key that is damaged or does not have 2048 to 4096 bits";

/// Kinds of keys that can be used, for messages.
pub(super) const USABLE: &str = "RSA with 2048 to 4096 bits, P-256, P-384 and Ed25519";

/// Description of a private key (DER) that cannot be used. `is_rsa` tells that its PEM label says so.
pub(super) fn describe(der: &[u8], is_rsa: bool) -> &'static str {
    let holds = |identifier: &[u8]| der.windows(identifier.len()).any(|window| window == identifier);
    match KINDS.iter().find(|(identifier, _)| holds(identifier)) {
        Some((_, kind)) => kind,
        None if is_rsa => RSA,
        None => "a key of an unknown format",
    }
}
