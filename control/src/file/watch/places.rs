//! Which directories have to be watched to notice every change of what the paths name? A path leads through symlinks, and
//! what it names may not be there yet.

use super::super::paths::{is_manifest, is_stdin};
use std::{
    collections::{HashMap, HashSet},
    ffi::{OsStr, OsString},
    fs, io,
    path::{Component, Path, PathBuf},
};

/// Symlinks on the way of one path, as many as Linux follows.
const MAX_SYMLINKS: usize = 40;

/// Directories to watch, by their real paths, with the names in each that matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places(HashMap<PathBuf, Names>);

/// Names in a directory that matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Names {
    /// Whether all manifests matter.
    manifests: bool,
    single: HashSet<OsString>,
}

impl Places {
    /// Finds the places of all paths. Blocks.
    pub(super) fn of(paths: &[PathBuf]) -> Self {
        let mut places = Self::default();
        for path in paths.iter().filter(|path| !is_stdin(path)) {
            if let Some(directory) = places.walk(path).filter(|real| real.is_dir()) {
                places.0.entry(directory.clone()).or_default().manifests = true;
                _ = places.walk_links(&directory);
            }
        }
        places
    }

    /// The directories.
    pub(super) fn directories(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether something that happened to a path may change what is read.
    pub(super) fn concern(&self, path: &Path) -> bool {
        let in_directory = path.parent().and_then(|parent| Some((self.0.get(parent)?, path.file_name()?)));
        let concerns = |(names, name): (&Names, &OsStr)| {
            names.single.contains(name) || names.manifests && is_manifest(path)
        };
        self.0.contains_key(path) || in_directory.is_some_and(concerns)
    }

    /// Follows a path, and adds every place where it may come to lead elsewhere; returns the real path of what it names.
    fn walk(&mut self, path: &Path) -> Option<PathBuf> {
        let mut real = PathBuf::from("/");
        let mut rest = components(&std::path::absolute(path).ok()?);
        let mut symlinks = 0;
        while let Some(name) = rest.pop() {
            if name == ".." {
                real.pop();
                continue;
            }
            let next = real.join(&name);
            let Ok(metadata) = fs::symlink_metadata(&next) else {
                self.add(&real, name);
                return None;
            };
            if metadata.is_symlink() {
                symlinks += 1;
                let target = fs::read_link(&next).ok().filter(|_| symlinks <= MAX_SYMLINKS);
                self.add(&real, name);
                let target = target?;
                if target.is_absolute() {
                    real = PathBuf::from("/");
                }
                rest.extend(components(&target));
                continue;
            }
            if rest.is_empty() {
                self.add(&real, name);
            }
            real = next;
        }
        Some(real)
    }

    /// Follows the symlinks among the manifests in a directory.
    fn walk_links(&mut self, directory: &Path) -> io::Result<()> {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let path = entry.path();
            if is_manifest(&path) && entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
                self.walk(&path);
            }
        }
        Ok(())
    }

    fn add(&mut self, directory: &Path, name: OsString) {
        self.0.entry(directory.to_owned()).or_default().single.insert(name);
    }
}

/// Components of a path, the last one first.
fn components(path: &Path) -> Vec<OsString> {
    let name = |component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    let mut components: Vec<_> = path.components().filter_map(name).collect();
    components.reverse();
    components
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// Places of a path in a folder of its own, as `directory:name` relative to it; `*` stands for all manifests.
    fn places(name: &str, make: fn(&Path) -> io::Result<PathBuf>) -> Vec<String> {
        let folder = std::env::temp_dir().join(format!("weir-places-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let folder = fs::canonicalize(folder).unwrap();
        let places = Places::of(&[make(&folder).unwrap()]);
        let mut found = Vec::new();
        for (directory, names) in &places.0 {
            let Ok(directory) = directory.strip_prefix(&folder) else { continue };
            let all = names.manifests.then(|| "*".into());
            let names = names.single.iter().map(|name| name.to_string_lossy()).chain(all);
            found.extend(names.map(|name| format!("{}:{name}", directory.display())));
        }
        found.sort_unstable();
        fs::remove_dir_all(&folder).unwrap();
        found
    }

    #[test]
    fn a_file_is_watched_in_its_folder_and_a_missing_one_where_it_will_come() {
        assert_eq!(
            places("file", |folder| fs::write(folder.join("a.yaml"), "").map(|()| folder.join("a.yaml"))),
            [":a.yaml"]
        );
        assert_eq!(places("missing", |folder| Ok(folder.join("b/c/a.yaml"))), [":b"]);
    }

    #[test]
    fn every_symlink_on_the_way_is_watched() {
        let found = places("links", |folder| {
            fs::create_dir_all(folder.join("v1"))?;
            fs::write(folder.join("v1/a.yaml"), "")?;
            symlink("v1", folder.join("..data"))?;
            symlink("..data/a.yaml", folder.join("a.yaml"))?;
            Ok(folder.join("a.yaml"))
        });
        assert_eq!(found, [":..data", ":a.yaml", "v1:a.yaml"]);
    }

    #[test]
    fn a_folder_is_watched_with_its_symlinks_and_endless_ones_end() {
        let found = places("folder", |folder| {
            fs::create_dir_all(folder.join("m"))?;
            symlink("../x.yaml", folder.join("m/a.yaml"))?;
            symlink("loop.yaml", folder.join("m/loop.yaml"))?;
            Ok(folder.join("m"))
        });
        assert_eq!(found, [":m", ":x.yaml", "m:*", "m:a.yaml", "m:loop.yaml"]);
    }
}
