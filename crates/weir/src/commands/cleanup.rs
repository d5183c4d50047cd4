//! How does a node look as if weir had never been there? `weir cleanup` removes its rules, routes and files.

use crate::{cli::CleanupOptions, output::stdout};
use anyhow::{Context, bail};
use std::process::ExitCode;
use tokio::runtime::Builder;

/// Removes the rules and routes of a weir that no longer runs, and prints their names.
pub(crate) fn cleanup(options: &CleanupOptions) -> anyhow::Result<ExitCode> {
    let runtime_dir = options.runtime_dir();
    if !options.force && weir_capture::is_running_with(runtime_dir.as_deref())? {
        bail!(
            "a weir is running on this node and would put its rules back: stop it first \
             (--force removes them all the same)"
        );
    }
    let runtime = Builder::new_current_thread().enable_all().build().context("cannot start a runtime")?;
    let removed = runtime.block_on(weir_capture::cleanup(runtime_dir.as_deref()))?;
    stdout::print(&removed.to_string())?;
    Ok(ExitCode::SUCCESS)
}
