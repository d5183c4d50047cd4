//! What does the client make of a server that is no weir, or a hostile one?

use super::*;
use std::{
    io::{Read, Write},
    os::unix::net::UnixListener,
    path::PathBuf,
    thread,
};

/// A server on a socket of its own, which says this to whoever comes. Its file is removed when dropped.
struct Server(PathBuf);

impl Server {
    /// Says the head, then the same piece so often as it is taken, at most `times` times.
    fn saying(head: &'static str, piece: &'static [u8], times: usize) -> Self {
        let path = std::env::temp_dir().join(format!("weir-client-{:016x}.sock", rand::random::<u64>()));
        let listener = UnixListener::bind(&path).unwrap();
        thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request);
                let _ = stream.write_all(head.as_bytes());
                for _ in 0..times {
                    if stream.write_all(piece).is_err() {
                        break;
                    }
                }
            }
        });
        Self(path)
    }

    fn ask(&self) -> Result<Value, String> {
        let socket = AdminSocket::at(self.0.clone());
        let asked = with_client(socket, async |client| Ok(client.get(&Query::of("summary")).await?));
        asked.map_err(|error| error.to_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";

#[test]
fn an_answer_of_a_newer_weir_is_taken_as_it_is() {
    let server = Server::saying(OK, br#"{"kind": "Summary", "invented later": [1]}"#, 1);
    assert_eq!(server.ask().unwrap()["invented later"][0], 1);
}

#[test]
fn an_answer_that_does_not_end_is_not_read_to_its_end() {
    let server = Server::saying(OK, &[b' '; 1 << 20], usize::MAX);
    let said = server.ask().unwrap_err();
    assert!(said.contains("more than 64 MiB"), "{said}");
}

#[test]
fn a_head_that_does_not_end_is_not_read_to_its_end() {
    let server = Server::saying("HTTP/1.1 200 OK\r\nX: ", &[b'x'; 1 << 16], usize::MAX);
    let said = server.ask().unwrap_err();
    assert!(said.contains("does not answer as weir does") || said.contains("asked weir at"), "{said}");
}

#[test]
fn what_is_no_answer_is_quoted_without_steering_the_terminal() {
    for (head, piece) in [
        (OK, &b"\x1b[2Jgarbage\n"[..]),
        ("", &b"\x1b[2J garbage that is no HTTP\r\n\r\n"[..]),
        ("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n", &b"404 page\x1b[2J not found\n"[..]),
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", &b"{}"[..]),
    ] {
        let server = Server::saying(head, piece, 1);
        let said = server.ask().unwrap_err();
        assert!(!said.contains(['\n', '\u{1b}']) && said.len() < 1000, "{said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_not_waited_for_for_ever() {
    let path = std::env::temp_dir().join(format!("weir-client-{:016x}.sock", rand::random::<u64>()));
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let client = Client { socket: AdminSocket::at(path.clone()), longest: ANSWER_TIMEOUT };
    let asked = client.get(&Query::of("summary")).await.unwrap_err().to_string();
    assert!(asked.contains("has said nothing for 15s"), "{asked}");
    drop(listener);
    let left = client.get(&Query::of("summary")).await.unwrap_err().to_string();
    assert!(left.contains("nobody listens"), "{left}");
    std::fs::remove_file(path).unwrap();
}
