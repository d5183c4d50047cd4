//! What did loading manifests find?

use crate::FileProblem;
use std::collections::BTreeMap;

/// Findings of loading manifests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Number of objects that are used.
    pub objects: usize,
    /// Everything that is wrong; the rest is served.
    pub problems: Vec<FileProblem>,
    /// Kinds that weir does not read (`apps/v1 Deployment`), with the number of skipped objects.
    pub skipped: BTreeMap<String, usize>,
}
