//! What have weirs left in the runtime directory that no longer run?

use super::RuntimeDir;
use rustix::{
    fs::{AtFlags, Dir, FlockOperation, Mode, OFlags, flock, openat, unlinkat},
    io::Errno,
};
use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

impl RuntimeDir {
    /// Removes each lock file that no weir holds, of whichever network namespace, and the sockets beside it,
    /// and sockets for operators that nobody listens at; returns the number
    /// of files. The folder stays, which a weir may have opened.
    ///
    /// A lock file goes while it is locked here. Who had opened it before, and gets its lock afterwards, finds that the file has
    /// lost its name, and opens the one that has it ([`lock`](Self::lock)): no two ever hold the lock.
    pub(crate) fn remove_leftovers(&self) -> io::Result<usize> {
        let names = self.names()?;
        let mut removed = 0;
        for lock_name in &names {
            let Some(network) = network_of(lock_name) else { continue };
            let Some(_locked) = self.lock_if_left(lock_name)? else { continue };
            let socket = format!("-{network}.sock");
            // The lock file last: until then nobody else has this lock, hence no socket of this name.
            for name in names.iter().filter(|name| name.contains(&socket)).chain([lock_name]) {
                match unlinkat(&self.folder, name.as_str(), AtFlags::empty()) {
                    Ok(()) => removed += 1,
                    Err(Errno::NOENT) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        for name in names.iter().filter(|name| is_admin_socket(name)) {
            if !self.is_answered(name) && unlinkat(&self.folder, name.as_str(), AtFlags::empty()).is_ok() {
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Takes the lock of a file that is there; `None` if somebody has it, or has removed the file meanwhile.
    fn lock_if_left(&self, name: &str) -> io::Result<Option<OwnedFd>> {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&self.folder, name, flags, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(None),
            opened => opened?,
        };
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => return Ok(None),
            locked => locked?,
        }
        Ok(self.is_named(&file, name)?.then_some(file))
    }

    /// Names of all files.
    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(self.folder.as_fd())? {
            names.extend(entry?.file_name().to_str().ok().map(str::to_owned));
        }
        Ok(names)
    }
}

/// Number of the network namespace that a lock file is for; `None` for other files.
fn network_of(name: &str) -> Option<u64> {
    name.strip_prefix("capture-")?.strip_suffix(".lock")?.parse().ok()
}

/// Whether a file is a socket through which operators speak to a weir.
fn is_admin_socket(name: &str) -> bool {
    name.starts_with("admin") && name.ends_with(".sock")
}
