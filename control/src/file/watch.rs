//! When are manifests read again?

use super::{
    load::{first_load, read_file},
    manifests::{Catalog, Load},
    paths::{self, Look},
    report::Report,
    source::FileSource,
};
use crate::{
    FileProblem, Scope,
    blocking::blocking,
    driver::{Input, Inputs},
};
use std::{collections::BTreeSet, io, time::Duration};
use tokio::{task::JoinSet, time::sleep};
use tracing::{error, info};

/// How long files have to stay the same before they are read: they may be in the middle of a write.
const SETTLE: Duration = Duration::from_millis(100);

/// A file that is written all the time is read anyway after this many looks.
const MOST_LOOKS: u32 = 20;

/// Loads the manifests and goes on watching them.
pub(crate) async fn start(
    source: FileSource,
    scope: &Scope,
    inputs: Inputs,
    tasks: &mut JoinSet<()>,
) -> Result<Report, FileProblem> {
    let catalog = Catalog::new(scope.clone());
    let mut watch = Watch { source, catalog, look: Look::default(), report: None, noted: BTreeSet::new() };
    let (watch, load) = blocking(move || {
        watch.look = paths::look(&watch.source.paths);
        let load = first_load(&mut watch.catalog, &watch.source.paths, &watch.look, io::stdin());
        (watch, load)
    })
    .await;
    let load = load?;
    let report = load.report.clone();
    tasks.spawn(watch.run(load, inputs));
    Ok(report)
}

/// Looks at the manifests again and again.
struct Watch {
    source: FileSource,
    catalog: Catalog,
    look: Look,
    /// What was found last.
    report: Option<Report>,
    /// Kinds of which was said that they are skipped.
    noted: BTreeSet<String>,
}

impl Watch {
    async fn run(mut self, first: Load, inputs: Inputs) {
        let mut load = Some(first);
        loop {
            if let Some(load) = load.take() {
                self.note(&load.report);
                let input = Input::Manifests { events: load.events, problems: load.report.problems };
                if inputs.send(input).await.is_err() {
                    return error!("the control plane has ended; the manifests are not watched any more");
                }
            }
            sleep(self.source.poll_interval).await;
            (self, load) = self.poll().await;
        }
    }

    /// Reads what changed, once it has settled.
    async fn poll(mut self) -> (Self, Option<Load>) {
        let mut look;
        (self, look) = self.look().await;
        if look == self.look && !self.catalog.is_incomplete() {
            return (self, None);
        }
        for _ in 0..MOST_LOOKS {
            sleep(SETTLE.min(self.source.poll_interval)).await;
            let before = look;
            (self, look) = self.look().await;
            if look == before {
                break;
            }
        }
        blocking(move || {
            // What can be read only once is not read again: its fingerprint never changes.
            let load = self.catalog.load(&look, &mut read_file);
            self.look = look;
            (self, Some(load))
        })
        .await
    }

    async fn look(self) -> (Self, Look) {
        blocking(move || {
            let look = paths::look(&self.source.paths);
            (self, look)
        })
        .await
    }

    /// Says what a load found, and once for each kind that it is skipped.
    fn note(&mut self, report: &Report) {
        // A file that stays unreadable is tried again and again, which is worth one line.
        if self.report.as_ref() == Some(report) {
            return;
        }
        self.report = Some(report.clone());
        info!(objects = report.objects, problems = report.problems.len(), "the manifests are loaded");
        for (kind, count) in &report.skipped {
            if self.noted.len() < MOST_NOTES && self.noted.insert(kind.clone()) {
                info!(
                    "skipping {count} of {kind}: weir looks at Service, EndpointSlice, Node and ServiceCIDR"
                );
            }
        }
    }
}

/// How many kinds are remembered as told.
const MOST_NOTES: usize = 100;
