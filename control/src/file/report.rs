//! What did loading manifests find?

use crate::{FileProblem, model::grouped};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

/// Findings of loading manifests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Number of objects that are used.
    pub objects: usize,
    /// Names of the Nodes among the objects.
    pub nodes: BTreeSet<Arc<str>>,
    /// Everything that is wrong; the rest is served.
    pub problems: Vec<FileProblem>,
    /// Kinds that weir does not read (`apps/v1 Deployment`), with the number of skipped objects.
    pub skipped: BTreeMap<String, usize>,
}

/// Largest number of problems and of unknown kinds that are listed for one file; a hostile file has millions.
pub(super) const MAX_PROBLEMS: usize = 1000;

/// Stands for `count` problems of a file or directory that are not listed; `None` if all are.
pub(super) fn more_problems(path: &Arc<Path>, count: usize) -> Option<FileProblem> {
    let s = if count == 1 { "" } else { "s" };
    let problem = FileProblem::of_file(path, format_args!("has {} more problem{s}", grouped(count)));
    (count > 0).then_some(FileProblem { count, ..problem })
}
