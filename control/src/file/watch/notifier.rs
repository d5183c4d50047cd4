//! How does weir hear of changes at once? Through inotify, on a thread of `notify`.

use super::{places::Places, settling::Happened};
use notify::{
    ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode, CreateKind, ModifyKind, RenameMode},
    recommended_watcher,
};
use std::{
    collections::HashMap,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};
use tokio::sync::mpsc;

/// Changes that may wait to be looked at.
const CAPACITY: usize = 1024;

/// Identity of a directory that has to be watched anew. Inode 0 is none.
const UNKNOWN: (u64, u64) = (0, 0);

/// Notice of the kernel.
#[derive(Debug)]
pub(super) enum Noticed {
    /// Something happened to a path.
    Change(Happened, PathBuf),
    /// Changes were lost.
    Loss,
    /// There will be no further notices.
    End,
}

/// Watch of directories by the kernel. Dropping it ends its thread.
pub(super) struct Notifier {
    watcher: RecommendedWatcher,
    /// Watched directories, each with its device and inode: another one may come to have its path.
    watched: HashMap<PathBuf, (u64, u64)>,
    shared: Arc<Shared>,
    noticed: mpsc::Receiver<(Happened, PathBuf)>,
}

/// What the thread of `notify` shares with the watch of manifests.
#[derive(Default)]
struct Shared {
    /// Places that matter: a directory such as /tmp has many changes that concern nobody here.
    places: Mutex<Places>,
    /// Whether changes were lost.
    lost: AtomicBool,
}

impl Notifier {
    /// Starts to be notified. An error says why that is not possible here.
    pub(super) fn start() -> Result<Self, String> {
        let (noticing, noticed) = mpsc::channel(CAPACITY);
        let shared = Arc::<Shared>::default();
        let of_thread = Arc::clone(&shared);
        let watcher = recommended_watcher(move |event| of_thread.receive(event, &noticing));
        let watcher = watcher.map_err(|error| reason(&error))?;
        Ok(Self { watcher, watched: HashMap::new(), shared, noticed })
    }

    /// Watches exactly these places. Blocks. Returns why not all changes are noticed there, if so; an error says why none
    /// are.
    pub(super) fn watch(&mut self, places: &Places) -> Result<Option<String>, String> {
        *self.shared.places.lock().unwrap_or_else(PoisonError::into_inner) = places.clone();
        let now: HashMap<PathBuf, (u64, u64)> = places
            .directories()
            .filter_map(|directory| {
                let metadata = fs::metadata(directory).ok()?;
                Some((directory.to_owned(), (metadata.dev(), metadata.ino())))
            })
            .collect();
        let Self { watcher, watched, .. } = self;
        watched.retain(|directory, identity| {
            let stays = now.get(directory) == Some(identity);
            if !stays {
                // The kernel ends the watch of a directory that has gone by itself.
                _ = watcher.unwatch(directory);
            }
            stays
        });
        for (directory, identity) in now {
            if watched.contains_key(&directory) {
                continue;
            }
            match watcher.watch(&directory, RecursiveMode::NonRecursive) {
                // One that has gone meanwhile is noticed as such.
                Ok(()) => drop(watched.insert(directory, identity)),
                Err(error) if is_gone(&error) => {}
                Err(error) => return Err(reason(&error)),
            }
        }
        Ok(watched.keys().find_map(|directory| remote(directory)))
    }

    /// Waits for something to happen at one of the places.
    pub(super) async fn next(&mut self) -> Noticed {
        let noticed = self.noticed.recv().await;
        if self.shared.lost.swap(false, Relaxed) {
            self.watched.values_mut().for_each(|identity| *identity = UNKNOWN);
            return Noticed::Loss;
        }
        let Some((happened, path)) = noticed else { return Noticed::End };
        // A directory that comes to this path again may get the inode that has become free: what was watched is gone.
        if happened == Happened::Gone
            && let Some(identity) = self.watched.get_mut(&path)
        {
            *identity = UNKNOWN;
        }
        Noticed::Change(happened, path)
    }
}

impl Shared {
    /// Receives an event, on the thread of `notify`.
    fn receive(&self, event: notify::Result<Event>, noticing: &mpsc::Sender<(Happened, PathBuf)>) {
        let event = match event {
            Ok(event) if !event.need_rescan() => event,
            _ => {
                self.lost.store(true, Relaxed);
                _ = noticing.try_send((Happened::Changed, PathBuf::new()));
                return;
            }
        };
        let Some(path) = event.paths.first() else { return };
        let Some(happened) = happened(event.kind, path) else { return };
        if !self.places.lock().unwrap_or_else(PoisonError::into_inner).concern(path) {
            return;
        }
        if noticing.try_send((happened, path.clone())).is_err() {
            self.lost.store(true, Relaxed);
        }
    }
}

/// What an event means; `None` if nothing has changed.
fn happened(kind: EventKind, path: &Path) -> Option<Happened> {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(Happened::Complete),
        EventKind::Access(_) => None,
        EventKind::Create(CreateKind::File) if is_being_written(path) => Some(Happened::Written),
        EventKind::Modify(ModifyKind::Data(_)) => Some(Happened::Written),
        EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Some(Happened::Complete),
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) | EventKind::Remove(_) => Some(Happened::Gone),
        EventKind::Create(_) | EventKind::Modify(_) | EventKind::Any | EventKind::Other => {
            Some(Happened::Changed)
        }
    }
}

/// Whether a new file has a writer, as far as one can tell: symlinks and further links to a file have none.
fn is_being_written(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.nlink() == 1)
}

fn is_gone(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::PathNotFound => true,
        ErrorKind::Io(error) => error.kind() == io::ErrorKind::NotFound,
        _ => false,
    }
}

/// Why inotify does not work, and what helps.
fn reason(error: &notify::Error) -> String {
    match &error.kind {
        ErrorKind::MaxFilesWatch => "inotify has no watch left; raise fs.inotify.max_user_watches".to_owned(),
        ErrorKind::Io(error) if error.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error()) => {
            "inotify has no instance left; raise fs.inotify.max_user_instances".to_owned()
        }
        _ => format!("inotify fails: {error}"),
    }
}

/// File systems whose files others may change without this kernel's knowledge, by their magic numbers.
const REMOTE: [(u32, &str); 8] = [
    (0x6969, "NFS"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB"),
    (0x6573_5546, "FUSE"),
    (0x0102_1997, "9p"),
    (0x00c3_6400, "Ceph"),
    (0x5346_414f, "AFS"),
    (0x0bd0_0bd0, "Lustre"),
];

/// Says that a directory is on a file system of which inotify does not notice all changes.
fn remote(directory: &Path) -> Option<String> {
    let magic = rustix::fs::statfs(directory).ok()?.f_type as u32;
    let (_, name) = REMOTE.iter().find(|(known, _)| *known == magic)?;
    Some(format!("{} is on {name}, where others change files without a notice", directory.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_up_is_named_with_the_setting_that_helps() {
        let no_watch = notify::Error::new(ErrorKind::MaxFilesWatch);
        assert!(reason(&no_watch).contains("fs.inotify.max_user_watches"));
        let no_instance = io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error());
        assert!(reason(&notify::Error::io(no_instance)).contains("fs.inotify.max_user_instances"));
    }

    #[test]
    fn reading_is_no_change() {
        let path = Path::new("/a");
        for access in
            [AccessKind::Open(AccessMode::Any), AccessKind::Close(AccessMode::Read), AccessKind::Read]
        {
            assert_eq!(happened(EventKind::Access(access), path), None);
        }
    }
}
