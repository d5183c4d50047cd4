//! Random: every endpoint with the same probability, as kube-proxy does.

use super::{Candidates, scale};

pub(super) fn pick(candidates: &Candidates<'_>, entropy: u64) -> Option<usize> {
    candidates.nth(scale(entropy as u32, candidates.len))
}
