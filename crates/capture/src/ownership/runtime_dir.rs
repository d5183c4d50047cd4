//! Where do weirs of one host find each other? In a folder that only their user can write to.

mod leftovers;
mod streams;

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use rustix::{
    fs::{
        AtFlags, FlockOperation, Mode, OFlags, Stat, chmodat, fchmod, flock, fstat, openat, renameat, stat,
        statat,
    },
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with},
    process::geteuid,
};
use std::{
    env,
    ffi::OsString,
    fs::DirBuilder,
    io,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::fs::DirBuilderExt,
    },
    path::{Path, PathBuf},
};

/// Rights that others must not have: to add, remove or replace files.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// In a folder with this bit others cannot remove or replace what is not theirs (inode(7)).
const STICKY: u32 = 0o1000;

/// Connections that may wait until a weir accepts them.
const BACKLOG: i32 = 16;

/// Attempts to lock a file that somebody else keeps replacing.
const MAX_LOCK_ATTEMPTS: usize = 8;

/// A folder for sockets and locks of the weirs of one user. Its files have the number of the network namespace in their
/// names, as weirs of several namespaces may share the folder.
#[derive(Debug)]
pub struct RuntimeDir {
    path: PathBuf,
    folder: OwnedFd,
    /// Inode of the network namespace.
    network: u64,
}

/// Reason why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {} as the runtime directory: {why}", path.display())]
pub struct RuntimeDirError {
    path: PathBuf,
    why: String,
}

impl RuntimeDir {
    /// The folder where no flag names one: `/run/weir` as root, else in `$XDG_RUNTIME_DIR`; `None` without that.
    pub fn default_path() -> Option<PathBuf> {
        default_path_for(geteuid().is_root(), env::var_os("XDG_RUNTIME_DIR"))
    }

    /// Opens the folder, and creates it if it is missing. A folder of this user that others may read is closed to them.
    ///
    /// # Errors
    /// When the folder cannot be created or written to, is not this user's, or when others may write to it or replace it.
    pub fn open(path: &Path) -> Result<Self, RuntimeDirError> {
        let runtime_dir = Self::open_for_sockets(path)?;
        runtime_dir.open_lock_file().map_err(|error| RuntimeDirError {
            path: path.to_owned(),
            why: format!("no file can be made there: {error}"),
        })?;
        Ok(runtime_dir)
    }

    /// Opens the folder as [`Self::open`] does, for a weir that needs no lock.
    ///
    /// # Errors
    /// When the folder cannot be created, is not this user's, or when others may write to it or replace it.
    pub fn open_for_sockets(path: &Path) -> Result<Self, RuntimeDirError> {
        let failed = |why: String| RuntimeDirError { path: path.to_owned(), why };
        let created = DirBuilder::new().recursive(true).mode(0o700).create(path);
        created.map_err(|error| failed(format!("it cannot be created: {error}")))?;
        Self::of(path).map_err(failed)
    }

    /// Opens the folder to look for weirs; `None` if there is none that can be trusted.
    pub fn find(path: &Path) -> Option<Self> {
        Self::of(path).ok()
    }

