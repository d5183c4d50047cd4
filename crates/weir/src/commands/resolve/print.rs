//! What would this node serve? `weir resolve` reads manifests once and prints what follows from them.

use super::rows;
use crate::{
    cli::{Output, ResolveOptions},
    output::stdout,
};
use anyhow::Context;
use std::process::ExitCode;
use weir_control::Loaded;
use weir_core::resolved::Resolved;

/// Prints what the node would serve. What is wrong with the manifests goes to standard error; if that takes away a
/// whole object or document, the exit code is 1.
pub(crate) fn resolve(options: &ResolveOptions) -> anyhow::Result<ExitCode> {
    let loaded = options.manifests.load()?;
    let text = match options.output {
        Output::Json => {
            let resolved = Resolved::of(&loaded.snapshot);
            serde_json::to_string_pretty(&resolved).context("cannot write JSON")? + "\n"
        }
        Output::Table => rows::table(&loaded.snapshot, &options.manifests.node_port_addresses).to_string(),
    };
    stdout::print(&text)?;
    Ok(report(&loaded))
}

/// Says what is wrong with manifests. A failure, if that takes away a whole object or document.
pub(crate) fn report(loaded: &Loaded) -> ExitCode {
    let Loaded { report, refused, .. } = loaded;
    for problem in refused {
        eprintln!("warning: {problem}");
    }
    let mut code = ExitCode::SUCCESS;
    for problem in &report.problems {
        if problem.refused {
            eprintln!("error: {problem}");
            code = ExitCode::FAILURE;
        } else {
            // A part that the API server itself would tolerate (semantics A2, A3, A5).
            eprintln!("warning: {problem}");
        }
    }
    for (kind, count) in &report.skipped {
        eprintln!("note: {count} x {kind}: not a kind that weir looks at");
    }
    code
}
