//! What would this node serve? `weir resolve` reads objects once and prints what follows from them.

use super::{
    doubts::doubts,
    rows,
    view::{MappedReport, View},
};
use crate::{
    cli::{ResolveOptions, ServiceSelection},
    commands::{
        load::load,
        names::UnknownName,
        problems::{Finding, findings, report},
    },
    output::stdout,
};
use serde::Serialize;
use std::{collections::BTreeSet, process::ExitCode};
use weir_core::{ResolveReport, Snapshot};

/// What `weir resolve -o json` prints: the form of the golden vectors, and beside it what they do not say.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    resolved: ResolveReport<'a>,
    /// Cluster IPs that are served elsewhere (`--map loopback`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mapped: Vec<MappedReport<'a>>,
    /// Lines of standard error.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    problems: &'a [Finding],
}

/// Prints what the node would serve. Problems go to standard error; if one takes away a whole object or document, or with
/// `--strict` if there is any, the exit code is 1.
pub(crate) fn resolve(options: &ResolveOptions) -> anyhow::Result<ExitCode> {
    let loaded = load(&options.objects)?;
    let mut view = View::of(&loaded.snapshot, &options.objects);
    check_namespace(&options.services, &loaded.snapshot)?;
    let mut found = findings(&loaded);
    found.extend(doubts(&loaded, &view));
    // Problems are those of all: a Service of another namespace may be why an address is not this one's.
    view.rows.retain(|row| options.services.has(&row.port.key.service));
    let resolved = ResolveReport::of_services(&loaded.snapshot, |service| options.services.has(service));
    let document = Report { resolved, mapped: view.mapped(), problems: &found };
    stdout::print(&options.output.text(&document, |wide| rows::table(&loaded, &view, wide))?)?;
    Ok(report(&found, options.strict))
}

/// Refuses a namespace in which no Service is.
fn check_namespace(services: &ServiceSelection, snapshot: &Snapshot) -> Result<(), UnknownName> {
    let Some(wanted) = &services.namespace else { return Ok(()) };
    let known: BTreeSet<&str> = snapshot.services().map(|service| &*service.key.namespace).collect();
    if known.contains(&**wanted) {
        return Ok(());
    }
    let known: Vec<&str> = known.into_iter().collect();
    Err(UnknownName::new(format_args!("no Service is in the namespace {wanted:?}"), wanted, &known))
}
