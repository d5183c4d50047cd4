//! How does a weir listen for streams, such as HTTP, in the runtime directory?

use super::RuntimeDir;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};
use std::{io, os::fd::OwnedFd};

impl RuntimeDir {
    /// Listens on the socket of exactly this name, in place of whoever did before. The socket is for streams and does not block.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn listen_for_streams(&self, name: &str) -> io::Result<OwnedFd> {
        let socket = stream_socket()?;
        self.name_socket(&socket, name)?;
        Ok(socket)
    }

    /// Whether somebody listens on the socket of exactly this name.
    pub fn is_answered(&self, name: &str) -> bool {
        let connected = stream_socket().and_then(|socket| Ok(connect(&socket, &self.address(name)?)?));
        // A queue that is full is somebody's.
        connected.is_ok() || connected.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}

fn stream_socket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?)
}
