//! Where do lines of the connection log go, and what if the place is full, gone or not read?

use super::options::Destination;
use anyhow::Context;
use rustix::{
    fs::OFlags,
    io::{Errno, ioctl_fionbio},
};
use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::{
        fd::AsFd,
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::Path,
};

/// Access to a file that is created: lines name clients.
const MODE: u32 = 0o640;

/// Place that lines go to, open or to be opened.
#[derive(Debug)]
pub(super) struct Output {
    destination: Destination,
    file: Option<File>,
    /// Whether a line was cut by a failure.
    is_cut: bool,
}

impl Output {
    /// Opens the place. A FIFO without a reader is opened later, when somebody reads.
    ///
    /// # Errors
    /// Says what to do.
    pub(super) fn open(destination: Destination) -> anyhow::Result<Self> {
        let file = match &destination {
            // Not locked, unlike by print!: a reader that pauses holds up nobody else.
            Destination::Stdout => {
                let stdout = io::stdout().as_fd().try_clone_to_owned();
                Some(File::from(stdout.context("cannot write the connection log to standard output")?))
            }
            Destination::File(path) => match open(path) {
                Ok(file) => Some(file),
                Err(error) if has_no_reader(&error) => {
                    tracing::warn!(path = %path.display(), "nobody reads the FIFO of --connection-log yet; lines are lost until somebody does");
                    None
                }
                Err(error) => {
                    let advice = advice(path, &error);
                    return Err(error).with_context(|| {
                        format!("cannot open the file of --connection-log, {}; {advice}", path.display())
                    });
                }
            },
        };
        Ok(Self { destination, file, is_cut: false })
    }

    /// Writes whole lines. After a failure some of them may have been written, the last one in part; the next call opens
    /// the file again.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut file = match (self.file.take(), &self.destination) {
            (Some(file), _) => file,
            (None, Destination::File(path)) => open(path)?,
            (None, Destination::Stdout) => return Err(ErrorKind::BrokenPipe.into()),
        };
        if self.is_cut {
            file.write_all(b"\n")?;
            self.is_cut = false;
        }
        let written = write_all(&mut file, lines);
        if let Err((count, _)) = &written {
            self.is_cut = *count > 0 && !lines[..*count].ends_with(b"\n");
        }
        if written.is_ok() || self.destination == Destination::Stdout {
            self.file = Some(file);
        }
        written.map_err(|(_, error)| error)
    }

    /// Has the file opened again by the next write. Standard output stays.
    pub(super) fn close(&mut self) {
        if let Destination::File(_) = self.destination {
            self.file = None;
        }
    }

    /// Closes a file that was moved away or deleted.
    pub(super) fn close_if_moved(&mut self) {
        let (Destination::File(path), Some(file)) = (&self.destination, &self.file) else { return };
        let is_moved = match (path.metadata(), file.metadata()) {
            (Ok(there), Ok(open)) => (there.dev(), there.ino()) != (open.dev(), open.ino()),
            (Err(error), _) => error.kind() == ErrorKind::NotFound,
            (Ok(_), Err(_)) => false,
        };
        if is_moved {
            self.file = None;
        }
    }
}

/// Writes everything, or fails with the number of bytes that were written.
fn write_all(file: &mut File, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
    let mut count = 0;
    while count < bytes.len() {
        match file.write(&bytes[count..]) {
            Ok(0) => return Err((count, ErrorKind::WriteZero.into())),
            Ok(written) => count += written,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err((count, error)),
        }
    }
    Ok(())
}

/// Opens a file for what is added at its end, without waiting for the reader of a FIFO.
fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(MODE)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)?;
    // From here on a reader may take its time: nobody waits for the thread that writes.
    ioctl_fionbio(&file, false)?;
    Ok(file)
}

/// Whether the file is a FIFO that nobody reads (fifo(7)).
fn has_no_reader(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::NXIO)
}

fn advice(path: &Path, error: &io::Error) -> String {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match error.kind() {
        ErrorKind::NotFound => format!(
            "make its folder first (mkdir -p {}), and one that stays if weir runs in a container",
            folder.display()
        ),
        ErrorKind::PermissionDenied => format!("let weir's user write to {}", folder.display()),
        ErrorKind::IsADirectory => "name a file in that folder".to_owned(),
        ErrorKind::ReadOnlyFilesystem => "name a file on a file system that can be written".to_owned(),
        _ => "name another file, or stdout".to_owned(),
    }
}

#[cfg(test)]
mod tests;
