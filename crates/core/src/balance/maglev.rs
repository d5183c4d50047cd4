//! Which candidate does a flow's hash give, the same on every node, with few flows that move when the set changes?
//! (policy `maglev`)
//!
//! Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, section 3.4. Every
//! endpoint has its own permutation of the table's slots; endpoints take turns claiming the next free slot of theirs. One of
//! a smaller weight misses turns (as in Envoy and Katran): permutations do not depend on weights, so a change of one moves few
//! flows that need not move.

use super::{candidates::Candidates, target::Target, weights::Weights};
use crate::model::{address_bytes, stable_hasher};
use std::hash::Hasher;

/// Slots of the table for each endpoint at least. An endpoint's share of flows is then within one slot in 128 of the mean,
/// and less than two in a hundred flows move that need not (measured in the property tests).
const MIN_SLOTS_PER_ENDPOINT: usize = 128;

/// Table sizes in slots: primes, so that every skip visits every slot. The last is also used for larger sets, more
/// coarsely.
const TABLE_SIZES: [usize; 6] = [1_021, 4_093, 16_381, 65_521, 262_139, 1_048_573];

const OFFSET_KEY: u64 = 1;
const SKIP_KEY: u64 = 2;
const EMPTY: u32 = u32::MAX;

/// The lookup table of a set: the index of an endpoint in each slot.
#[derive(Debug)]
pub(super) struct Maglev {
    table: Box<[u32]>,
}

impl Maglev {
    pub(super) fn build(targets: &[Target], weights: Option<&Weights>) -> Self {
        if targets.is_empty() {
            return Self { table: Box::default() };
        }
        let size = table_size(targets.len());
        let mut walks: Vec<Walk> = targets.iter().map(|target| Walk::of(target, size)).collect();
        let mut table = vec![EMPTY; size];
        let mut filled = 0;
        let mut turns = weights.map(Turns::new);
        'fill: loop {
            for (index, walk) in (0u32..).zip(&mut walks) {
                if turns.as_mut().is_some_and(|turns| !turns.has(index as usize)) {
                    continue;
                }
                let slot = walk.next_free(&table);
                table[slot] = index;
                filled += 1;
                if filled == size {
                    break 'fill;
                }
            }
            if let Some(turns) = &mut turns {
                turns.round += 1;
            }
        }
        Self { table: table.into() }
    }

    pub(super) fn pick(&self, candidates: &Candidates<'_>, hash: u64) -> Option<usize> {
        if candidates.targets.is_empty() {
            return None;
        }
        let start = (hash % self.table.len() as u64) as usize;
        let (before, from) = self.table.split_at(start);
        from.iter().chain(before).map(|&index| index as usize).find(|&index| candidates.is_allowed(index))
    }
}

fn table_size(endpoints: usize) -> usize {
    let wanted = endpoints.saturating_mul(MIN_SLOTS_PER_ENDPOINT);
    TABLE_SIZES.into_iter().find(|&size| size >= wanted).unwrap_or(TABLE_SIZES[TABLE_SIZES.len() - 1])
}

/// Rounds in which each endpoint claims a slot: all in the first one, so that each has a slot, then those of the largest
/// weight in each, and the others in proportion to their weights.
struct Turns<'a> {
    weights: &'a Weights,
    most: u64,
    round: u64,
    /// For each endpoint its turns so far times the largest weight.
    taken: Vec<u64>,
}

impl<'a> Turns<'a> {
    fn new(weights: &'a Weights) -> Self {
        Self { weights, most: weights.most(), round: 0, taken: Vec::new() }
    }

    /// Whether an endpoint has a turn in this round, which is taken.
    fn has(&mut self, index: usize) -> bool {
        if self.taken.len() <= index {
            self.taken.resize(index + 1, 0);
        }
        let due = self.round * u64::from(self.weights.get(index).get()) >= self.taken[index];
        if due {
            self.taken[index] += self.most;
        }
        due
    }
}

/// One endpoint's permutation of all slots: `slot`, then every `skip`-th.
struct Walk {
    slot: usize,
    skip: usize,
}

impl Walk {
    fn of(target: &Target, size: usize) -> Self {
        let hash = |key| {
            let mut hasher = stable_hasher(key);
            hasher.write(&address_bytes(target.address));
            hasher.finish()
        };
        let slot = (hash(OFFSET_KEY) % size as u64) as usize;
        let skip = (hash(SKIP_KEY) % (size as u64 - 1)) as usize + 1;
        Self { slot, skip }
    }

    /// Takes the next free slot of the walk. The caller stops when the table is full, so one is left.
    fn next_free(&mut self, table: &[u32]) -> usize {
        loop {
            let slot = self.slot;
            self.slot = (slot + self.skip) % table.len();
            if table[slot] == EMPTY {
                return slot;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{net::SocketAddr, sync::Arc};

    fn targets(count: u32) -> Vec<Target> {
        let address =
            |index: u32| SocketAddr::new(std::net::Ipv4Addr::from(0x0af4_0000 + index).into(), 8080);
        (0..count).map(|index| Target { address: address(index), load: Arc::default() }).collect()
    }

    #[test]
    fn each_share_is_within_two_percent_of_the_mean_and_one_slot() {
        for count in [1, 2, 3, 7, 8, 10, 100, 128, 333, 512, 999, 1000] {
            let table = Maglev::build(&targets(count), None).table;
            let mean = table.len() as f64 / f64::from(count);
            let mut shares = vec![0u32; count as usize];
            table.iter().for_each(|&index| shares[index as usize] += 1);
            for share in shares {
                let off = (f64::from(share) - mean).abs();
                assert!(off <= 0.02 * mean + 1.0, "{count} endpoints: {share} slots, the mean is {mean}");
            }
        }
    }

    #[test]
    fn the_table_is_the_same_on_every_node_and_release() {
        let table = Maglev::build(&targets(5), None).table;
        let mut hasher = stable_hasher(0);
        table.iter().for_each(|index| hasher.write(&index.to_le_bytes()));
        assert_eq!(
            (table.len(), &table[..8], hasher.finish()),
            (1021, &[3, 4, 1, 2, 0, 1, 4, 3][..], 6_509_339_424_651_207_981)
        );
    }

    #[test]
    fn a_set_larger_than_the_largest_table_still_gives_every_pick() {
        let table = Maglev::build(&targets(9000), None).table;
        assert_eq!(table.len(), TABLE_SIZES[TABLE_SIZES.len() - 1]);
        assert!(table.iter().all(|&index| index < 9000));
    }
}
