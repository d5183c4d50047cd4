//! Which candidate, each with the same probability, as kube-proxy chooses? (policy `random`)

use super::candidates::Candidates;

pub(super) fn pick(candidates: &Candidates<'_>, entropy: u64) -> Option<usize> {
    candidates.any(entropy)
}
