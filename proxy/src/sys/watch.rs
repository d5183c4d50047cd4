//! How does the runtime watch a socket for no more than is needed?

use std::{io, os::fd::AsRawFd};
use tokio::io::{Interest, unix::AsyncFd};

/// Watches a non-blocking socket for these events, and for errors. The runtime's own sockets have no choice.
#[expect(
    deprecated,
    reason = "not sound for what does not own its descriptor; here the trait says that it does"
)]
pub(crate) fn watch<S: OwningSocket>(socket: S, interest: Interest) -> io::Result<AsyncFd<S>> {
    AsyncFd::with_interest(socket, interest)
}

/// A socket that owns its descriptor for as long as it lives.
pub(crate) trait OwningSocket: AsRawFd {}

impl OwningSocket for std::net::TcpListener {}
impl OwningSocket for std::net::TcpStream {}
impl OwningSocket for std::net::UdpSocket {}
