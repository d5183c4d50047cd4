//! Who are weir and kubectl with the same kubeconfig?

use super::cases::{
    Case,
    Expected::{Both, BothRefuse, Differ},
    TLS, case,
};

/// Kubeconfigs whose users differ.
pub(super) const USERS: &[Case] = &[
    // --- who weir is ---
    case("a file with a token", TLS, "tokenFile: token", Both("https, Bearer from-file")),
    case("a token beside a file", TLS, "token: old\ntokenFile: token", Both("https, Bearer from-file")),
    case(
        "an empty token beside a file",
        TLS,
        "token: \"\"\ntokenFile: token",
        Both("https, Bearer from-file"),
    ),
    case(
        "a token beside a file that is missing",
        TLS,
        "token: old\ntokenFile: missing",
        Both("https, Bearer old"),
    ),
    case(
        "a file that is missing",
        TLS,
        "tokenFile: missing",
        BothRefuse { weir: "refused: cannot read the token .. missing" },
    ),
    case(
        "a token with a line end",
        TLS,
        "token: |\n  abc",
        Differ {
            kubectl: "refused: invalid header field value",
            weir: "https, Bearer abc",
            why: "as both read a tokenFile",
        },
    ),
    case(
        "a token of two lines",
        TLS,
        "token: \"abc\\ndef\"",
        BothRefuse { weir: "refused: its user \"u\": its token has a line end" },
    ),
    case("a user name with a password", TLS, "username: a\npassword: b", Both("https, Basic YTpi")),
    case(
        "a token and a password",
        TLS,
        "token: abc\nusername: a\npassword: b",
        BothRefuse { weir: "refused: both a token and a username" },
    ),
    case(
        "acting as somebody",
        TLS,
        "token: abc\nas: bob\nas-uid: \"7\"\nas-groups: [x, z]\nas-user-extra: {A/b: [c]}",
        Both(
            "https, Bearer abc, impersonate-extra-a%2fb: c, impersonate-group: x, impersonate-group: z, impersonate-uid: 7, impersonate-user: bob",
        ),
    ),
    case(
        "acting as a group alone",
        TLS,
        "token: abc\nas-groups: [x]",
        BothRefuse { weir: "refused: no user in `as`" },
    ),
    case(
        "acting as two lines",
        TLS,
        "token: abc\nas: \"a\\nb\"",
        BothRefuse { weir: "refused: its user \"u\": its as" },
    ),
    // --- client certificates ---
    case(
        "a certificate as base64",
        TLS,
        "client-certificate-data: CERTIFICATE-DATA\nclient-key-data: KEY-DATA",
        Both("https, certificate"),
    ),
    case(
        "a key on P-384",
        TLS,
        "client-certificate: p384.crt\nclient-key: p384.key",
        Both("https, certificate"),
    ),
    case("an RSA key", TLS, "client-certificate: rsa.crt\nclient-key: rsa.key", Both("https, certificate")),
    case(
        "an RSA key in PKCS#1",
        TLS,
        "client-certificate: rsa.crt\nclient-key: pkcs1.key",
        Both("https, certificate"),
    ),
    case(
        "an elliptic curve key in SEC1",
        TLS,
        "client-certificate: p256.crt\nclient-key: sec1.key",
        Both("https, certificate"),
    ),
    case(
        "an Ed25519 key",
        TLS,
        "client-certificate: ed25519.crt\nclient-key: ed25519.key",
        Both("https, certificate"),
    ),
    case(
        "a key on P-521",
        TLS,
        "client-certificate: p521.crt\nclient-key: p521.key",
        // The test's server, which uses the same library, cannot verify it either.
        BothRefuse { weir: "refused: p521.key, is an elliptic curve key on P-521, which weir cannot use" },
    ),
    case(
        "an encrypted key",
        TLS,
        "client-certificate: p256.crt\nclient-key: encrypted.key",
        BothRefuse { weir: "refused: encrypted.key, is encrypted" },
    ),
    case(
        "a key that is encrypted in the old way",
        TLS,
        "client-certificate: p256.crt\nclient-key: old-encrypted.key",
        BothRefuse { weir: "refused: old-encrypted.key, is encrypted" },
    ),
    case(
        "a key in DER",
        TLS,
        "client-certificate: p256.crt\nclient-key: der.key",
        BothRefuse { weir: "refused: der.key, is in DER; weir reads PEM" },
    ),
    case(
        "an RSA key that is too short",
        TLS,
        "client-certificate: p256.crt\nclient-key: short.key",
        BothRefuse {
            weir: "refused: short.key, is an RSA key that is damaged or does not have 2048 to 4096 bits",
        },
    ),
    case(
        "a key on secp256k1",
        TLS,
        "client-certificate: p256.crt\nclient-key: secp256k1.key",
        BothRefuse { weir: "refused: secp256k1.key, is an elliptic curve key on secp256k1" },
    ),
    case(
        "an Ed448 key",
        TLS,
        "client-certificate: p256.crt\nclient-key: ed448.key",
        BothRefuse { weir: "refused: ed448.key, is an Ed448 key" },
    ),
    case(
        "a certificate as key",
        TLS,
        "client-certificate: p256.crt\nclient-key: p256.crt",
        BothRefuse { weir: "refused: p256.crt, holds CERTIFICATE and no PRIVATE KEY" },
    ),
    case(
        "a key with the label of another format",
        TLS,
        "client-certificate: rsa.crt\nclient-key: mislabelled.key",
        Both("https, certificate"),
    ),
    case(
        "a key of another certificate",
        TLS,
        "client-certificate: p256.crt\nclient-key: p384.key",
        BothRefuse { weir: "refused: is not of the key" },
    ),
    case(
        "a certificate without its key",
        TLS,
        "client-certificate: p256.crt",
        BothRefuse { weir: "refused: no client-key" },
    ),
    // --- plugins ---
    case(
        "a plugin",
        TLS,
        "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, interactiveMode: Never, provideClusterInfo: true}",
        Both("https, Bearer from-plugin"),
    ),
    case(
        "a token beside a plugin",
        TLS,
        "token: abc\nexec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, interactiveMode: Never}",
        Both("https, Bearer abc"),
    ),
    case(
        "a plugin that answers in another version",
        TLS,
        "exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: ./plugin}",
        BothRefuse { weir: "refused: answers in \"client.authentication.k8s.io/v1\"" },
    ),
    case(
        "a plugin of an old version",
        TLS,
        "exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: ./plugin}",
        BothRefuse { weir: "refused: v1alpha1" },
    ),
    case(
        "a plugin that needs a terminal",
        TLS,
        "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, interactiveMode: Always}",
        BothRefuse { weir: "refused: needs a terminal" },
    ),
    case(
        "a plugin that is not installed",
        TLS,
        "exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-plugin, interactiveMode: Never, installHint: try apt}",
        Both("refused: no-such-plugin .. try apt"),
    ),
    case("a provider that was removed", TLS, "auth-provider: {name: gcp}", Both("refused: gcp")),
    case(
        "a provider without its settings",
        TLS,
        "auth-provider: {name: oidc, config: {id-token: abc}}",
        BothRefuse { weir: "refused: the auth-provider \"oidc\" is not supported" },
    ),
];
