//! Which weir is this, and how was it built? The same sources print the same text: no time of the build, no path.

use crate::{
    cli::VersionOptions,
    output::stdout,
    version::{COMMIT, COMPILER, FEATURES, TARGET, VERSION},
};
use serde::Serialize;
use std::{fmt::Write, process::ExitCode};

/// What `weir version -o json` prints.
#[derive(Debug, Serialize)]
struct Built {
    version: &'static str,
    /// Commit of the sources; null where the build could not tell.
    commit: Option<&'static str>,
    features: Vec<&'static str>,
    target: Option<&'static str>,
    compiler: Option<&'static str>,
}

/// Prints the version and how this program was built.
pub(crate) fn version(options: &VersionOptions) -> anyhow::Result<ExitCode> {
    let built = Built {
        version: VERSION,
        commit: COMMIT,
        features: FEATURES.into_iter().flat_map(|features| features.split(',')).collect(),
        target: TARGET,
        compiler: COMPILER,
    };
    stdout::print(&options.output.text(&built, |_| built.page())?)?;
    Ok(ExitCode::SUCCESS)
}

impl Built {
    fn page(&self) -> String {
        let features = if self.features.is_empty() { "none".to_owned() } else { self.features.join(", ") };
        let mut page = format!("weir {}\n", self.version);
        for (name, value) in [
            ("commit", self.commit.unwrap_or("not known: built outside of a git repository")),
            ("features", &features),
            ("target", self.target.unwrap_or("not known")),
            ("compiler", self.compiler.unwrap_or("not known")),
        ] {
            let _ = writeln!(page, "{name:<10}{value}");
        }
        page
    }
}
