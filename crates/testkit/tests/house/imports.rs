//! Which files of a crate use which others? By their paths; a name that is re-exported is followed to its file.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};
use syn::{
    Attribute, File, Ident, Item, ItemMod, ItemUse, UseTree, Visibility,
    visit::{self, Visit},
};

/// A module by its path below the crate's root, which is empty itself.
pub(crate) type Module = Vec<String>;

/// The parsed files of a crate.
pub(crate) struct Sources {
    files: BTreeMap<Module, File>,
    /// By module and name, the path that is re-exported under that name.
    exports: BTreeMap<(Module, String), Module>,
}

impl Sources {
    /// Reads all files below a crate's `src`, except those of tests.
    pub(crate) fn read(src: &Path) -> Self {
        let mut files = BTreeMap::new();
        let mut open = vec![(src.to_owned(), Vec::new())];
        while let Some((folder, module)) = open.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
                if name == "tests" || name == "fixture" {
                    continue;
                }
                let mut inner: Module = module.clone();
                if !(module.is_empty() && ["lib", "main"].contains(&name.as_str())) {
                    inner.push(name.clone());
                }
                if path.is_dir() {
                    open.push((path, inner));
                } else if is_source(&path, src) {
                    let text = fs::read_to_string(&path).unwrap();
                    let file =
                        syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                    files.insert(inner, file);
                }
            }
        }
        Self::with(files)
    }

    /// Files with these texts.
    pub(crate) fn of<const N: usize>(texts: [(Vec<&str>, &str); N]) -> Self {
        let file = |(module, text): (Vec<&str>, &str)| {
            (module.into_iter().map(str::to_owned).collect(), syn::parse_file(text).unwrap())
        };
        Self::with(texts.into_iter().map(file).collect())
    }

    fn with(files: BTreeMap<Module, File>) -> Self {
        let mut exports = BTreeMap::new();
        for (module, file) in &files {
            for item in &file.items {
                let Item::Use(item) = item else { continue };
                if matches!(item.vis, Visibility::Inherited) || is_test(&item.attrs) {
                    continue;
                }
                for Used { path, name } in used(item) {
                    if let (Some(path), Some(name)) = (absolute(&path, module, &files), name) {
                        exports.insert((module.clone(), name), path);
                    }
                }
            }
        }
        Self { files, exports }
    }

    /// All modules that are files.
    pub(crate) fn modules(&self) -> impl Iterator<Item = &Module> {
        self.files.keys()
    }

    /// By file, the other files that it uses. To declare a module, to re-export from it, or to let it see something, is
    /// not to use it.
    pub(crate) fn imports(&self) -> BTreeMap<Module, BTreeSet<Module>> {
        let of = |(module, file): (&Module, &File)| {
            let mut paths = Paths { found: Vec::new(), depth: 0 };
            paths.visit_file(file);
            let files =
                paths.found.iter().filter_map(|path| self.file_of(&absolute(path, module, &self.files)?));
            (module.clone(), files.filter(|file| file != module).collect())
        };
        self.files.iter().map(of).collect()
    }

    /// The file that defines what a path names.
    fn file_of(&self, path: &Module) -> Option<Module> {
        let mut path = path.clone();
        // Re-exports may follow each other; there are no more than a few.
        for _ in 0..8 {
            let length = (0..=path.len()).rev().find(|&length| self.files.contains_key(&path[..length]))?;
            let (module, rest) = (path[..length].to_vec(), &path[length..]);
            let export = rest.first().and_then(|name| self.exports.get(&(module.clone(), name.clone())));
            match export {
                Some(export) => path = export.iter().chain(&rest[1..]).cloned().collect(),
                None => return Some(module),
            }
        }
        None
    }
}

/// Whether a file is a module of the crate; beside a library, `main.rs` is another crate.
fn is_source(path: &Path, src: &Path) -> bool {
    let is_main = path == src.join("main.rs");
    path.extension().is_some_and(|extension| extension == "rs") && !(is_main && src.join("lib.rs").exists())
}

/// A path that begins in this crate, from its root; `None` for paths of other crates.
fn absolute(path: &Module, module: &Module, files: &BTreeMap<Module, File>) -> Option<Module> {
    let first = path.first()?;
    let (mut base, mut rest) = match first.as_str() {
        "crate" => (Vec::new(), &path[1..]),
        "self" => (module.clone(), &path[1..]),
        "super" => (module.clone(), &path[..]),
        name => {
            let inner: Module = module.iter().cloned().chain([name.to_owned()]).collect();
            files.contains_key(&inner).then_some((module.clone(), &path[..]))?
        }
    };
    while rest.first().is_some_and(|part| part == "super") {
        base.pop();
        rest = &rest[1..];
    }
    base.extend(rest.iter().filter(|part| *part != "self").cloned());
    Some(base)
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<Ident>().is_ok_and(|condition| condition == "test")
    })
}

/// What a `use` names, and the name that it has afterwards; none for a glob.
struct Used {
    path: Module,
    name: Option<String>,
}

fn used(item: &ItemUse) -> Vec<Used> {
    let mut found = Vec::new();
    collect(&item.tree, &Vec::new(), &mut found);
    found
}

fn collect(tree: &UseTree, before: &Module, found: &mut Vec<Used>) {
    let with = |name: &Ident| before.iter().cloned().chain([name.to_string()]).collect::<Module>();
    match tree {
        UseTree::Path(path) => collect(&path.tree, &with(&path.ident), found),
        UseTree::Name(name) => {
            let own =
                if name.ident == "self" { before.last().cloned() } else { Some(name.ident.to_string()) };
            found.push(Used { path: with(&name.ident), name: own });
        }
        UseTree::Rename(rename) => {
            found.push(Used { path: with(&rename.ident), name: Some(rename.rename.to_string()) });
        }
        UseTree::Glob(_) => found.push(Used { path: before.clone(), name: None }),
        UseTree::Group(group) => group.items.iter().for_each(|tree| collect(tree, before, found)),
    }
}

/// The paths in a file, outside its tests.
struct Paths {
    found: Vec<Module>,
    /// Modules within the file that are being looked at: so many `super` do not leave the file.
    depth: usize,
}

impl Paths {
    fn add(&mut self, path: Module) {
        let supers = path.iter().take_while(|part| *part == "super").count();
        if supers == 0 || supers > self.depth {
            self.found.push(path[self.depth.min(supers)..].to_vec());
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(ItemMod { attrs, .. }) | Item::Use(ItemUse { attrs, .. }) => &attrs[..],
            Item::Fn(function) => &function.attrs,
            Item::Impl(block) => &block.attrs,
            _ => &[],
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.depth += 1;
        visit::visit_item_mod(self, item);
        self.depth -= 1;
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if matches!(item.vis, Visibility::Inherited) {
            used(item).into_iter().for_each(|used| self.add(used.path));
        }
    }

    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Module = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if parts.len() > 1 {
            self.add(parts);
        }
        visit::visit_path(self, path);
    }
}
