//! When are manifests read again?

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
use std::{io, time::Duration};
use tokio::{task::JoinSet, time::sleep};
use tracing::{error, info};

/// Time that files have to stay unchanged before they are read: a write may be in progress.
const SETTLE_TIME: Duration = Duration::from_millis(100);

/// Number of scans after which files are read although they change all the time.
const MAX_SETTLE_SCANS: u32 = 20;

/// Loads the manifests and starts to watch them.
pub(crate) async fn start(
    source: FileSource,
    scope: &Scope,
    inputs: Inputs,
    tasks: &mut JoinSet<()>,
) -> Result<Report, FileProblem> {
    let manifests = Manifests::new(scope.clone());
    let mut watch =
        Watch { source, manifests, scan: Scan::default(), report: None, logged_kinds: Vec::new() };
    let (watch, load) = blocking(move || {
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

/// Watch of manifests.
struct Watch {
    source: FileSource,
    manifests: Manifests,
    scan: Scan,
    /// Findings of the last load.
    report: Option<Report>,
    /// Kinds that were logged as skipped.
    logged_kinds: Vec<String>,
}

impl Watch {
    async fn run(mut self, first: Load, inputs: Inputs) {
        let mut load = Some(first);
        loop {
            if let Some(load) = load.take() {
                self.log(&load.report);
                let input = Input::Manifests { events: load.events, problems: load.report.problems };
                if inputs.send(input).await.is_err() {
                    return error!("the control plane has ended; the manifests are no longer watched");
                }
            }
            sleep(self.source.poll_interval).await;
            (self, load) = self.poll().await;
        }
    }

    /// Reads the files that changed, once they have settled.
    async fn poll(mut self) -> (Self, Option<Load>) {
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
        blocking(move || {
            // A stream is not read again: its fingerprint never changes.
            let load = self.manifests.load(&scan, &mut read_file);
            self.scan = scan;
            (self, Some(load))
        })
        .await
    }

    async fn scan(self) -> (Self, Scan) {
        blocking(move || {
            let scan = paths::scan(&self.source.paths);
            (self, scan)
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

/// Largest number of kinds that are remembered as logged.
const MAX_LOGGED_KINDS: usize = 100;
