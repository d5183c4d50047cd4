//! Does a Service get one more connection out of a budget that all Services share?
//!
//! Dynamic thresholds, as switches share a packet memory among their ports (Choudhury and Hahne, "Dynamic Queue Length
//! Thresholds for Shared-Memory Packet Switches", IEEE/ACM Transactions on Networking 6(2), 1998): what a Service may hold is
//! a multiple of what is free. A Service that is alone may use nearly everything; the more Services there are, the less each
//! may hold; the one that holds most is refused first; and no list of Services has to be looked at.

/// Permits that a Service may hold for each permit that is free: 16 of 17 if the Service is alone.
const MAX_HELD_PER_FREE: usize = 16;

/// Whether a Service that holds `held` permits gets one more while `free` permits are left. The last one is kept for a
/// Service that holds none, so that a small budget is shared, too.
pub fn admits(held: usize, free: usize) -> bool {
    free > 0 && held <= MAX_HELD_PER_FREE.saturating_mul(free - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Fills a budget of `limit` permits, of which `others` are held by others, for a Service that takes all it gets.
    fn fill(limit: usize, others: usize) -> usize {
        let mut own = 0;
        while admits(own, limit - others - own) {
            own += 1;
        }
        own
    }

    #[test]
    fn a_service_alone_may_use_16_of_17_permits() {
        for (limit, most) in [(1, 1), (2, 1), (16, 15), (17, 16), (170, 160), (17_000, 16_000)] {
            assert_eq!(fill(limit, 0), most, "of {limit}");
        }
        assert!(!admits(0, 0));
    }

    #[test]
    fn equal_services_hold_equally_many_and_leave_room() {
        let limit = 10_000;
        let mut held = [0usize; 20];
        let mut refused = 0;
        while refused < held.len() {
            for service in 0..held.len() {
                let free = limit - held.iter().sum::<usize>();
                match admits(held[service], free) {
                    true => (held[service], refused) = (held[service] + 1, 0),
                    false => refused += 1,
                }
            }
        }
        let (least, most) = (held.iter().min().unwrap(), held.iter().max().unwrap());
        assert!(most - least <= 1, "{held:?}");
        assert!(limit - held.iter().sum::<usize>() >= limit / (20 * MAX_HELD_PER_FREE + 1), "{held:?}");
    }

    proptest! {
        #[test]
        fn whoever_is_refused_all_that_hold_more_are_refused_too(own in 0usize..5_000, more in 0usize..5_000, free in 0usize..500) {
            prop_assert!(admits(own, free) || !admits(own + more, free));
        }

        #[test]
        fn however_services_come_and_go_the_limit_holds_and_whoever_has_none_gets_the_last_permit(
            limit in 1usize..200,
            steps in prop::collection::vec((0usize..5, prop::bool::weighted(0.8)), 1..1_000),
        ) {
            let mut held = [0usize; 5];
            for (service, comes) in steps {
                let free = limit - held.iter().sum::<usize>();
                if !comes {
                    held[service] = held[service].saturating_sub(1);
                } else if admits(held[service], free) {
                    prop_assert!(held[service] == 0 || free > 1, "the last permit is for one that holds none");
                    held[service] += 1;
                } else {
                    prop_assert!(held[service] > 0 || free == 0);
                }
                prop_assert!(held.iter().sum::<usize>() <= limit);
            }
        }
    }
}
