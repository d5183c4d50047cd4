//! Which arguments do the comparison and the measurements at scale have in common?

use clap::Args;
use std::path::PathBuf;

/// Arguments about the program that is measured, and about where it runs.
#[derive(Clone, Debug, Default, Args)]
pub struct ProgramArguments {
    /// The weir to run [default: built in the profile of this program]
    #[arg(long, value_name = "PATH", overrides_with = "weir")]
    pub weir: Option<PathBuf>,

    /// Set when the namespaces are entered
    #[arg(long, hide = true)]
    pub isolated: bool,
}
