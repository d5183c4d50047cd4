//! How are manifests read at the start, or only once?

use super::{
    loaded::Loaded,
    manifests::{Load, Manifests},
    paths::{self, Scan},
};
use crate::{FileProblem, Scope, Store};
use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Reads manifests once and computes the Snapshot that the node would serve. Blocks.
pub fn load_manifests(paths: &[PathBuf], scope: &Scope) -> Result<Loaded, FileProblem> {
    load_manifests_with(paths, io::stdin(), scope)
}

/// Reads manifests like [`load_manifests`], with `stdin` in place of standard input.
pub fn load_manifests_with(
    paths: &[PathBuf],
    stdin: impl Read,
    scope: &Scope,
) -> Result<Loaded, FileProblem> {
    let mut manifests = Manifests::new(scope.clone());
    let load = first_load(&mut manifests, paths, &paths::scan(paths), stdin)?;
    let mut store = Store::new(&scope.node_name).with_guards(scope.guards(false));
    load.events.into_iter().for_each(|event| store.apply(event));
    Ok(Loaded { report: load.report, ..Loaded::of(store) })
}

/// Largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Loads the manifests at the start: every path that was named has to be readable.
pub(super) fn first_load(
    manifests: &mut Manifests,
    paths: &[PathBuf],
    scan: &Scan,
    mut stdin: impl Read,
) -> Result<Load, FileProblem> {
    debug_assert_eq!(scan.roots.len(), paths.len());
    let load = manifests.load(scan, &mut |path| {
        if paths::is_stdin(path) { read(&mut stdin) } else { read_file(path) }
    });
    match load.unreadable {
        Some(problem) => Err(problem),
        None => Ok(load),
    }
}

pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    read(File::open(path).map_err(|error| paths::reason(&error))?)
}

fn read(source: impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    source.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|error| paths::reason(&error))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("it is larger than {} MiB", MAX_FILE_BYTES >> 20));
    }
    Ok(bytes)
}
