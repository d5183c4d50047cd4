//! What is known from one file, and what stays known when it changes for the worse?

use super::{
    location::Location,
    objects::{Found, Objects},
    parse,
};
use crate::{FileProblem, Object, ObjectKey, Scope};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::Path,
    sync::Arc,
};

/// Objects and problems of one file.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) entries: Vec<Entry>,
    pub(super) problems: Vec<FileProblem>,
    /// Kinds that weir does not read, with the number of objects.
    pub(super) skipped: BTreeMap<String, usize>,
    /// Reason why the file could not be read at all the last time.
    pub(super) unreadable: Option<FileProblem>,
}

/// One object of a file.
#[derive(Debug)]
pub(super) struct Entry {
    /// Identity of this form of the object: differs whenever the object differs.
    pub(super) id: u64,
    pub(super) key: ObjectKey,
    /// The object; `None` if it is there but not for this proxy.
    pub(super) object: Option<Object>,
    pub(super) location: Location,
    /// Whether the entry is the last good form of an object that cannot be read now.
    pub(super) kept: bool,
}

/// Largest number of problems and of unknown kinds that are listed for one file; a hostile file has millions.
const MAX_PROBLEMS: usize = 1000;

impl Contents {
    /// Marks all objects as last good forms.
    pub(super) fn keep_all(&mut self) {
        self.entries.iter_mut().for_each(|entry| entry.kept = true);
        self.problems.clear();
    }

    /// Keeps the last good state because of a problem with the whole file.
    pub(super) fn kept(mut self, problem: FileProblem) -> Self {
        self.keep_all();
        self.problems.push(problem);
        self.unreadable = None;
        self
    }

    /// Contents after the file changed to `bytes`. A malformed document loses only itself.
    pub(super) fn renewed(self, path: &Arc<Path>, bytes: &[u8], scope: &Scope, next_id: &mut u64) -> Self {
        let problem = |message: &str| FileProblem::of_file(path, message);
        let Ok(text) = std::str::from_utf8(bytes) else {
            return self.kept(problem("is not text in UTF-8; its last good state stays served"));
        };
        // A shell redirection empties the file long before the new content comes.
        if text.trim().is_empty() && !self.entries.is_empty() {
            let message = "is empty; its last good state stays served (to serve nothing, delete the file or \
                           leave a comment in it)";
            return self.kept(problem(message));
        }
        let mut objects = Objects { scope, found: Vec::new(), problems: Vec::new() };
        let mut broken = false;
        for document in parse::documents(text, path.extension().is_some_and(|ending| ending == "json")) {
            let location = Location {
                file: Arc::clone(path),
                document: document.number,
                line: document.line,
                item: String::new(),
            };
            match document.content {
                Ok(value) => objects.read(location, value),
                Err(mistake) => {
                    broken = true;
                    objects
                        .problems
                        .push(Location { line: mistake.line, ..location }.problem(mistake.message));
                }
            }
        }
        self.merged(objects, broken, path, next_id)
    }

    fn merged(self, objects: Objects<'_>, mut broken: bool, path: &Arc<Path>, next_id: &mut u64) -> Self {
        let mut old: HashMap<ObjectKey, Entry> = HashMap::with_capacity(self.entries.len());
        for entry in self.entries {
            // Of two objects with one key the first counts.
            old.entry(entry.key.clone()).or_insert(entry);
        }
        let mut new = Self { problems: objects.problems, ..Self::default() };
        let mut refused = Vec::new();
        let mut fresh = HashSet::new();
        for (location, found) in objects.found {
            match found {
                Found::Object(key, object) => {
                    let same = old.get(&key).filter(|entry| entry.object == object && !fresh.contains(&key));
                    let id = same.map_or_else(|| fresh_id(next_id), |entry| entry.id);
                    fresh.insert(key.clone());
                    new.entries.push(Entry { id, key, object, location, kept: false });
                }
                Found::Refused(key) => refused.push((location, key)),
                Found::Skipped(kind) => {
                    if new.skipped.len() < MAX_PROBLEMS || new.skipped.contains_key(&kind) {
                        *new.skipped.entry(kind).or_default() += 1;
                    }
                }
                Found::Unknown => broken = true,
            }
        }
        old.retain(|key, _| !fresh.contains(key));
        for (location, key) in refused {
            if let Some(entry) = old.remove(&key) {
                new.entries.push(Entry { location, kept: true, ..entry });
            }
        }
        if broken {
            // An unrecognisable document may be any of the missing objects.
            new.entries.extend(old.into_values().map(|entry| Entry { kept: true, ..entry }));
        }
        if new.problems.len() > MAX_PROBLEMS {
            let more = format!("has {} more problems", new.problems.len() - MAX_PROBLEMS);
            new.problems.truncate(MAX_PROBLEMS);
            new.problems.push(FileProblem::of_file(path, more));
        }
        new
    }
}

fn fresh_id(next: &mut u64) -> u64 {
    *next += 1;
    *next
}
