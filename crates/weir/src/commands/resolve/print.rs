//! What would this node serve? `weir resolve` reads manifests once and prints what follows from them.

use super::rows;
use crate::{
    cli::{Output, ResolveOptions},
    commands::problems::report,
    output::stdout,
};
use anyhow::Context;
use std::process::ExitCode;
use weir_core::ResolveReport;

/// Prints what the node would serve. Problems of the manifests go to standard error; if one takes away a whole object or
/// document, the exit code is 1.
pub(crate) fn resolve(options: &ResolveOptions) -> anyhow::Result<ExitCode> {
    let loaded = options.manifests.load()?;
    let text = match options.output {
        Output::Json => {
            let resolved = ResolveReport::of(&loaded.snapshot);
            serde_json::to_string_pretty(&resolved).context("cannot write JSON")? + "\n"
        }
        Output::Table => rows::table(&loaded.snapshot, &options.manifests.node_port_addresses).to_string(),
    };
    stdout::print(&text)?;
    Ok(report(&loaded))
}
