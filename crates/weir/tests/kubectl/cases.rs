//! The kubeconfigs that weir and kubectl are given, and what either does with them.
//!
//! SECURE is the address of an API server by TLS, PLAIN of one without. CA-DATA, CERTIFICATE-DATA and KEY-DATA are
//! base64 of files that lie beside the kubeconfig: `ca.crt`, `p256.crt`, `p256.key`. `token` holds `from-file` and a
//! line end; `plugin` gives the token `from-plugin`.

/// One kubeconfig, or several files of one.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) cluster: &'static str,
    pub(super) user: &'static str,
    /// Files of `KUBECONFIG` in place of one with the cluster and user; `None` for one that does not exist.
    pub(super) files: Option<&'static [(&'static str, Option<&'static str>)]>,
    pub(super) expected: Expected,
}

/// How a program comes to the API server, in the order scheme, path, `Authorization`, impersonation, certificate; or
/// `refused: ` and words of its message, several apart by ` .. `.
pub(super) enum Expected {
    /// Both do the same.
    Both(&'static str),
    /// Both refuse, weir in these words.
    BothRefuse { weir: &'static str },
    /// They differ on purpose.
    Differ {
        kubectl: &'static str,
        weir: &'static str,
        #[allow(dead_code, reason = "for the reader")]
        why: &'static str,
    },
}

use Expected::{Both, BothRefuse, Differ};

const TLS: &str = "server: https://SECURE\ncertificate-authority: ca.crt";
const TOKEN: &str = "token: abc";

const fn case(name: &'static str, cluster: &'static str, user: &'static str, expected: Expected) -> Case {
    Case { name, cluster, user, files: None, expected }
}

const fn files(
    name: &'static str,
    files: &'static [(&'static str, Option<&'static str>)],
    expected: Expected,
) -> Case {
    Case { name, cluster: "", user: "", files: Some(files), expected }
}

pub(super) const CASES: &[Case] = &[
    // --- the server ---
    case("a token by TLS", TLS, TOKEN, Both("https, Bearer abc")),
    case("host:port", "server: PLAIN", "{}", Both("http")),
    case(
        "host:port with an authority",
        "server: SECURE\ncertificate-authority: ca.crt",
        TOKEN,
        Differ {
            kubectl: "refused",
            weir: "https, Bearer abc",
            why: "kubectl dials such a server without TLS",
        },
    ),
    case(
        "a path",
        "server: https://SECURE/k8s/c-1/\ncertificate-authority: ca.crt",
        TOKEN,
        Both("https, /k8s/c-1, Bearer abc"),
    ),
    case(
        "a scheme in capitals",
        "server: HTTPS://SECURE\ncertificate-authority: ca.crt",
        TOKEN,
        Both("https, Bearer abc"),
    ),
    case(
        "another scheme",
        "server: ftp://SECURE",
        TOKEN,
        BothRefuse { weir: "refused: its scheme is \"ftp\"" },
    ),
    case(
        "a line end in the server",
        "server: |\n  https://SECURE\ncertificate-authority: ca.crt",
        TOKEN,
        Differ {
            kubectl: "refused: invalid control character",
            weir: "https, Bearer abc",
            why: "what was meant is clear",
        },
    ),
    case(
        "no server",
        "certificate-authority: ca.crt",
        TOKEN,
        BothRefuse { weir: "refused: its cluster names no server" },
    ),
    case(
        "a token without TLS",
        "server: http://PLAIN",
        TOKEN,
        Differ { kubectl: "http", weir: "http, Bearer abc", why: "kubectl drops credentials without a word" },
    ),
    // --- whom to trust ---
    case(
        "the authority as base64",
        "server: https://SECURE\ncertificate-authority-data: CA-DATA",
        TOKEN,
        Both("https, Bearer abc"),
    ),
    case(
        "base64 in lines",
        "server: https://SECURE\ncertificate-authority-data: |\n  WRAPPED-CA",
        TOKEN,
        Both("https, Bearer abc"),
    ),
    case(
        "the authority as base64 and as another file",
        "server: https://SECURE\ncertificate-authority-data: CA-DATA\ncertificate-authority: p256.crt",
        TOKEN,
        Differ {
            kubectl: "refused: certificate-authority-data will override",
            weir: "https, Bearer abc",
            why: "the data does override",
        },
    ),
    case(
        "base64 with spaces",
        "server: https://SECURE\ncertificate-authority-data: FOLDED-CA",
        TOKEN,
        BothRefuse { weir: "refused: certificate-authority-data is not base64: a space at character 64" },
    ),
    case(
        "!!binary of base64 in lines",
        "server: https://SECURE\ncertificate-authority-data: !!binary BINARY-CA",
        TOKEN,
        Both("https, Bearer abc"),
    ),
    case(
        "empty data beside a file",
        "server: https://SECURE\ncertificate-authority-data: \"\"\ncertificate-authority: ca.crt",
        TOKEN,
        Both("https, Bearer abc"),
    ),
    case(
        "base64 of something else",
        "server: https://SECURE\ncertificate-authority-data: aGVsbG8=",
        TOKEN,
        BothRefuse { weir: "refused: certificate-authority-data, holds no CERTIFICATE in PEM" },
    ),
    case(
        "no verification",
        "server: https://SECURE\ninsecure-skip-tls-verify: true",
        TOKEN,
        Both("https, Bearer abc"),
    ),
    case(
        "no verification beside an authority",
        "server: https://SECURE\ninsecure-skip-tls-verify: true\ncertificate-authority: ca.crt",
        TOKEN,
        BothRefuse { weir: "refused: both a certificate-authority and insecure-skip-tls-verify" },
    ),
    case(
        "the server's own certificate as authority",
        "server: https://SECURE\ncertificate-authority: server.crt",
        TOKEN,
        Both("https, Bearer abc"),
    ),
    case(
        "another authority",
        "server: https://SECURE\ncertificate-authority: other.crt",
        TOKEN,
        BothRefuse { weir: "refused: other.crt" },
    ),
    case(
        "the name of the certificate",
        "server: https://SECURE\ncertificate-authority: ca.crt\ntls-server-name: localhost",
        TOKEN,
        Both("https, Bearer abc"),
    ),
    case(
        "another name",
        "server: https://SECURE\ncertificate-authority: ca.crt\ntls-server-name: other",
        TOKEN,
        BothRefuse { weir: "refused: no trusted connection .. is not for this name" },
    ),
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
    // --- files ---
    files(
        "a file that is missing among others",
        &[
            ("missing", None),
            (
                "config",
                Some(
                    "clusters: [{name: k, cluster: {server: \"https://SECURE\", certificate-authority: ca.crt}}]\nusers: [{name: u, user: {token: abc}}]\ncontexts: [{name: c, context: {cluster: k, user: u}}]\ncurrent-context: c\n",
                ),
            ),
        ],
        Both("https, Bearer abc"),
    ),
    files(
        "an empty current-context before another",
        &[
            ("first", Some("users: [{name: u, user: {token: first}}]\ncurrent-context: \"\"\n")),
            (
                "second",
                Some(
                    "clusters: [{name: k, cluster: {server: \"https://SECURE\", certificate-authority: ca.crt}}]\nusers: [{name: u, user: {token: second, as: nobody}}]\ncontexts: [{name: c, context: {cluster: k, user: u}}]\ncurrent-context: c\n",
                ),
            ),
        ],
        Both("https, Bearer first"),
    ),
    files(
        "the current-context of the first file",
        &[
            (
                "first",
                Some(
                    "users: [{name: v, user: {token: first}}]\ncontexts: [{name: d, context: {cluster: k, user: v}}]\ncurrent-context: d\n",
                ),
            ),
            (
                "second",
                Some(
                    "clusters: [{name: k, cluster: {server: \"https://SECURE\", certificate-authority: ca.crt}}]\nusers: [{name: u, user: {token: second}}]\ncontexts: [{name: c, context: {cluster: k, user: u}}]\ncurrent-context: c\n",
                ),
            ),
        ],
        Both("https, Bearer first"),
    ),
    files(
        "an empty file among others",
        &[
            ("empty", Some("")),
            (
                "config",
                Some(
                    "clusters: [{name: k, cluster: {server: \"https://SECURE\", certificate-authority: ca.crt}}]\nusers: [{name: u, user: {token: abc}}]\ncontexts: [{name: c, context: {cluster: k, user: u}}]\ncurrent-context: c\n",
                ),
            ),
        ],
        Both("https, Bearer abc"),
    ),
    files(
        "JSON with tabs",
        &[(
            "config",
            Some(
                "{\n\t\"clusters\": [{\"name\": \"k\", \"cluster\": {\"server\": \"https://SECURE\", \"certificate-authority\": \"ca.crt\"}}],\n\t\"users\": [{\"name\": \"u\", \"user\": {\"token\": \"abc\"}}],\n\t\"contexts\": [{\"name\": \"c\", \"context\": {\"cluster\": \"k\", \"user\": \"u\"}}],\n\t\"current-context\": \"c\"\n}\n",
            ),
        )],
        Both("https, Bearer abc"),
    ),
    files(
        "no file at all",
        &[("missing", None), ("gone", None)],
        BothRefuse { weir: "refused: none of the files that KUBECONFIG names exists" },
    ),
    files("an empty file", &[("empty", Some(""))], BothRefuse { weir: "refused: is empty" }),
    files("another kind of object", &[("pod", Some("apiVersion: v1\nkind: Pod\n"))], Both("refused: Pod")),
];
