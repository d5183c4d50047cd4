//! How large is each endpoint's share, where the endpoints of a set differ in weight?
//!
//! Each pick here costs a search among the sums of weights. Sets whose endpoints all have one weight have no [`Weights`],
//! and do not come here.

use super::candidates::{Candidates, next};
use crate::health::Load;
use std::num::NonZeroU16;

/// Random draws before all endpoints are looked at instead: so many misses mean that few endpoints are candidates.
const MAX_DRAWS: usize = 8;

/// Weights of the endpoints of a set, without their common divisor.
#[derive(Debug)]
pub(super) struct Weights {
    of: Box<[NonZeroU16]>,
    /// For each endpoint the sum of the weights up to its own; the last is the sum of all.
    sums: Box<[u64]>,
    least: NonZeroU16,
}

impl Weights {
    /// The weights of a set, in list order; `None` if they do not differ.
    pub(super) fn differing(of: impl Iterator<Item = NonZeroU16> + Clone) -> Option<Self> {
        let least = of.clone().min()?;
        if of.clone().all(|weight| weight == least) {
            return None;
        }
        let divisor =
            of.clone().fold(0, |divisor, weight| greatest_common_divisor(divisor, weight.get().into()));
        let reduced = |weight: NonZeroU16| {
            let reduced = u64::from(weight.get()).checked_div(divisor)?;
            NonZeroU16::new(u16::try_from(reduced).ok()?)
        };
        let of: Box<[NonZeroU16]> = of.filter_map(reduced).collect();
        let sums = of.iter().scan(0, |sum, weight| {
            *sum += u64::from(weight.get());
            Some(*sum)
        });
        Some(Self { sums: sums.collect(), least: reduced(least)?, of })
    }

    /// The weight of an endpoint.
    pub(super) fn get(&self, index: usize) -> NonZeroU16 {
        self.of[index]
    }

    /// The largest weight.
    pub(super) fn most(&self) -> u64 {
        self.of.iter().max().map_or(1, |most| most.get().into())
    }

    /// The sum of all weights.
    pub(super) fn total(&self) -> u64 {
        self.sums.last().copied().unwrap_or_default()
    }

    /// The endpoint at a point of `0..total`, where endpoints lie one after another, each as long as its weight.
    pub(super) fn at(&self, point: u64) -> usize {
        self.sums.partition_point(|&sum| sum <= point)
    }

    /// A random candidate other than `but`, with a probability in proportion to its weight.
    pub(super) fn draw(
        &self,
        candidates: &Candidates<'_>,
        mut entropy: u64,
        but: Option<usize>,
    ) -> Option<usize> {
        let fits = |index: usize| Some(index) != but && candidates.is_allowed(index);
        for _ in 0..MAX_DRAWS {
            let index = self.at(scale(entropy, self.total()));
            if fits(index) {
                return Some(index);
            }
            entropy = next(entropy);
        }
        let fitting = || self.of.iter().enumerate().filter(|&(index, _)| fits(index));
        let weight = |of: &NonZeroU16| u64::from(of.get());
        let mut left = scale(entropy, fitting().map(|(_, of)| weight(of)).sum());
        let mut drawn = None;
        for (index, of) in fitting() {
            drawn = Some(index);
            match left.checked_sub(weight(of)) {
                Some(rest) => left = rest,
                None => break,
            }
        }
        drawn
    }

    /// Cost of choosing an endpoint: `time` times the connections with the new one, divided by the weight. Up to one connection
    /// of the smallest endpoint all count the same: else idle endpoints of small weight would always lose to larger ones, of
    /// which a connection takes a smaller part.
    pub(super) fn cost(&self, index: usize, load: &Load, time: f64) -> f64 {
        let relative = f64::from(self.least.get()) / f64::from(self.of[index].get());
        time * ((load.live() + 1) as f64 * relative).max(1.0)
    }

    /// The candidate of two that costs less, where `time` is that of an endpoint.
    pub(super) fn cheaper(
        &self,
        candidates: &Candidates<'_>,
        two: (usize, usize),
        entropy: u64,
        time: impl Fn(&Load) -> f64,
    ) -> usize {
        let cost = |index: usize| {
            let load = &*candidates.targets[index].load;
            self.cost(index, load, time(load))
        };
        let (first, second) = two;
        candidates
            .fewer_ends(two, entropy)
            .unwrap_or_else(|| if cost(second) < cost(first) { second } else { first })
    }
}

/// Maps 64 random bits to `0..n`; 0 if `n` is 0.
fn scale(bits: u64, n: u64) -> u64 {
    ((u128::from(bits) * u128::from(n)) >> 64) as u64
}

/// The greatest common divisor (Euclid); that of 0 and a number is the number.
fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(of: &[u16]) -> Option<Weights> {
        Weights::differing(of.iter().filter_map(|&weight| NonZeroU16::new(weight)))
    }

    #[test]
    fn equal_weights_are_none_whatever_they_are() {
        for of in [&[][..], &[5], &[100, 100], &[65_535; 50]] {
            assert!(weights(of).is_none());
        }
    }

    #[test]
    fn every_point_belongs_to_one_endpoint_and_each_has_as_many_as_its_weight_without_the_common_divisor() {
        let weights = weights(&[200, 100, 300]).unwrap();
        let points: Vec<usize> = (0..weights.total()).map(|point| weights.at(point)).collect();
        assert_eq!(points, [0, 0, 1, 2, 2, 2]);
    }
}
