//! Peak EWMA: of two random endpoints the one with the lower product of connect time and live connections.
//!
//! A slow endpoint gets fewer connections before it has many (Finagle, "Aperture Load Balancers"; also in Linkerd).

use super::Candidates;

pub(super) fn pick(candidates: &Candidates<'_>, entropy: u64) -> Option<usize> {
    let (first, second) = candidates.two(entropy)?;
    let cost = |index: usize| {
        let load = &candidates.targets[index].load;
        load.smoothed().cost(load.live())
    };
    Some(if cost(second) < cost(first) { second } else { first })
}
