//! How are files kept in a folder so that they are whole after any crash, and written by one weir only?

use super::format::MAX_FILE_BYTES;
use rustix::{fs::OFlags, io::Errno};
use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// Name of the state file.
const STATE: &str = "state";

/// Folder with the state file and others, written by the holder of the folder's lock.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    file: PathBuf,
    /// Locked file. The kernel unlocks it when it is dropped, or the process ends in whatever way.
    lock: Mutex<Option<File>>,
}

/// Reason why a state file cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("it is not a regular file")]
    NotAFile,
    #[error("it is larger than {} MiB", .0 >> 20)]
    TooLarge(u64),
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
}

/// Reason why nothing was written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("another weir holds {} and saves there", .0.display())]
    InUse(PathBuf),
    #[error("cannot {what} {}: {source}", path.display())]
    Failed { what: &'static str, path: PathBuf, source: io::Error },
}

impl Folder {
    pub(crate) fn new(path: PathBuf) -> Self {
        let file = path.join(STATE);
        Self { path, file, lock: Mutex::default() }
    }

    /// Path of the state file.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Path of a file of this name.
    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Reads the state file; `None` when there is none.
    pub(super) fn read(&self) -> Result<Option<Vec<u8>>, ReadError> {
        self.read_file(STATE, MAX_FILE_BYTES)
    }

