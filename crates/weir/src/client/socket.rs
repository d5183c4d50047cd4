//! Where is the admin socket of a weir on this host?

use std::{
    env, fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
};

/// Network namespace of this process, and that of the first one.
const NAMESPACES: [&str; 2] = ["/proc/self/ns/net", "/proc/1/ns/net"];

/// Folders that are looked into for other weirs at most: one for each user of a host.
const MAX_FOLDERS: usize = 64;

/// Files of a folder that are looked at at most.
const MAX_FILES: usize = 1024;

/// Place of an admin socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AdminSocket {
    path: PathBuf,
}

impl AdminSocket {
    /// Socket at a path.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Socket of the weir in this network namespace that has this runtime directory: weirs of several namespaces may share it.
    pub(crate) fn in_runtime_dir(folder: &Path) -> Self {
        let [own, first] = NAMESPACES.map(|path| fs::metadata(path).map(|found| found.ino()).ok());
        Self { path: folder.join(name(own, first, |name| folder.join(name).exists())) }
    }

    /// Path of the socket.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Sockets of other weirs, in the same folder and where weirs have theirs by default.
    pub(crate) fn others(&self) -> Vec<PathBuf> {
        let users = fs::read_dir("/run/user").into_iter().flatten().flatten().take(MAX_FOLDERS);
        let users = users.map(|user| user.path().join("weir"));
        let runtime = env::var_os("XDG_RUNTIME_DIR").map(|folder| PathBuf::from(folder).join("weir"));
        let known = [self.path.parent().map(Path::to_owned), Some("/run/weir".into()), runtime];
        let mut found: Vec<PathBuf> =
            known.into_iter().flatten().chain(users).flat_map(|folder| sockets(&folder)).collect();
        found.retain(|path| *path != self.path);
        found.sort();
        found.dedup();
        found
    }
}

/// Name of the socket in a runtime directory, for a process whose network namespace has the inode `own`, where the first
/// process has that of `first`. Whoever may not look at the first process takes the name of its own namespace if it is there.
fn name(own: Option<u64>, first: Option<u64>, is_there: impl Fn(&str) -> bool) -> String {
    let plain = "admin.sock".to_owned();
    let Some(own) = own.filter(|own| Some(*own) != first) else { return plain };
    let named = format!("admin-{own}.sock");
    if first.is_some() || is_there(&named) { named } else { plain }
}

/// Admin sockets in a folder.
fn sockets(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().take(MAX_FILES);
    let is_admin_socket = |entry: &fs::DirEntry| -> io::Result<bool> {
        let name = entry.file_name();
        let is_named = name.to_str().is_some_and(|name| name.starts_with("admin") && name.ends_with(".sock"));
        Ok(is_named && entry.file_type()?.is_socket())
    };
    files.filter(|entry| is_admin_socket(entry).unwrap_or(false)).map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_named_by_the_network_namespace_unless_that_is_the_first_processs() {
        let nothing = |_: &str| false;
        assert_eq!(name(Some(7), Some(7), nothing), "admin.sock");
        assert_eq!(name(Some(8), Some(7), nothing), "admin-8.sock");
        assert_eq!(name(None, None, nothing), "admin.sock");
        // Without the right to look at the first process.
        assert_eq!(name(Some(8), None, nothing), "admin.sock");
        assert_eq!(name(Some(8), None, |name| name == "admin-8.sock"), "admin-8.sock");
    }
}
