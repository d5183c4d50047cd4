//! When are manifests read again? When the kernel says that they have changed, and from time to time all the same.

mod notifier;
mod places;
mod settling;

use super::{
    load::{first_load, read_file},
    manifests::{Load, Manifests},
    paths::{self, Scan},
    report::Report,
    source::FileSource,
};
use crate::{
    FileProblem, Scope,
    blocking::blocking,
    driver::{Input, Inputs},
};
use notifier::{Noticed, Notifier};
use places::Places;
use settling::Settling;
use std::{future::pending, io, time::Duration};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};
use tracing::{error, info, warn};

/// Time that files have to stay unchanged before they are read, where nobody says when a writer has finished.
const SETTLE_TIME: Duration = Duration::from_millis(100);

/// Number of scans after which files are read although they change all the time.
const MAX_SETTLE_SCANS: u32 = 20;

/// Poll intervals between two scans of files whose changes the kernel tells: no notice must be lost for ever.
const NOTIFIED_POLL_FACTOR: u32 = 10;

/// Loads the manifests and starts to watch them.
pub(crate) async fn start(
    source: FileSource,
    scope: &Scope,
    inputs: Inputs,
    tasks: &mut JoinSet<()>,
) -> Result<Report, FileProblem> {
    let mut watch = Watch::new(source, scope);
    let (watch, load) = blocking(move || {
        watch.watch_places();
        watch.scan = paths::scan(&watch.source.paths);
        let load = first_load(&mut watch.manifests, &watch.source.paths, &watch.scan, io::stdin());
        (watch, load)
    })
    .await;
    let load = load?;
    let report = load.report.clone();
    tasks.spawn(watch.run(load, inputs));
    Ok(report)
}

/// Watch of manifests. Boxed, as it moves to the thread that reads and back.
struct Watch {
    source: FileSource,
    manifests: Manifests,
    scan: Scan,
    /// Notices of the kernel; `None` where there are none.
    notifier: Option<Notifier>,
    places: Places,
    settling: Settling,
    /// Why changes may come without a notice, which has been said; `None` where all are noticed.
    unnoticed: Option<String>,
    /// Findings of the last load.
    report: Option<Report>,
    /// Kinds that were logged as skipped.
    logged_kinds: Vec<String>,
}

/// Why the files are looked at.
enum Why {
    /// The kernel has told of changes, which have settled.
    Noticed,
    /// It is time.
    Polled,
}

impl Watch {
    fn new(source: FileSource, scope: &Scope) -> Box<Self> {
        Box::new(Self {
            source,
            manifests: Manifests::new(scope.clone()),
            scan: Scan::default(),
            notifier: None,
            places: Places::default(),
            settling: Settling::default(),
            unnoticed: None,
            report: None,
            logged_kinds: Vec::new(),
        })
    }

    async fn run(mut self: Box<Self>, first: Load, inputs: Inputs) {
        let mut load = Some(first);
        loop {
            if let Some(load) = load.take() {
                self.log(&load.report);
                let input = Input::Manifests { events: load.events, problems: load.report.problems };
                if inputs.send(input).await.is_err() {
                    return error!("the control plane has ended; the manifests are no longer watched");
                }
            }
            (self, load) = match self.wait().await {
                Why::Noticed => self.look().await,
                Why::Polled => self.poll().await,
            };
        }
    }

    /// Waits until the files have to be looked at.
    async fn wait(&mut self) -> Why {
        let poll_at = Instant::now() + self.poll_interval();
        loop {
            let due = self.settling.due();
            tokio::select! {
                noticed = next(&mut self.notifier) => self.note(noticed),
                () = until(due) => {
                    self.settling.look(Instant::now());
                    return Why::Noticed;
                }
                () = sleep_until(poll_at) => return Why::Polled,
            }
        }
    }

    fn poll_interval(&self) -> Duration {
        // A file that cannot be read now may become readable without a notice.
        let is_notified = self.unnoticed.is_none() && !self.manifests.is_incomplete();
        self.source.poll_interval * if is_notified { NOTIFIED_POLL_FACTOR } else { 1 }
    }

    fn note(&mut self, noticed: Noticed) {
        let now = Instant::now();
        match noticed {
            Noticed::Change(happened, path) => self.settling.note(happened, &path, now),
            Noticed::Loss => self.settling.note_loss(now),
            Noticed::End => {
                self.notifier = None;
                self.settling.note_loss(now);
                self.say_unnoticed("the thread that reads the notices has ended".to_owned());
            }
        }
    }

