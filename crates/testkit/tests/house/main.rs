//! Do the crates keep the rules of the house? Files and folders import each other without circles, and no folder is a hall.
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod circles;
mod imports;

use imports::{Module, Sources};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Files that a folder may hold. A dozen is the aim; what needs a few more is not yet a hall.
const MAX_FILES_IN_FOLDER: usize = 14;

/// The folders in which the sources of crates begin, from the root of the repository.
const CRATES: [&str; 9] = [
    "crates/core/src",
    "proxy/src",
    "control/src",
    "crates/capture/src",
    "crates/weir/src",
    "crates/testkit/src",
    "benches/src",
    "benches/compare",
    "benches/scale",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn sources(name: &str) -> Sources {
    Sources::read(&root().join(name))
}

/// A folder of modules; the file that declares a folder's modules belongs to it.
fn folder(module: &Module, folders: &BTreeSet<Module>) -> Module {
    if folders.contains(module) { module.clone() } else { module[..module.len().saturating_sub(1)].to_vec() }
}

fn shown(circles: &[Vec<Module>]) -> String {
    let circles = circles
        .iter()
        .map(|circle| circle.iter().map(|module| module.join("/")).collect::<Vec<_>>().join(", "));
    circles.collect::<Vec<_>>().join("; ")
}

#[test]
fn files_import_each_other_without_circles() {
    for name in CRATES {
        let found = circles::find(&sources(name).imports());
        assert!(found.is_empty(), "{name}: files import each other in a circle: {}", shown(&found));
    }
}

#[test]
fn folders_import_each_other_without_circles() {
    for name in CRATES {
        let sources = sources(name);
        let folders: BTreeSet<Module> = sources
            .modules()
            .filter(|module| module.len() > 1)
            .map(|module| module[..module.len() - 1].to_vec())
            .collect();
        let mut graph: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
        for (from, imported) in sources.imports() {
            for to in imported {
                let (from, to) = (folder(&from, &folders), folder(&to, &folders));
                // A folder may use its subfolders, and they the folder: that is one house.
                if !from.starts_with(&to) && !to.starts_with(&from) {
                    graph.entry(from).or_default().insert(to);
                }
            }
        }
        let found = circles::find(&graph);
        assert!(found.is_empty(), "{name}: folders import each other in a circle: {}", shown(&found));
    }
}

#[test]
fn no_folder_is_a_hall() {
    let mut halls = Vec::new();
    let mut open: Vec<PathBuf> = CRATES.iter().map(|name| root().join(name)).collect();
    while let Some(folder) = open.pop() {
        let entries: Vec<PathBuf> =
            fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        let files = entries.iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
        let count = files.count();
        if count > MAX_FILES_IN_FOLDER {
            halls.push(format!("{}: {count} files", folder.display()));
        }
        open.extend(entries.into_iter().filter(|path| path.is_dir()));
    }
    assert!(halls.is_empty(), "{halls:#?}");
}

#[test]
fn a_circle_is_found_whatever_form_its_imports_have() {
    let sources = Sources::of([
        (vec![], "pub mod a; pub mod b; pub mod c; pub use c::Shown;"),
        (vec!["a"], "use crate::{b::{self, B}, Shown}; pub struct A;"),
        (vec!["b"], "pub struct B; mod inner { use super::B; fn f(a: super::super::a::A) {} }"),
        (vec!["c"], "pub struct Shown; #[cfg(test)] mod tests { use crate::a::A; }"),
    ]);
    let imports = sources.imports();
    let module = |name: &str| vec![name.to_owned()];
    assert_eq!(
        imports[&module("a")],
        BTreeSet::from([module("b"), module("c")]),
        "a name is followed to its file"
    );
    assert_eq!(imports[&module("c")], BTreeSet::new(), "tests may use everything");
    assert_eq!(circles::find(&imports), [vec![module("a"), module("b")]]);
}
