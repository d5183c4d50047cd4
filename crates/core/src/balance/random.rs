//! Random: every endpoint with the same probability, as kube-proxy does.

use super::candidates::Candidates;

pub(super) fn pick(candidates: &Candidates<'_>, entropy: u64) -> Option<usize> {
    candidates.any(entropy)
}
