//! What did a test make the program log?

use std::{
    io,
    sync::{Mutex, PoisonError},
};

/// Writer that keeps what is written to it: log lines, for one. Share it in an `Arc`.
#[derive(Debug, Default)]
pub struct LoggedText(Mutex<Vec<u8>>);

impl LoggedText {
    /// All that was written so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl io::Write for &LoggedText {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
