//! What can go wrong with the data plane as a whole? (A connection does not fail; it ends with a [`Closed`](crate::Closed).)

use std::io;

/// A failure of the data plane as a whole.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A worker thread could not be started.
    #[error(
        "cannot start worker thread {worker}; is the limit of threads or descriptors reached (ulimit -u, -n)?"
    )]
    Worker {
        /// Which one.
        worker: usize,
        /// What the system says.
        source: io::Error,
    },
    /// The sockets that receive captured packets may not be opened.
    #[error(
        "node mode needs the capability CAP_NET_ADMIN (run as root, or give it to the container's securityContext)"
    )]
    NotPermitted(#[source] io::Error),
    /// They could not be opened for another reason.
    #[error("cannot open the sockets on localhost that receive captured packets")]
    CaptureSockets(#[source] io::Error),
    /// There are too few descriptors for them.
    #[error("too few descriptors for the sockets that receive captured packets; raise the limit (ulimit -n)")]
    Descriptors,
    /// The thread that tells the workers the time could not be started.
    #[error("cannot start the clock's thread; is the limit of threads reached (ulimit -u)?")]
    Clock(#[source] io::Error),
}
