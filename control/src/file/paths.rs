//! Which files do the paths name now, and did one change? Symlinks are followed, as a mounted ConfigMap swaps
//! them.

use std::{
    collections::HashSet,
    fs::{self, Metadata},
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Files that all paths name at one moment, in the order of the paths. Equal scans mean that nothing changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    pub(super) roots: Vec<Root>,
}

/// Files that one path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Root {
    /// The path cannot be read, and why.
    Unreadable(Arc<Path>, String),
    /// A file, or the manifests in a directory.
    Files(Vec<ScannedFile>),
    /// A directory without a manifest, with the number of other files and directories in it.
    Empty(Arc<Path>, usize),
}

/// File that a scan has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ScannedFile {
    pub(super) path: Arc<Path>,
    pub(super) fingerprint: Fingerprint,
}

/// Fingerprint of a file, which differs when the content may differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fingerprint {
    /// Standard input or a named pipe, which is read once.
    Stream,
    /// Regular file; times in seconds and nanoseconds of Unix time.
    File { real: PathBuf, device: u64, inode: u64, modified: (i64, i64), changed: (i64, i64), size: u64 },
}

impl Scan {
    /// The scan with some files as they were in an earlier one: those for which `is_held` says so of the real path. A file
    /// that was not there earlier is not there yet.
    pub(super) fn with_earlier(mut self, earlier: &Self, is_held: impl Fn(&Path) -> bool) -> Self {
        let files = |root: &Root| match root {
            Root::Files(files) => files.clone(),
            Root::Unreadable(..) | Root::Empty(..) => Vec::new(),
        };
        for (index, root) in self.roots.iter_mut().enumerate() {
            let Root::Files(now) = root else { continue };
            if !now.iter().any(|seen| is_held(&identity(seen))) {
                continue;
            }
            let before = earlier.roots.get(index).map(files).unwrap_or_default();
            let held = |seen: ScannedFile| {
                if !is_held(&identity(&seen)) {
                    return Some(seen);
                }
                before.iter().find(|known| known.path == seen.path).cloned()
            };
            *now = std::mem::take(now).into_iter().filter_map(held).collect();
        }
        self
    }
}

/// Whether a path stands for standard input.
pub(super) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// Scans all paths. Blocks.
pub(super) fn scan(paths: &[PathBuf]) -> Scan {
    let mut known = HashSet::new();
    let mut roots = Vec::with_capacity(paths.len());
    for path in paths {
        let root = match scan_path(path) {
            // A file that two paths name is read once.
            Ok((files, others)) if files.is_empty() => Root::Empty(Arc::from(path.as_path()), others),
            Ok((mut files, _)) => {
                files.retain(|seen| known.insert(identity(seen)));
                Root::Files(files)
            }
            Err(error) => Root::Unreadable(Arc::from(path.as_path()), reason(&error)),
        };
        roots.push(root);
    }
    Scan { roots }
}

/// An I/O error in words for an operator.
pub(super) fn reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "no such file or directory".into(),
        ErrorKind::PermissionDenied => "permission denied".into(),
        _ => error.to_string(),
    }
}

fn identity(seen: &ScannedFile) -> PathBuf {
    match &seen.fingerprint {
        Fingerprint::Stream => seen.path.to_path_buf(),
        Fingerprint::File { real, .. } => real.clone(),
    }
}

/// Manifests that a path names, and the number of other things in a directory.
fn scan_path(path: &Path) -> io::Result<(Vec<ScannedFile>, usize)> {
    if is_stdin(path) {
        return Ok((vec![ScannedFile { path: Arc::from(path), fingerprint: Fingerprint::Stream }], 0));
    }
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        return scan_directory(path);
    }
    let fingerprint = if metadata.is_file() { fingerprint(path, &metadata)? } else { Fingerprint::Stream };
    Ok((vec![ScannedFile { path: Arc::from(path), fingerprint }], 0))
}

fn scan_directory(directory: &Path) -> io::Result<(Vec<ScannedFile>, usize)> {
    let (mut files, mut others) = (Vec::new(), 0);
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if !is_manifest(&path) {
            others += usize::from(!is_hidden(&path));
            continue;
        }
        match fs::metadata(&path).and_then(|metadata| {
            Ok(if metadata.is_file() { Some(fingerprint(&path, &metadata)?) } else { None })
        }) {
            Ok(Some(fingerprint)) => files.push(ScannedFile { path: Arc::from(path), fingerprint }),
            Ok(None) => others += 1,
            // A file that was deleted meanwhile, or a link to nowhere, is not there.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok((files, others))
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// Whether a file in a directory is a manifest. Hidden files are not: editors' swap files, and the `..data` of
/// a mounted ConfigMap.
pub(super) fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    !is_hidden(path) && matches!(extension, Some("yaml" | "yml" | "json"))
}

fn fingerprint(path: &Path, metadata: &Metadata) -> io::Result<Fingerprint> {
    Ok(Fingerprint::File {
        real: fs::canonicalize(path)?,
        device: metadata.dev(),
        inode: metadata.ino(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
        size: metadata.size(),
    })
}
