//! Which server do weir and kubectl dial with the same kubeconfig, and which do they trust?
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

pub(super) const TLS: &str = "server: https://SECURE\ncertificate-authority: ca.crt";
pub(super) const TOKEN: &str = "token: abc";

pub(super) const fn case(
    name: &'static str,
    cluster: &'static str,
    user: &'static str,
    expected: Expected,
) -> Case {
    Case { name, cluster, user, files: None, expected }
}

const fn files(
    name: &'static str,
    files: &'static [(&'static str, Option<&'static str>)],
    expected: Expected,
) -> Case {
    Case { name, cluster: "", user: "", files: Some(files), expected }
}

/// Kubeconfigs whose servers, authorities and files differ.
pub(super) const SERVERS: &[Case] = &[
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
    case(
        "an HTTP proxy",
        "server: https://SECURE\ncertificate-authority: ca.crt\nproxy-url: http://127.0.0.1:1",
        TOKEN,
        // kubectl finds nobody there.
        BothRefuse { weir: "refused: proxy-url, which weir does not support" },
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
