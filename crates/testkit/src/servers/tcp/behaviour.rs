//! How does a TCP server treat its clients, well or badly?

use std::time::Duration;

/// What a [`TcpServer`](super::server::TcpServer) does with each connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Sends back what is read; at the client's end of stream sends what is left and closes the sending side.
    Echo,
    /// Sends this text when the client connects, as server-first protocols do, and then echoes.
    Greet(String),
    /// Sends a line with this name and the client's address, as in `web-1 10.244.0.9:40123`, and then echoes.
    Report(String),
    /// Echoes each read after a delay (tokio's clock).
    Slow {
        /// The wait between a read and its echo.
        delay: Duration,
    },
    /// Reads to the end of stream and only then answers with the number of bytes in decimal: works only
    /// with correct half-close.
    ReplyAfterEof,
    /// Sends `bye` and closes its sending side at once, but reads and counts until the client's end.
    HalfClosing,
    /// Resets the connection after the first byte read.
    Resetting,
    /// Resets the connection as soon as it is accepted.
    ResetOnAccept,
    /// Accepts, and never reads, writes or closes.
    Silent,
    /// Reads and throws away until the end of stream.
    Discard,
    /// Sends this many bytes, then closes.
    Source {
        /// Number of bytes that a client receives.
        bytes: u64,
    },
}
