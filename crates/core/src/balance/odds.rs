//! What is the chance of each endpoint to get the next new flow? For operators; no choice depends on it.

/// Endpoints up to which chances are worked out: the work grows with the square of their number.
const MAX_ENDPOINTS: usize = 512;

/// How an algorithm chooses, as far as chances are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Draw {
    /// One endpoint.
    One,
    /// The cheaper of two different ones.
    Two,
    /// The cheaper of two that may be the same.
    TwoOrOne,
}

/// An endpoint that may be chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Share {
    /// Share of draws, compared with that of others; 0 for one that cannot be chosen.
    pub(super) weight: f64,
    /// What decides between two.
    pub(super) cost: f64,
}

/// Chance of each endpoint from 0 to 1; `None` if there are too many. All are 0 if none can be chosen.
pub(super) fn odds(draw: Draw, shares: &[Share]) -> Option<Vec<f64>> {
    let total: f64 = shares.iter().map(|share| share.weight).sum();
    if total <= 0.0 {
        return Some(vec![0.0; shares.len()]);
    }
    if draw == Draw::One {
        return Some(shares.iter().map(|share| share.weight / total).collect());
    }
    if shares.len() > MAX_ENDPOINTS {
        return None;
    }
    let mut odds = vec![0.0; shares.len()];
    for (first, one) in shares.iter().enumerate().filter(|(_, share)| share.weight > 0.0) {
        let rest = if draw == Draw::Two { total - one.weight } else { total };
        for (second, other) in shares.iter().enumerate() {
            let same = first == second;
            // With nothing else left the only one is drawn twice.
            let of_second = match rest > 0.0 {
                true if same && draw == Draw::Two => 0.0,
                true => other.weight / rest,
                false => f64::from(u8::from(same)),
            };
            let winner = if other.cost < one.cost { second } else { first };
            if let Some(odds) = odds.get_mut(winner) {
                *odds += one.weight / total * of_second;
            }
        }
    }
    Some(odds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shares(list: &[(f64, f64)]) -> Vec<Share> {
        list.iter().map(|&(weight, cost)| Share { weight, cost }).collect()
    }

    #[test]
    fn equal_endpoints_have_equal_chances_and_the_busiest_of_three_has_none_when_two_are_drawn() {
        let thirds = [1.0 / 3.0; 3];
        let close = |odds: Option<Vec<f64>>, wanted: [f64; 3]| {
            let odds = odds.unwrap();
            assert!(odds.iter().zip(wanted).all(|(is, wanted)| (is - wanted).abs() < 1e-9), "{odds:?}");
        };
        let equal = shares(&[(1.0, 0.0); 3]);
        [Draw::One, Draw::Two, Draw::TwoOrOne].into_iter().for_each(|draw| close(odds(draw, &equal), thirds));
        let uneven = shares(&[(1.0, 0.0), (1.0, 1.0), (1.0, 2.0)]);
        close(odds(Draw::One, &uneven), thirds);
        close(odds(Draw::Two, &uneven), [2.0 / 3.0, 1.0 / 3.0, 0.0]);
        close(odds(Draw::TwoOrOne, &uneven), [5.0 / 9.0, 3.0 / 9.0, 1.0 / 9.0]);
        close(odds(Draw::Two, &shares(&[(0.0, 0.0), (1.0, 9.0), (0.0, 0.0)])), [0.0, 1.0, 0.0]);
        close(odds(Draw::Two, &shares(&[(0.0, 0.0); 3])), [0.0; 3]);
    }

    proptest! {
        #[test]
        fn chances_add_up_to_one_and_nothing_without_weight_has_any(
            list in prop::collection::vec((0u8..4, 0u8..4), 1..20),
            draw in prop_oneof![Just(Draw::One), Just(Draw::Two), Just(Draw::TwoOrOne)],
        ) {
            let list: Vec<_> = list.iter().map(|&(weight, cost)| (f64::from(weight), f64::from(cost))).collect();
            let odds = odds(draw, &shares(&list)).unwrap();
            let any = list.iter().any(|(weight, _)| *weight > 0.0);
            prop_assert!((odds.iter().sum::<f64>() - f64::from(u8::from(any))).abs() < 1e-9);
            prop_assert!(odds.iter().zip(&list).all(|(odds, (weight, _))| *weight > 0.0 || *odds == 0.0));
        }
    }
}