    /// Watches the places that matter now, and says once if that does not tell of all changes. Blocks.
    fn watch_places(&mut self) {
        self.places = Places::of(&self.source.paths);
        let is_given_up = self.unnoticed.is_some() && self.notifier.is_none();
        if is_given_up || self.places.is_empty() {
            return;
        }
        match self.try_to_watch() {
            Ok(None) => {}
            Ok(Some(reason)) => self.say_unnoticed(reason),
            Err(reason) => {
                self.notifier = None;
                self.say_unnoticed(reason);
            }
        }
    }

    /// Says that changes may come without a notice, unless that was said.
    fn say_unnoticed(&mut self, reason: String) {
        if self.unnoticed.is_none() {
            let interval = humantime::format_duration(self.source.poll_interval);
            warn!(
                "changes of the manifests may be noticed only within {interval} instead of at once: {reason}"
            );
            self.unnoticed = Some(reason);
        }
    }

    fn try_to_watch(&mut self) -> Result<Option<String>, String> {
        let notifier = match self.notifier.take() {
            Some(notifier) => notifier,
            None if self.source.notified => Notifier::start()?,
            None => return Err("notices of the kernel are switched off".to_owned()),
        };
        self.notifier.insert(notifier).watch(&self.places)
    }

    /// Reads the files that changed, but for those that are still being written.
    async fn look(self: Box<Self>) -> (Box<Self>, Option<Load>) {
        let (watch, scan) = self.scan().await;
        if scan == watch.scan && !watch.manifests.is_incomplete() {
            return (watch, None);
        }
        watch.load(scan).await
    }

    /// Reads the files that changed, once they have settled.
    async fn poll(mut self: Box<Self>) -> (Box<Self>, Option<Load>) {
        let mut scan;
        (self, scan) = self.scan().await;
        if scan == self.scan && !self.manifests.is_incomplete() {
            return (self, None);
        }
        for _ in 0..MAX_SETTLE_SCANS {
            sleep(SETTLE_TIME.min(self.source.poll_interval)).await;
            let before = scan;
            (self, scan) = self.scan().await;
            if scan == before {
                break;
            }
        }
        self.load(scan).await
    }

    async fn load(self: Box<Self>, scan: Scan) -> (Box<Self>, Option<Load>) {
        let mut watch = self;
        blocking(move || {
            // A stream is not read again: its fingerprint never changes.
            let load = watch.manifests.load(&scan, &mut read_file);
            watch.scan = scan;
            (watch, Some(load))
        })
        .await
    }

    /// Scans the files, after everything is watched: what changes later is told by the kernel. A file that is being written
    /// counts as it was before.
    async fn scan(self: Box<Self>) -> (Box<Self>, Scan) {
        let mut watch = self;
        blocking(move || {
            watch.watch_places();
            let scan = paths::scan(&watch.source.paths);
            // A symlink may have been swapped between finding a place and watching it.
            if watch.notifier.is_some() && Places::of(&watch.source.paths) != watch.places {
                watch.settling.note_loss(Instant::now());
            }
            let scan = scan.with_earlier(&watch.scan, |file| watch.settling.is_written(file));
            (watch, scan)
        })
        .await
    }

    /// Logs the findings of a load, and each skipped kind once.
    fn log(&mut self, report: &Report) {
        // A file that stays unreadable is read again and again, which is worth one line.
        if self.report.as_ref() == Some(report) {
            return;
        }
        self.report = Some(report.clone());
        info!(objects = report.objects, problems = report.problems.len(), "the manifests are loaded");
        for (kind, count) in &report.skipped {
            if self.logged_kinds.len() < MAX_LOGGED_KINDS && !self.logged_kinds.contains(kind) {
                self.logged_kinds.push(kind.clone());
                info!("skipping {count} of {kind}: weir reads Service, EndpointSlice, Node and ServiceCIDR");
            }
        }
    }
}

/// Waits for a notice; for ever without a notifier.
async fn next(notifier: &mut Option<Notifier>) -> Noticed {
    match notifier {
        Some(notifier) => notifier.next().await,
        None => pending().await,
    }
}

/// Waits until a time; for ever without one.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}

/// Largest number of kinds that are remembered as logged.
const MAX_LOGGED_KINDS: usize = 100;
