//! What would this node serve? `weir resolve` reads objects once and prints what follows from them.

use super::{
    doubts::doubts,
    rows,
    view::{MappedReport, View},
};
use crate::{
    cli::{Output, ResolveOptions},
    commands::{
        load::load,
        problems::{Finding, findings, report},
    },
    output::stdout,
};
use anyhow::Context;
use serde::Serialize;
use std::process::ExitCode;
use weir_core::ResolveReport;

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
    let view = View::of(&loaded.snapshot, &options.objects);
    let mut found = findings(&loaded);
    found.extend(doubts(&loaded, &view));
    let text = match options.output {
        Output::Json => {
            let resolved = ResolveReport::of(&loaded.snapshot);
            let report = Report { resolved, mapped: view.mapped(), problems: &found };
            serde_json::to_string_pretty(&report).context("cannot write JSON")? + "\n"
        }
        Output::Table => rows::table(&loaded, &view),
    };
    stdout::print(&text)?;
    Ok(report(&found, options.strict))
}
