//! Which settings do `weir demo`, `weir resolve`, `weir cleanup` and the commands about weir itself take?

mod selection;
mod tools;

use super::{
    objects::{ObjectArgs, ObjectOptions},
    run::workers,
    values::{Folder, absolute_folder},
};
use crate::output::format::Output;
use clap::{Args, value_parser};
use std::{num::NonZeroUsize, path::PathBuf};
use weir_capture::RuntimeDir;

pub(crate) use selection::{LabelSelection, ServiceSelection};
pub(super) use tools::ManArgs;
pub use tools::{CompletionOptions, ManOptions, VersionOptions};

/// Settings of `weir demo`.
#[derive(Args, Clone, Debug)]
pub struct DemoOptions {
    /// End after this many seconds, with exit code 0 [default: run until Ctrl-C]
    #[arg(long, value_name = "N")]
    pub(crate) seconds: Option<u32>,

    /// Worker threads [default: one a core]
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=256))]
    workers: Option<u16>,

    /// Endpoints behind the Service
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = value_parser!(u16).range(1..=100))]
    pub(crate) endpoints: u16,

    /// Requests a second that the demo makes itself; 0 for none
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = value_parser!(u32).range(..=100_000))]
    pub(crate) rate: u32,
}

impl DemoOptions {
    /// Number of worker threads.
    pub(crate) fn workers(&self) -> NonZeroUsize {
        workers(self.workers)
    }
}

/// Settings of `weir cleanup`.
#[derive(Args, Clone, Debug)]
pub struct CleanupOptions {
    /// Remove them even while a weir runs on this node, which writes them again within seconds
    #[arg(long)]
    pub(crate) force: bool,

    /// Folder in which weirs of one host find each other, as weir run has it; files of those that no longer run are removed
    /// [default: /run/weir as root, else $XDG_RUNTIME_DIR/weir]
    #[arg(long, value_name = "DIR", value_parser = absolute_folder)]
    runtime_dir: Option<Folder>,
}

impl CleanupOptions {
    /// The runtime directory; `None` for none.
    pub(crate) fn runtime_dir(&self) -> Option<PathBuf> {
        self.runtime_dir.clone().map_or_else(RuntimeDir::default_path, |folder| folder.0)
    }
}

/// The flags of `weir resolve`.
#[derive(Args, Debug)]
pub(super) struct ResolveArgs {
    #[command(flatten)]
    objects: ObjectArgs,

    #[command(flatten)]
    services: ServiceSelection,

    /// Exit with 1 if anything is wrong: an object or a part of one that would not be served as it is written
    #[arg(long)]
    strict: bool,

    /// Output format
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Output,
}

/// Settings of `weir resolve`, checked and complete.
#[derive(Clone, Debug)]
pub struct ResolveOptions {
    /// Objects to read, and the node that they are read for.
    pub(crate) objects: ObjectOptions,
    /// Services that are shown.
    pub(crate) services: ServiceSelection,
    /// Whether every problem makes the exit code 1.
    pub(crate) strict: bool,
    /// Output format.
    pub(crate) output: Output,
}

impl ResolveArgs {
    /// Checks the flags together.
    pub(super) fn options(self) -> Result<ResolveOptions, clap::Error> {
        Ok(ResolveOptions {
            objects: self.objects.options(&[])?,
            services: self.services,
            strict: self.strict,
            output: self.output,
        })
    }
}
