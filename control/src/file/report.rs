//! What did loading manifests find?

use crate::FileProblem;
use std::collections::BTreeMap;

/// What loading manifests found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many objects are used.
    pub objects: usize,
    /// What is wrong; what is right is served.
    pub problems: Vec<FileProblem>,
    /// Kinds that weir does not look at (`apps/v1 Deployment`), and how many objects of each were skipped.
    pub skipped: BTreeMap<String, usize>,
}
