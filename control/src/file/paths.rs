//! Which files do the paths name now, and did one change? ScannedFile through symlinks, as a mounted ConfigMap swaps them.

use std::{
    collections::HashSet,
    fs::{self, Metadata},
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// What all paths name at one moment, in their order. Equal looks mean that nothing changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    pub(super) roots: Vec<Root>,
}

/// What one path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Root {
    /// The path cannot be looked at, and why.
    Unreadable(Arc<Path>, String),
    /// A file, or the manifests in a directory.
    Files(Vec<ScannedFile>),
}

/// A file that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ScannedFile {
    pub(super) path: Arc<Path>,
    pub(super) fingerprint: Fingerprint,
}

/// Differs when a file's content may differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fingerprint {
    /// Standard input, or a pipe that was named: it is read once.
    Stream,
    /// A regular file.
    File { real: PathBuf, device: u64, inode: u64, modified: (i64, i64), changed: (i64, i64), size: u64 },
}

/// The path of standard input.
pub(super) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// Looks at all paths. Blocks.
pub(super) fn scan(paths: &[PathBuf]) -> Scan {
    let mut known = HashSet::new();
    let mut roots = Vec::with_capacity(paths.len());
    for path in paths {
        let root = match scan_path(path) {
            // A file that two paths name is read once.
            Ok(mut files) => {
                files.retain(|seen| known.insert(identity(seen)));
                Root::Files(files)
            }
            Err(error) => Root::Unreadable(Arc::from(path.as_path()), reason(&error)),
        };
        roots.push(root);
    }
    Scan { roots }
}

/// An I/O error in words.
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

fn scan_path(path: &Path) -> io::Result<Vec<ScannedFile>> {
    if is_stdin(path) {
        return Ok(vec![ScannedFile { path: Arc::from(path), fingerprint: Fingerprint::Stream }]);
    }
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        return scan_directory(path);
    }
    let fingerprint = if metadata.is_file() { fingerprint(path, &metadata)? } else { Fingerprint::Stream };
    Ok(vec![ScannedFile { path: Arc::from(path), fingerprint }])
}

fn scan_directory(directory: &Path) -> io::Result<Vec<ScannedFile>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if !is_manifest(&path) {
            continue;
        }
        match fs::metadata(&path).and_then(|metadata| {
            Ok(if metadata.is_file() { Some(fingerprint(&path, &metadata)?) } else { None })
        }) {
            Ok(Some(fingerprint)) => files.push(ScannedFile { path: Arc::from(path), fingerprint }),
            Ok(None) => {}
            // It went between the listing and the look, or its link points nowhere: it is not there.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// Hidden files are skipped: editors' swap files, and the `..data` of a mounted ConfigMap.
fn is_manifest(path: &Path) -> bool {
    let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
    let extension = path.extension().and_then(|extension| extension.to_str());
    !hidden && matches!(extension, Some("yaml" | "yml" | "json"))
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