    /// Reads a file of at most `most` bytes; `None` when there is none. Anything else in its place neither blocks nor is
    /// followed.
    pub(super) fn read_file(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>, ReadError> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let path = self.path_of(name);
        let opened = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path);
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if Errno::from_io_error(&error) == Some(Errno::LOOP) => {
                return Err(ReadError::NotAFile);
            }
            Err(error) => return Err(error.into()),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(ReadError::NotAFile);
        }
        if metadata.len() > most {
            return Err(ReadError::TooLarge(most));
        }
        let mut bytes = Vec::with_capacity(metadata.len() as usize);
        file.take(most).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Replaces the state file by `bytes`, or leaves it as it was. The bytes are on disk when this returns.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<(), WriteError> {
        self.write_file(STATE, bytes)
    }

    /// Replaces a file by `bytes`, or leaves it as it was. The bytes are on disk when this returns.
    pub(super) fn write_file(&self, name: &str, bytes: &[u8]) -> Result<(), WriteError> {
        self.lock()?;
        let (file_path, new) = (self.path_of(name), self.path.join(format!("{name}.new")));
        // An interrupted write may have left a file; a link may be a trap.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("remove", &new)(error));
            }
            _ => {}
        }
        let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new);
        let mut file = created.map_err(failed("create", &new))?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed("write", &new))?;
        fs::rename(&new, &file_path).map_err(failed("replace", &file_path))?;
        let synced = File::open(&self.path).and_then(|folder| folder.sync_all());
        synced.map_err(failed("write", &self.path))
    }

    /// Creates the folder if it is missing, and takes its lock unless that is held already.
    pub(super) fn lock(&self) -> Result<(), WriteError> {
        let created = DirBuilder::new().recursive(true).mode(0o700).create(&self.path);
        created.map_err(failed("create", &self.path))?;
        let mut held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_some() {
            return Ok(());
        }
        let path = self.path.join("lock");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = options.custom_flags(flags.bits() as i32).open(&path).map_err(failed("open", &path))?;
        match file.try_lock() {
            Ok(()) => *held = Some(file),
            Err(TryLockError::WouldBlock) => return Err(WriteError::InUse(path)),
            Err(TryLockError::Error(error)) => return Err(failed("lock", &path)(error)),
        }
        Ok(())
    }
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> WriteError {
    let path = path.to_owned();
    move |source| WriteError::Failed { what, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        os::unix::fs::{PermissionsExt, symlink},
        process,
        sync::atomic::{AtomicU32, Ordering},
    };

    /// Path where nothing is yet; removed when dropped.
    struct TemporaryPath(PathBuf);

    impl TemporaryPath {
        fn new() -> Self {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            Self(std::env::temp_dir().join(format!("weir-folder-{}-{number}", process::id())))
        }

        fn folder(&self) -> Folder {
            Folder::new(self.0.join("in/it"))
        }
    }

    impl Drop for TemporaryPath {
        fn drop(&mut self) {
            _ = fs::remove_dir_all(&self.0);
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_was_written_is_read_by_its_owner_only() {
        let temporary = TemporaryPath::new();
        let folder = temporary.folder();
        assert!(folder.read().unwrap().is_none());
        for bytes in [&b"first, longer"[..], b"second"] {
            folder.write(bytes).unwrap();
            assert_eq!(folder.read().unwrap().as_deref(), Some(bytes));
        }
        assert_eq!(mode(folder.file()), 0o600);
        assert_eq!((mode(&folder.path), mode(&temporary.0)), (0o700, 0o700), "parents, too");
        let mut names: Vec<_> =
            fs::read_dir(&folder.path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["lock", "state"]);
    }

    #[test]
    fn the_second_of_two_neither_writes_nor_disturbs_until_the_first_is_gone() {
        let temporary = TemporaryPath::new();
        let [first, second] = [(); 2].map(|()| temporary.folder());
        first.write(b"first").unwrap();
        assert!(matches!(second.write(b"second"), Err(WriteError::InUse(_))));
        assert_eq!(second.read().unwrap().as_deref(), Some(&b"first"[..]));
        drop(first);
        second.write(b"second").unwrap();
        assert_eq!(second.read().unwrap().as_deref(), Some(&b"second"[..]));
    }

    #[test]
    fn what_is_no_regular_file_is_refused_at_once() {
        let temporary = TemporaryPath::new();
        let folder = temporary.folder();
        folder.write(b"real").unwrap();
        let real = folder.path.join("real");
        fs::rename(folder.file(), &real).unwrap();
        symlink(&real, folder.file()).unwrap();
        assert!(matches!(folder.read(), Err(ReadError::NotAFile)));
        fs::remove_file(folder.file()).unwrap();
        let made = process::Command::new("mkfifo").arg(folder.file()).status().unwrap();
        assert!(made.success());
        assert!(matches!(folder.read(), Err(ReadError::NotAFile)), "nobody writes, and nobody waits");
        fs::remove_file(folder.file()).unwrap();
        fs::create_dir(folder.file()).unwrap();
        assert!(matches!(folder.read(), Err(ReadError::NotAFile)));
        let refused = folder.write(b"next").unwrap_err().to_string();
        assert!(refused.contains("cannot replace") && refused.contains("in/it/state"), "{refused}");
    }

    #[test]
    fn a_file_that_is_too_large_is_not_read() {
        let temporary = TemporaryPath::new();
        let folder = temporary.folder();
        folder.write(b"").unwrap();
        File::options().write(true).open(folder.file()).unwrap().set_len(MAX_FILE_BYTES + 1).unwrap();
        assert!(matches!(folder.read(), Err(ReadError::TooLarge(_))));
    }

    #[test]
    fn a_trap_in_place_of_the_new_file_is_not_followed() {
        let temporary = TemporaryPath::new();
        let folder = temporary.folder();
        folder.lock().unwrap();
        let victim = temporary.0.join("victim");
        fs::write(&victim, "precious").unwrap();
        symlink(&victim, folder.path.join("state.new")).unwrap();
        folder.write(b"state").unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
        assert_eq!(folder.read().unwrap().as_deref(), Some(&b"state"[..]));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let temporary = TemporaryPath::new();
        fs::create_dir(&temporary.0).unwrap();
        fs::write(temporary.0.join("in"), "a file").unwrap();
        let said = temporary.folder().write(b"state").unwrap_err().to_string();
        assert!(said.contains("cannot create") && said.contains("in/it"), "{said}");
        assert!(temporary.folder().read().is_err());
    }
}
