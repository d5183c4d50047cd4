//! What can go wrong with the data plane as a whole? (A connection does not fail; it ends with a [`crate::Closed`].)

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
    /// The thread that tells the workers the time could not be started.
    #[error("cannot start the clock's thread; is the limit of threads reached (ulimit -u)?")]
    Clock(#[source] io::Error),
}
