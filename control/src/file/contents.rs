//! What is known from one file, and what stays known when it changes for the worse?

use super::{
    document::lines,
    location::Location,
    objects::{Found, Objects},
    parse::{self, Document},
    report::{MAX_PROBLEMS, more_problems},
};
use crate::{FileProblem, Kind, Object, ObjectKey, Scope, model::shown, translate::SERVICE_NAME};
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt::Display,
    path::Path,
    sync::Arc,
};
use weir_core::ServiceKey;

/// Objects and problems of one file.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) entries: Vec<Entry>,
    pub(super) problems: Vec<FileProblem>,
    /// Kinds that weir does not read, with the number of objects.
    pub(super) skipped: BTreeMap<String, usize>,
    /// Services that are there and cannot be used.
    pub(super) refused: HashSet<ObjectKey>,
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
    /// Line of the field by which the object may be at odds with others, where it is known: the name of one that is defined
    /// twice, and the label of a slice whose Service may not be there.
    pub(super) field_line: Option<usize>,
    /// Whether the entry is the last good form of an object that cannot be read now.
    pub(super) kept: bool,
}

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
            let served = match self.entries.is_empty() {
                true => "nothing is served from it",
                false => "its last good state stays served",
            };
            return self.kept(problem(&format!("is not text in UTF-8; {served}")));
        };
        // A shell redirection empties the file long before the new content comes.
        if text.trim().is_empty() && !self.entries.is_empty() {
            let message = "is empty; its last good state stays served (to serve nothing, delete the file or \
                           leave a comment in it)";
            return self.kept(problem(message));
        }
        let mut objects = Objects::new(scope);
        let mut broken = false;
        let mut documents = parse::documents(text, path.extension().is_some_and(|ending| ending == "json"));
        for document in &mut documents {
            let location = Location {
                file: Arc::clone(path),
                document: document.number,
                line: document.line,
                item: String::new(),
            };
            match std::mem::replace(&mut document.content, Ok(Value::Null)) {
                Ok(value) => objects.read(location, value, document),
                Err(mistake) => {
                    broken = true;
                    objects.add(Location { line: mistake.line, ..location }.problem(mistake.message));
                }
            }
        }
        if objects.found.is_empty() && objects.problems.is_empty() {
            objects.add(FileProblem { refused: false, ..problem("is empty: it holds no object") });
        }
        let mut new = self.merged(objects, broken, path, next_id);
        new.find_lines(&documents);
        new
    }

    /// Finds the lines of the fields by which objects may be at odds with others.
    fn find_lines(&mut self, documents: &[Document<'_>]) {
        let mut known = HashSet::new();
        let services: HashSet<_> = self.entries.iter().map(|entry| entry.key.clone()).collect();
        let mut doubtful: Vec<(&mut Entry, String)> = Vec::new();
        for entry in self.entries.iter_mut().filter(|entry| !entry.kept) {
            let prefix = entry.location.prefix();
            if !known.insert(entry.key.clone()) {
                doubtful.push((entry, format!("{prefix}metadata.name")));
            } else if let Some(service) = entry.service()
                && !services.contains(&service)
            {
                doubtful.push((entry, format!("{prefix}metadata.labels[{SERVICE_NAME}]")));
            }
        }
        doubtful.truncate(MAX_PROBLEMS);
        for of_one in doubtful.chunk_by_mut(|(a, _), (b, _)| a.location.document == b.location.document) {
            let number = of_one.first().map_or(0, |(entry, _)| entry.location.document);
            let Some(document) = documents.get(number.wrapping_sub(1)) else { continue };
            let fields: Vec<&str> = of_one.iter().map(|(_, field)| &**field).collect();
            let lines = lines::find(document.text, parse::options(), &fields);
            for ((entry, _), line) in of_one.iter_mut().zip(lines) {
                entry.field_line = line.map(|line| document.text_line + line - 1);
            }
        }
    }

    fn merged(self, objects: Objects<'_>, mut broken: bool, path: &Arc<Path>, next_id: &mut u64) -> Self {
        let mut old: HashMap<ObjectKey, Entry> = HashMap::with_capacity(self.entries.len());
        for entry in self.entries {
            // Of two objects with one key the first counts.
            old.entry(entry.key.clone()).or_insert(entry);
        }
        let Objects { found, problems, more, .. } = objects;
        let mut new = Self { problems, ..Self::default() };
        let mut refused = Vec::new();
        let mut fresh = HashSet::new();
        for (location, found) in found {
            match found {
                Found::Object(key, object) => {
                    let same = old.get(&key).filter(|entry| entry.object == object && !fresh.contains(&key));
                    let id = same.map_or_else(|| fresh_id(next_id), |entry| entry.id);
                    fresh.insert(key.clone());
                    new.entries.push(Entry { id, key, object, location, field_line: None, kept: false });
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
            if key.kind == Kind::Service {
                new.refused.insert(key.clone());
            }
            if let Some(entry) = old.remove(&key) {
                new.entries.push(Entry { location, kept: true, ..entry });
            }
        }
        if broken {
            // An unrecognisable document may be any of the missing objects.
            new.entries.extend(old.into_values().map(|entry| Entry { kept: true, ..entry }));
        }
        new.problems.extend(more_problems(path, more));
        new
    }
}

impl Entry {
    /// Key of the Service that a slice names; `None` for other kinds.
    pub(super) fn service(&self) -> Option<ObjectKey> {
        let Some(Object::EndpointSlice(slice)) = &self.object else { return None };
        let ServiceKey { namespace, name } = &slice.service;
        Some(ObjectKey::new(Kind::Service, Arc::clone(namespace), Arc::clone(name)))
    }

    /// Creates a problem with the field by which the object is at odds with another.
    pub(super) fn problem(&self, field: &str, message: impl Display) -> FileProblem {
        let Self { location, key, field_line, .. } = self;
        let field = Some(format!("{}{field}", location.prefix()));
        let line = Some(field_line.unwrap_or(location.line));
        FileProblem { object: Some(shown(key, 400)), field, line, ..location.problem(message) }
    }
}

fn fresh_id(next: &mut u64) -> u64 {
    *next += 1;
    *next
}
