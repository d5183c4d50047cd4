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
        /// Number of the worker.
        worker: usize,
        /// Error of the system.
        source: io::Error,
    },
    /// Capture sockets need a capability that this process lacks.
    #[error(
        "node mode needs the capability CAP_NET_ADMIN (run as root, or give it to the container's securityContext)"
    )]
    NotPermitted(#[source] io::Error),
    /// Capture sockets could not be opened for another reason.
    #[error("cannot open the sockets on localhost that receive captured packets")]
    CaptureSockets(#[source] io::Error),
    /// Too few descriptors for the capture sockets.
    #[error("too few descriptors for the sockets that receive captured packets; raise the limit (ulimit -n)")]
    Descriptors,
    /// The clock's thread could not be started.
    #[error("cannot start the clock's thread; is the limit of threads reached (ulimit -u)?")]
    Clock(#[source] io::Error),
    /// The thread that asks the kernel about peers, or its socket, could not be started.
    #[error(
        "cannot begin to ask the kernel about silent peers; is the limit of threads or descriptors reached (ulimit -u, -n)?"
    )]
    Peers(#[source] io::Error),
    /// The thread that closes the sockets of logged connections could not be started.
    #[error(
        "cannot start the thread that closes logged connections; is the limit of threads reached (ulimit -u)?"
    )]
    Closing(#[source] io::Error),
}
