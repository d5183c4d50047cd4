//! Which objects do all files together define? Keeps the last good state of each file and tells what differs.

use super::{
    contents::{Contents, Entry},
    paths::{Fingerprint, Root, Scan, ScannedFile, is_stdin},
    report::{MAX_PROBLEMS, Report, more_problems},
};
use crate::{
    Event, FileProblem, Kind, LeftOut, ObjectKey, Scope,
    model::quoted,
    translate::{SERVICE_NAME, did_you_mean},
};
use std::{
    collections::{HashMap, HashSet, hash_map},
    path::Path,
    sync::Arc,
};

/// All files that were read.
pub(super) struct Manifests {
    scope: Scope,
    files: Vec<ManifestFile>,
    /// Identity of the form of each object that the store has got last.
    delivered: HashMap<ObjectKey, u64>,
    next_entry: u64,
}

/// One file and its contents.
struct ManifestFile {
    root: usize,
    path: Arc<Path>,
    /// Fingerprint of the file when it was read; `None` if it has to be read again.
    fingerprint: Option<Fingerprint>,
    contents: Contents,
}

/// Outcome of loading what a scan has found.
#[derive(Debug)]
pub(super) struct Load {
    /// Events for the store: a list of every kind.
    pub(super) events: Vec<Event>,
    pub(super) report: Report,
    /// First path or file that could not be read at all.
    pub(super) unreadable: Option<FileProblem>,
}

/// Function that reads a file's bytes, or says why it cannot.
pub(super) type Read<'a> = dyn FnMut(&Path) -> Result<Vec<u8>, String> + 'a;

impl Manifests {
    pub(super) fn new(scope: Scope) -> Self {
        Self { scope, files: Vec::new(), delivered: HashMap::new(), next_entry: 0 }
    }

    /// Reads the files that changed since the last load.
    pub(super) fn load(&mut self, scan: &Scan, read: &mut Read<'_>) -> Load {
        let mut problems = Vec::new();
        let mut before: HashMap<Arc<Path>, ManifestFile> = HashMap::new();
        let mut lost: HashMap<usize, Vec<ManifestFile>> = HashMap::new();
        for known in std::mem::take(&mut self.files) {
            match scan.roots.get(known.root) {
                Some(Root::Unreadable(..)) => lost.entry(known.root).or_default().push(known),
                _ => drop(before.insert(Arc::clone(&known.path), known)),
            }
        }
        for (root, seen) in scan.roots.iter().enumerate() {
            match seen {
                Root::Unreadable(path, reason) => {
                    let lost = lost.remove(&root).unwrap_or_default();
                    let keeps = lost.iter().any(|known| !known.contents.entries.is_empty());
                    problems.push(unreadable(path, reason, keeps));
                    for mut known in lost {
                        known.contents.keep_all();
                        known.fingerprint = None;
                        self.files.push(known);
                    }
                }
                Root::Empty(path, others) => problems.push(empty(path, *others)),
                Root::Files(files) => {
                    for seen in files {
                        let known = self.renew(root, seen, before.remove(&seen.path), read);
                        self.files.push(known);
                    }
                }
            }
        }
        let broken = self.files.iter().find_map(|known| known.contents.unreadable.clone());
        let unreadable = problems.iter().find(|problem| problem.refused).cloned().or(broken);
        let (events, report) = self.merge(problems);
        Load { events, report, unreadable }
    }

    fn renew(
        &mut self,
        root: usize,
        seen: &ScannedFile,
        known: Option<ManifestFile>,
        read: &mut Read<'_>,
    ) -> ManifestFile {
        let (path, fingerprint) = (Arc::clone(&seen.path), Some(seen.fingerprint.clone()));
        let old = match known {
            Some(known) if known.fingerprint == fingerprint => return ManifestFile { root, ..known },
            Some(known) => known.contents,
            None => Contents::default(),
        };
        match read(&path) {
            Ok(bytes) => {
                let contents = old.renewed(&path, &bytes, &self.scope, &mut self.next_entry);
                ManifestFile { root, path, fingerprint, contents }
            }
            // A file without a fingerprint is read again at the next load.
            Err(reason) => {
                let problem = unreadable(&path, &reason, !old.entries.is_empty());
                let contents = old.kept(problem.clone());
                let contents = Contents { unreadable: Some(problem), ..contents };
                ManifestFile { root, path, fingerprint: None, contents }
            }
        }
    }

    /// Whether a file has to be read again although it has not changed.
    pub(super) fn is_incomplete(&self) -> bool {
        self.files.iter().any(|known| known.contents.unreadable.is_some())
    }

