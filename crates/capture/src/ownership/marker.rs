//! Is a weir known to the kernel in this network namespace, whatever folder it uses? By an abstract Unix socket.
//!
//! Abstract names belong to one network namespace and vanish with their process, but any user may take one. So only root and
//! this user count: who else has the name is passed over.

use super::runtime_dir::is_trusted_peer;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use std::{
    io::{self, ErrorKind},
    os::{linux::net::SocketAddrExt, unix::net::SocketAddr, unix::net::UnixListener},
};

/// Abstract name that a running weir holds.
pub(super) const MARKER: &str = "weir/capture";

/// Clients whose places in the queue are given back at once, at most.
const MAX_QUEUED: usize = 128;

/// The name in the kernel, given back when dropped.
#[derive(Debug)]
pub(super) struct Marker(UnixListener);

/// Who has the name.
#[derive(Debug)]
pub(super) enum MarkerState {
    /// This process, from now on.
    Taken(Marker),
    /// A process of root or of this user: another weir.
    Held,
    /// A process of another user, or one that cannot be asked.
    Squatted,
}

impl Marker {
    /// Takes the name unless somebody has it.
    pub(super) fn acquire(name: &str) -> io::Result<MarkerState> {
        match UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?) {
            Ok(listener) => {
                listener.set_nonblocking(true)?;
                Ok(MarkerState::Taken(Self(listener)))
            }
            Err(error) if error.kind() == ErrorKind::AddrInUse => match asks_trusted(name) {
                Ok(true) => Ok(MarkerState::Held),
                Ok(false) | Err(_) => Ok(MarkerState::Squatted),
            },
            Err(error) => Err(error),
        }
    }

    /// Gives back the places in the queue of those who have looked.
    pub(super) fn drain(&self) {
        for _ in 0..MAX_QUEUED {
            if self.0.accept().is_err() {
                return;
            }
        }
    }
}

/// Whether root or this user listens under a name. Does not wait: a full queue may be meant to make it wait.
fn asks_trusted(name: &str) -> io::Result<bool> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &SocketAddrUnix::new_abstract_name(name.as_bytes())?)?;
    Ok(is_trusted_peer(&socket))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::bind;

    fn name(role: &str) -> String {
        format!("weir/test-{}-{role}", std::process::id())
    }

    #[test]
    fn a_name_that_this_user_holds_is_another_weirs_and_is_free_with_its_end() {
        let name = name("held");
        let MarkerState::Taken(marker) = Marker::acquire(&name).unwrap() else { panic!("the name is free") };
        for _ in 0..2 * MAX_QUEUED {
            assert!(matches!(Marker::acquire(&name).unwrap(), MarkerState::Held));
            marker.drain();
        }
        drop(marker);
        assert!(matches!(Marker::acquire(&name).unwrap(), MarkerState::Taken(_)));
    }

    #[test]
    fn nobody_waits_for_who_holds_a_name_and_does_not_listen() {
        let name = name("mute");
        let mute = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        bind(&mute, &SocketAddrUnix::new_abstract_name(name.as_bytes()).unwrap()).unwrap();
        assert!(matches!(Marker::acquire(&name).unwrap(), MarkerState::Squatted));
    }
}
