//! How is a result printed?

use anyhow::Context;
use std::io::{self, ErrorKind, Write};

/// Reader of standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// A reader that may be there.
    There,
    /// A reader that has closed its end, as in `weir ... | head`. That is no failure.
    Gone,
}

/// Prints a text to standard output.
pub(crate) fn print(text: &str) -> anyhow::Result<Reader> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(Reader::There),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(error).context("cannot write to standard output"),
    }
}
