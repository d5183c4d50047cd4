//! How is the connection log set?

use crate::output::logging::LogFormat;
use std::{num::NonZeroU32, path::PathBuf};

/// Settings of the connection log.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConnectionLogOptions {
    /// Place that lines go to; `None` for no log.
    pub(crate) destination: Option<Destination>,
    /// Format of lines.
    pub(crate) format: LogFormat,
    /// Part of all connections and flows that is logged, more than 0 and at most 1.
    pub(crate) sample: f64,
    /// Lines in a second at most.
    pub(crate) rate: NonZeroU32,
}

/// Place that lines go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// Standard output.
    Stdout,
    /// The end of a file, or a FIFO.
    File(PathBuf),
}
