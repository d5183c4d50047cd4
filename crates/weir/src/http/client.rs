//! What does a client see? A few lines of HTTP/1.1, for tests.

use std::{collections::BTreeMap, net::SocketAddr};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

/// An answer as it came over the wire. Header names keep their case.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// One connection to a server.
pub(crate) struct Client(BufReader<TcpStream>);

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self(BufReader::new(TcpStream::connect(address).await.unwrap()))
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        self.0.get_mut()
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    pub(crate) async fn request(&mut self, method: &str, path: &str) -> Seen {
        self.send(&format!("{method} {path} HTTP/1.1\r\nHost: weir\r\n\r\n")).await;
        let status = self.line().await.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = BTreeMap::new();
        while let Some((name, value)) = self.line().await.split_once(": ") {
            headers.insert(name.to_owned(), value.to_owned());
        }
        // The length is what a body would have.
        let length = if method == "HEAD" { 0 } else { headers["Content-Length"].parse().unwrap() };
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        Seen { status, headers, body: String::from_utf8(body).unwrap() }
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).await.unwrap();
        line.trim_end().to_owned()
    }
}

/// One GET on a connection of its own.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Seen {
    Client::connect(address).await.request("GET", path).await
}