    /// Finds the entry that counts for each key: the first one. Last good forms give way to current ones.
    fn merge(&mut self, mut problems: Vec<FileProblem>) -> (Vec<Event>, Report) {
        let mut report = Report::default();
        let mut served: HashMap<&ObjectKey, &Entry> = HashMap::new();
        let contents = || self.files.iter().map(|known| &known.contents);
        for entry in contents().flat_map(|contents| &contents.entries).filter(|entry| !entry.kept) {
            match served.entry(&entry.key) {
                hash_map::Entry::Vacant(vacant) => drop(vacant.insert(entry)),
                hash_map::Entry::Occupied(first) => problems.push(duplicate(entry, first.get())),
            }
        }
        for entry in contents().flat_map(|contents| &contents.entries).filter(|entry| entry.kept) {
            served.entry(&entry.key).or_insert(entry);
        }
        let refused: HashSet<&ObjectKey> = contents().flat_map(|contents| &contents.refused).collect();
        problems.extend(orphans(&served, &refused));
        for contents in contents() {
            problems.extend(contents.problems.iter().cloned());
            for (kind, count) in &contents.skipped {
                *report.skipped.entry(kind.clone()).or_default() += count;
            }
        }
        let mut events: Vec<Event> = Kind::ALL.map(Event::Begin).into();
        let mut delivered = HashMap::with_capacity(served.len());
        for (key, entry) in served {
            let Some(object) = &entry.object else { continue };
            events.push(match self.delivered.get(key) {
                Some(id) if *id == entry.id => Event::Keep(key.clone()),
                _ => Event::Put(key.clone(), object.clone()),
            });
            if key.kind == Kind::Node {
                report.nodes.insert(Arc::clone(&key.name));
            }
            delivered.insert(key.clone(), entry.id);
        }
        events.extend(Kind::ALL.map(Event::Complete));
        problems.sort_unstable();
        if problems.len() > MAX_PROBLEMS + 1 {
            let more = problems.split_off(MAX_PROBLEMS).iter().map(|problem| problem.count).sum();
            let last = problems.last().map(|problem| Arc::clone(&problem.file));
            problems.extend(last.and_then(|path| more_problems(&path, more)));
        }
        report.objects = delivered.len();
        report.problems = problems;
        self.delivered = delivered;
        (events, report)
    }
}

/// Problem with a path that cannot be read, of which something stays served if it `keeps` an object.
fn unreadable(path: &Arc<Path>, reason: &str, keeps: bool) -> FileProblem {
    let kept = if keeps { "; its last state stays served" } else { "" };
    let message = if is_stdin(path) {
        format!("cannot be read: {reason}{kept}")
    } else {
        format!("cannot read it: {reason}{kept}")
    };
    FileProblem::of_file(path, message)
}

fn duplicate(entry: &Entry, first: &Entry) -> FileProblem {
    let message = format_args!("is defined twice; the first in {} is used", first.location);
    entry.problem("metadata.name", message)
}

fn empty(path: &Arc<Path>, others: usize) -> FileProblem {
    let others = match others {
        0 => String::new(),
        others => format!("; {others} other files and directories in it are not read"),
    };
    let message = format_args!("holds no manifest (*.yaml, *.yml or *.json){others}");
    FileProblem { refused: false, ..FileProblem::of_file(path, message) }
}

/// Problems with slices whose Service is not there. A bounded number: each is compared with the names that are.
fn orphans(served: &HashMap<&ObjectKey, &Entry>, refused: &HashSet<&ObjectKey>) -> Vec<FileProblem> {
    let is_there = |service: &ObjectKey| served.contains_key(service) || refused.contains(service);
    let orphans = served.values().filter_map(|entry| Some((*entry, entry.service()?)));
    let mut orphans: Vec<_> = orphans.filter(|(_, service)| !is_there(service)).collect();
    orphans.sort_unstable_by(|(a, _), (b, _)| a.key.cmp(&b.key));
    let problem = |(index, (entry, service)): (usize, &(&Entry, ObjectKey))| {
        let in_namespace =
            |key: &&&ObjectKey| key.kind == Kind::Service && key.namespace == service.namespace;
        let names = served.keys().filter(in_namespace).map(|key| &*key.name).take(MAX_NAMES);
        let elsewhere = |key: &&&ObjectKey| key.kind == Kind::Service && key.name == service.name;
        let meant = match index < MAX_COMPARED {
            true => match served.keys().find(elsewhere) {
                Some(key) => format!(" (there is one in namespace {})", key.namespace),
                None => did_you_mean(&service.name, &names.collect::<Vec<_>>()),
            },
            false => String::new(),
        };
        let message = format_args!(
            "{} is no Service in namespace {}{meant}; nothing is served from the slice",
            quoted(&service.name),
            service.namespace
        );
        let field = format!("metadata.labels[{SERVICE_NAME}]");
        let problem = entry.problem(&field, message);
        FileProblem { refused: false, left_out: Some(LeftOut::NoService), ..problem }
    };
    orphans.iter().enumerate().take(MAX_PROBLEMS).map(problem).collect()
}

/// Slices without a Service for which the nearest name is looked for, and names that each is compared with.
const MAX_COMPARED: usize = 20;
const MAX_NAMES: usize = 200;
