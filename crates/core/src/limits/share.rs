//! Does a newcomer get one of the places that are left? The Service that holds most is refused first.
//!
//! Dynamic thresholds, as switches share a packet memory among their ports (Choudhury and Hahne, "Dynamic Queue Length
//! Thresholds for Shared-Memory Packet Switches", IEEE/ACM Transactions on Networking 6(2), 1998): what one may hold is
//! a multiple of what is free. One that is alone may use nearly everything; the more there are, the less each may hold;
//! and no list of Services has to be looked at.

/// How many places a Service may hold for each one that is free: alone 16 of 17.
pub const SHARE: usize = 16;

/// Whether a Service that holds `own` places gets another one while `free` are left.
///
/// The last one is kept for a Service that holds none, so that a small limit is shared, too.
pub fn admits(own: usize, free: usize) -> bool {
    free > 0 && own <= SHARE.saturating_mul(free - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Fills `limit` places, of which `others` are held by others, with a Service that takes all it gets.
    fn fill(limit: usize, others: usize) -> usize {
        let mut own = 0;
        while admits(own, limit - others - own) {
            own += 1;
        }
        own
    }

    #[test]
    fn a_service_alone_may_use_16_of_17_places() {
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
            for turn in 0..held.len() {
                let free = limit - held.iter().sum::<usize>();
                match admits(held[turn], free) {
                    true => (held[turn], refused) = (held[turn] + 1, 0),
                    false => refused += 1,
                }
            }
        }
        let (least, most) = (held.iter().min().unwrap(), held.iter().max().unwrap());
        assert!(most - least <= 1, "{held:?}");
        assert!(limit - held.iter().sum::<usize>() >= limit / (20 * SHARE + 1), "{held:?}");
    }

    proptest! {
        #[test]
        fn whoever_is_refused_all_that_hold_more_are_refused_too(own in 0usize..5_000, more in 0usize..5_000, free in 0usize..500) {
            prop_assert!(admits(own, free) || !admits(own + more, free));
        }

        #[test]
        fn however_services_come_and_go_the_limit_holds_and_whoever_has_none_gets_the_last_place(
            limit in 1usize..200,
            steps in prop::collection::vec((0usize..5, prop::bool::weighted(0.8)), 1..1_000),
        ) {
            let mut held = [0usize; 5];
            for (service, comes) in steps {
                let free = limit - held.iter().sum::<usize>();
                if !comes {
                    held[service] = held[service].saturating_sub(1);
                } else if admits(held[service], free) {
                    prop_assert!(held[service] == 0 || free > 1, "the last place is for one that has none");
                    held[service] += 1;
                } else {
                    prop_assert!(held[service] > 0 || free == 0);
                }
                prop_assert!(held.iter().sum::<usize>() <= limit);
            }
        }
    }
}