    fn of(path: &Path) -> Result<Self, String> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| match error {
            Errno::NOTDIR | Errno::LOOP => "it is no folder, or a symbolic link to one".to_owned(),
            error => format!("it cannot be opened: {}", io::Error::from(error)),
        })?;
        let found = fstat(&folder).map_err(|error| io::Error::from(error).to_string())?;
        judge(&found, geteuid().as_raw())?;
        if found.st_mode & 0o077 != 0 {
            fchmod(&folder, Mode::from_raw_mode(0o700)).map_err(|error| {
                format!("it is open to others, and that cannot be changed: {}", io::Error::from(error))
            })?;
        }
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            let found = stat(parent).map_err(|error| io::Error::from(error).to_string())?;
            judge_parent(&found, geteuid().as_raw())
                .map_err(|why| format!("{why} ({})", parent.display()))?;
        }
        let network = stat("/proc/thread-self/ns/net")
            .map_err(|error| {
                format!("/proc does not tell the network namespace: {}", io::Error::from(error))
            })?
            .st_ino;
        Ok(Self { path: path.to_owned(), folder, network })
    }

    /// Path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the lock of this network namespace: the returned file has it until the last duplicate is closed. `None` while
    /// another process has it.
    pub(super) fn lock(&self) -> io::Result<Option<OwnedFd>> {
        for _ in 0..MAX_LOCK_ATTEMPTS {
            let file = self.open_lock_file()?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
            // Somebody may have removed the file since it was opened: that lock would keep nobody out.
            if self.is_named(&file, &self.lock_name())? {
                return Ok(Some(file));
            }
        }
        Err(io::Error::other("the lock file in the runtime directory is replaced again and again"))
    }

    /// Whether an open file is the one that has this name now.
    fn is_named(&self, file: &OwnedFd, name: &str) -> io::Result<bool> {
        let (opened, named) = (fstat(file)?, statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW));
        Ok(named.is_ok_and(|named| named.st_ino == opened.st_ino))
    }

    fn lock_name(&self) -> String {
        format!("capture-{}.lock", self.network)
    }

    fn open_lock_file(&self) -> io::Result<OwnedFd> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(openat(&self.folder, self.lock_name(), flags, Mode::from_raw_mode(0o600))?)
    }

    /// Listens on the socket of this name, in place of whoever did before. The socket keeps the boundaries of messages and
    /// does not block.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn listen(&self, name: &str) -> io::Result<OwnedFd> {
        let socket = message_socket()?;
        self.name_socket(&socket, &self.socket_name(name))?;
        Ok(socket)
    }

    /// Listens on a socket, under a name in place of whoever did before.
    fn name_socket(&self, socket: &OwnedFd, name: &str) -> io::Result<()> {
        let new = format!("{name}.{}", std::process::id());
        // Left by a process of this number that was killed just then.
        let _ = rustix::fs::unlinkat(&self.folder, &new, AtFlags::empty());
        bind(socket, &self.address(&new)?)?;
        listen(socket, BACKLOG)?;
        chmodat(&self.folder, &new, Mode::from_raw_mode(0o600), AtFlags::empty())?;
        renameat(&self.folder, &new, &self.folder, name)?;
        Ok(())
    }

    /// Connects to the socket of this name.
    ///
    /// # Errors
    /// When nobody listens there, or somebody of another user does.
    pub fn connect(&self, name: &str) -> io::Result<OwnedFd> {
        let socket = message_socket()?;
        connect(&socket, &self.address(&self.socket_name(name))?)?;
        match is_trusted_peer(&socket) {
            true => Ok(socket),
            false => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }

    fn socket_name(&self, name: &str) -> String {
        format!("{name}-{}.sock", self.network)
    }

    /// Address of a socket in the opened folder, wherever that is now. It also fits where the path is too long for one.
    fn address(&self, name: &str) -> io::Result<SocketAddrUnix> {
        Ok(SocketAddrUnix::new(format!("/proc/self/fd/{}/{name}", self.folder.as_raw_fd()))?)
    }
}

/// Whether the process at the other end of a Unix socket is root's or this user's. It may be outside this PID namespace, as in
/// another Pod.
pub fn is_trusted_peer(socket: &impl AsFd) -> bool {
    // Not by rustix: the kernel gives such a process the number 0, and rustix' type has no room for it.
    getsockopt(socket, PeerCredentials).is_ok_and(|peer| peer.uid() == 0 || peer.uid() == geteuid().as_raw())
}

fn message_socket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?)
}

fn default_path_for(root: bool, runtime_dir: Option<OsString>) -> Option<PathBuf> {
    if root {
        return Some("/run/weir".into());
    }
    // The XDG base directory specification has relative paths ignored.
    runtime_dir.map(PathBuf::from).filter(|path| path.is_absolute()).map(|path| path.join("weir"))
}

/// Whether a folder is this user's and nobody else's.
fn judge(found: &Stat, user: u32) -> Result<(), String> {
    if found.st_uid != user {
        return Err(format!("it belongs to user {}, and weir runs as user {user}", found.st_uid));
    }
    if found.st_mode & WRITABLE_BY_OTHERS != 0 {
        return Err(format!("others may write to it (mode {:o}); chmod 0700", found.st_mode & 0o7777));
    }
    Ok(())
}

/// Whether nobody else can put another folder in the place of one in this folder.
fn judge_parent(found: &Stat, user: u32) -> Result<(), String> {
    let (is_trusted, is_sticky) = (found.st_uid == 0 || found.st_uid == user, found.st_mode & STICKY != 0);
    match is_trusted && (found.st_mode & WRITABLE_BY_OTHERS == 0 || is_sticky) {
        true => Ok(()),
        false => Err("the folder around it is another user's, or others may write to it".to_owned()),
    }
}

#[cfg(test)]
mod tests;
