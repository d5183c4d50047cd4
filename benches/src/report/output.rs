//! Where does a report go besides standard output?

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Arguments for files that a report is written to.
#[derive(Clone, Debug, Default, Args)]
pub struct Output {
    /// Also write every figure to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Also draw the figures to this file, as SVG
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

impl Output {
    /// Writes a report, and the picture of it, to the files that are asked for.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, report: &impl Serialize, picture: impl FnOnce() -> String) -> Result<()> {
        if let Some(path) = &self.json {
            write(path, &serde_json::to_string_pretty(report)?)?;
        }
        if let Some(path) = &self.svg {
            write(path, &picture())?;
        }
        Ok(())
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
