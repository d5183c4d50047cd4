//! What does a client of the admin side see? A few lines of HTTP/1.1 over a socket of either kind.

use crate::common::HANG;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where the admin side is asked.
#[derive(Clone, Debug)]
pub(crate) enum At {
    Address(SocketAddr),
    Socket(PathBuf),
    /// With TLS, and perhaps a certificate of the client's.
    Tls(SocketAddr, Arc<ClientConfig>),
}

/// An answer. Header names are in lower case.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {} {text}", self.status))
    }
}

trait Both: Read + Write {}
impl<T: Read + Write> Both for T {}

/// Sends a request with these lines of headers and this body, and reads the head of the answer.
fn begin(
    at: &At,
    line: &str,
    headers: &str,
    body: &str,
) -> std::io::Result<(BufReader<Box<dyn Both>>, Seen)> {
    let mut stream: Box<dyn Both> = match at {
        At::Address(address) => {
            let stream = TcpStream::connect(address)?;
            stream.set_read_timeout(Some(HANG))?;
            Box::new(stream)
        }
        At::Tls(address, config) => {
            let stream = TcpStream::connect(address)?;
            stream.set_read_timeout(Some(HANG))?;
            let name = ServerName::from(address.ip());
            let connection =
                ClientConnection::new(Arc::clone(config), name).map_err(std::io::Error::other)?;
            Box::new(StreamOwned::new(connection, stream))
        }
        At::Socket(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(HANG))?;
            Box::new(stream)
        }
    };
    let host = if headers.to_lowercase().contains("host:") { "" } else { "Host: localhost\r\n" };
    write!(stream, "{line} HTTP/1.1\r\n{host}{headers}Content-Length: {}\r\n\r\n{body}", body.len())?;
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim_end().is_empty() {
            break;
        }
        head.push(line.trim_end().to_owned());
    }
    let status = head.first().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(0);
    let split =
        |line: &String| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let headers = head.iter().skip(1).filter_map(split).collect();
    Ok((reader, Seen { status, headers, body: Vec::new() }))
}

/// One request on a connection of its own.
pub(crate) fn ask(at: &At, line: &str, headers: &str, body: &str) -> std::io::Result<Seen> {
    let (mut reader, mut seen) = begin(at, line, headers, body)?;
    let length: usize = seen.headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    seen.body = vec![0; length];
    reader.read_exact(&mut seen.body)?;
    Ok(seen)
}

/// What a path answers, which must be 200.
pub(crate) fn get(at: &At, path: &str) -> Value {
    let seen = ask(at, &format!("GET {path}"), "", "").unwrap();
    assert_eq!(seen.status, 200, "{path}: {}", String::from_utf8_lossy(&seen.body));
    seen.json()
}

/// A stream of server-sent events.
pub(crate) struct Events(BufReader<Box<dyn Both>>);

impl Events {
    pub(crate) fn open(at: &At, path: &str) -> Self {
        let (reader, seen) = begin(at, &format!("GET {path}"), "Accept: text/event-stream\r\n", "").unwrap();
        assert_eq!((seen.status, &*seen.headers["content-type"]), (200, "text/event-stream"));
        Self(reader)
    }

    /// The next event: its kind, and its data.
    pub(crate) fn next(&mut self) -> (String, Value) {
        let (mut kind, mut data) = (String::new(), String::new());
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream has ended");
            // Lengths of chunks are lines of their own, and none of ours.
            let line = line.trim_end();
            if let Some(name) = line.strip_prefix("event: ") {
                name.clone_into(&mut kind);
            } else if let Some(text) = line.strip_prefix("data: ") {
                text.clone_into(&mut data);
            } else if line.is_empty() && !data.is_empty() {
                return (kind, serde_json::from_str(&data).unwrap());
            }
        }
    }

    /// The next event of a kind of which something holds.
    pub(crate) fn until(&mut self, kind: &str, mut holds: impl FnMut(&Value) -> bool) -> Value {
        loop {
            let (seen, data) = self.next();
            if seen == kind && holds(&data) {
                return data;
            }
        }
    }
}

/// The socket at a path.
pub(crate) fn socket(path: &Path) -> At {
    At::Socket(path.to_owned())
}

/// What speaks TLS to servers of an authority, with a client's certificate and key in PEM if there are any.
pub(crate) fn tls(authority: &Path, client: Option<(PathBuf, PathBuf)>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    Arc::new(match client {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let certificates = vec![CertificateDer::from_pem_file(certificate).unwrap()];
            builder.with_client_auth_cert(certificates, PrivateKeyDer::from_pem_file(key).unwrap()).unwrap()
        }
    })
}
