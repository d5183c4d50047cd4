//! Which of many places comes next, so that each comes again as late as can be and nobody can guess it?
//!
//! As by algorithm 4 of RFC 6056, the pair of addresses selects a counter, by a hash that nobody else can compute. Instead of
//! being added to an offset, the count is enciphered by that hash: what comes next cannot be told from what came before,
//! although every place comes once before any comes again.

use crate::model::address_bytes;
use siphasher::sip::SipHasher13;
use std::{
    fmt,
    hash::Hasher,
    net::{IpAddr, SocketAddr},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

/// Counters of a worker. Pairs of addresses that share one only make each other's ports come again sooner.
const COUNTERS: usize = 1024;

/// An odd number without a pattern of bits: 2^64 divided by the golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// What makes the ports of a process unpredictable: random, and the same for all its workers.
#[derive(Clone, Copy)]
pub struct PortSecret(u128);

impl PortSecret {
    /// Takes 128 random bits.
    pub fn new(random: u128) -> Self {
        Self(random)
    }
}

impl fmt::Debug for PortSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PortSecret")
    }
}

/// The counters by which one worker chooses source ports. Each worker has ports of its own of every pair of addresses, and
/// takes others only when those are in use.
#[derive(Debug)]
pub struct PortCounters {
    secret: PortSecret,
    /// The number of this worker, below that of all.
    worker: u32,
    /// Workers of the process, at least one.
    workers: u32,
    /// Atomic because settings of sockets cross threads; only the worker counts.
    counts: Box<[AtomicU32]>,
}

impl PortCounters {
    /// Creates the counters of worker number `worker` of `workers`, which all have the same secret.
    pub fn new(secret: PortSecret, worker: usize, workers: usize) -> Self {
        let workers = u32::try_from(workers).unwrap_or(u32::MAX).max(1);
        let worker = u32::try_from(worker).unwrap_or(0) % workers;
        Self { secret, worker, workers, counts: (0..COUNTERS).map(|_| AtomicU32::new(0)).collect() }
    }

    /// The counter of a client and an endpoint, for the choice among `places`.
    pub(super) fn of(&self, client: IpAddr, endpoint: SocketAddr, places: u32) -> Option<Counter<'_>> {
        let PortSecret(secret) = self.secret;
        let mut hasher = SipHasher13::new_with_keys(secret as u64, (secret >> 64) as u64);
        hasher.write(&address_bytes(SocketAddr::new(client, 0)));
        hasher.write(&address_bytes(endpoint));
        let key = hasher.finish();
        let count = self.counts.get(key as usize % COUNTERS)?;
        // With fewer places than workers some share one.
        let step = self.workers.min(places);
        let part = self.worker.checked_rem(step)?;
        let own = (places - part).div_ceil(step);
        Some(Counter { count, key, places, part, step, own })
    }
}

/// The counter of a pair of addresses, on one worker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counter<'a> {
    count: &'a AtomicU32,
    key: u64,
    /// Places to choose from, at least one.
    places: u32,
    /// The least number that is the worker's own.
    part: u32,
    /// Distance from one of the worker's numbers to the next.
    step: u32,
    /// The worker's numbers, at least one.
    pub(super) own: u32,
}

impl Counter<'_> {
    /// The count before the next step.
    pub(super) fn count(self) -> u32 {
        self.count.load(Relaxed)
    }

    /// Goes on by one; the next count is `count` + 1.
    pub(super) fn advance(self, count: u32) {
        self.count.store(count.wrapping_add(1), Relaxed);
    }

    /// The worker's own place at a count, below the number of places. Places differ for as many counts as the worker has
    /// places.
    pub(super) fn place(self, count: u32) -> u32 {
        permuted(self.part + self.step * (count % self.own), self.places, self.key)
    }

    /// The place of a number, both below the number of places, in an order that is another one for each count.
    pub(super) fn shuffled(self, count: u32, number: u32) -> u32 {
        permuted(number, self.places, self.key ^ SPREAD.wrapping_mul(u64::from(count) + 1))
    }
}

/// Another number below `count`, by an order of all of them that follows from the key: a Feistel network of four rounds over the
/// next power of two, entered again while it leads beyond (cycle walking).
fn permuted(number: u32, count: u32, key: u64) -> u32 {
    let bits = u32::BITS - count.saturating_sub(1).leading_zeros();
    let low_bits = bits / 2;
    let (low_mask, high_mask) = ((1 << low_bits) - 1, (1 << (bits - low_bits)) - 1);
    let mut number = number;
    loop {
        let (mut low, mut high) = (number & low_mask, number >> low_bits);
        for key in [key, key.rotate_left(32)] {
            low ^= mixed(high, key) & low_mask;
            high ^= mixed(low, key.rotate_left(16)) & high_mask;
        }
        number = high << low_bits | low;
        if number < count {
            return number;
        }
    }
}

/// Mixes one half of a number with the key, as wyhash and rapidhash do: a product of twice the width, folded. That is no
/// cipher to withstand who sees many ports of a pair. Who does is the pair's endpoint, and the key tells nothing of others.
fn mixed(half: u32, key: u64) -> u32 {
    let product = u128::from(u64::from(half) ^ key) * u128::from(SPREAD);
    (product >> 64) as u32 ^ product as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn an_order_has_every_number_once(count in 1_u32..3000, key: u64) {
            let numbers: BTreeSet<u32> = (0..count).map(|number| permuted(number, count, key)).collect();
            prop_assert_eq!(numbers, (0..count).collect());
        }

        #[test]
        fn workers_share_all_places_and_none_is_of_two(places in 1_u32..3000, workers in 1_usize..70, secret: u128) {
            let (client, endpoint) = (IpAddr::from([10, 0, 0, 1]), SocketAddr::from(([10, 0, 0, 2], 80)));
            let mut found: Vec<u32> = Vec::new();
            for worker in 0..workers.min(places as usize) {
                let counters = PortCounters::new(PortSecret::new(secret), worker, workers);
                let counter = counters.of(client, endpoint, places).unwrap();
                found.extend((7..7 + counter.own).map(|count| counter.place(count)));
            }
            found.sort_unstable();
            prop_assert_eq!(found, (0..places).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_next_number_cannot_be_told_from_the_one_before() {
        const COUNT: u32 = 31_744;
        // Of 256 classes of distances each has a 256th of all, whatever the key.
        for key in 0..20_u64 {
            let mut distances = [0_u32; 256];
            for number in 1..COUNT {
                let [before, after] = [number - 1, number].map(|number| permuted(number, COUNT, key));
                let distance = (after + COUNT - before) % COUNT;
                distances[(distance / (COUNT / 256)) as usize] += 1;
            }
            assert!(distances.iter().all(|times| (60..200).contains(times)), "{key}: {distances:?}");
        }
    }

    #[test]
    fn the_secret_is_not_shown() {
        let counters = PortCounters::new(PortSecret::new(0x1234), 0, 1);
        assert!(format!("{counters:?}").starts_with("PortCounters { secret: PortSecret, worker: 0"));
    }
}
