//! When does a connection end that neither side ends?

use crate::{
    limits::jitter,
    model::{Endpoint, EndpointRemoved},
};
use std::{collections::HashSet, net::SocketAddr, time::Duration};

/// How long a connection lives that may become `most` old: up to a tenth less, so that those that began together do not
/// end together. `chance` is uniform over all its values.
pub fn lifetime(most: Duration, chance: u32) -> Duration {
    most.mul_f64(1.0 - jitter::fraction(chance) / 10.0)
}

/// How long a connection goes on once its endpoint is removed; `None` is for as long as both sides like.
pub fn time_left(rule: EndpointRemoved, chance: u32) -> Option<Duration> {
    match rule {
        EndpointRemoved::Keep => None,
        EndpointRemoved::Drain(most) => Some(jitter::part_of(most, chance)),
        EndpointRemoved::Reset => Some(Duration::ZERO),
    }
}

/// The addresses that are no longer in any slice. Not being ready, or terminating, is not being removed.
pub fn removed(before: &[Endpoint], now: &[Endpoint]) -> Vec<SocketAddr> {
    let present: HashSet<SocketAddr> = now.iter().map(|endpoint| endpoint.address).collect();
    let addresses = before.iter().map(|endpoint| endpoint.address);
    addresses.filter(|address| !present.contains(address)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Conditions;
    use proptest::prelude::*;

    const LONGEST: u64 = 30 * 24 * 3600 * 1000;

    proptest! {
        #[test]
        fn a_connection_lives_for_nine_tenths_of_the_greatest_age_or_longer(most in 1000..=LONGEST, chance: u32) {
            let most = Duration::from_millis(most);
            let lifetime = lifetime(most, chance);
            prop_assert!((most.mul_f64(0.9)..=most).contains(&lifetime), "{lifetime:?} of {most:?}");
        }

        #[test]
        fn a_drain_ends_each_connection_within_its_time(most in 1000..=LONGEST, chance: u32) {
            let most = Duration::from_millis(most);
            prop_assert!(time_left(EndpointRemoved::Drain(most), chance).unwrap() <= most);
            prop_assert_eq!(time_left(EndpointRemoved::Keep, chance), None);
            prop_assert_eq!(time_left(EndpointRemoved::Reset, chance), Some(Duration::ZERO));
        }
    }

    #[test]
    fn chance_reaches_both_ends() {
        let most = Duration::from_secs(100);
        assert_eq!((lifetime(most, 0), lifetime(most, u32::MAX)), (most, Duration::from_secs(90)));
        let drain = |chance| time_left(EndpointRemoved::Drain(most), chance);
        assert_eq!((drain(0), drain(u32::MAX)), (Some(Duration::ZERO), Some(most)));
    }

    #[test]
    fn an_endpoint_that_is_in_some_slice_is_not_removed_whatever_its_conditions() {
        let endpoint = |port: u16| Endpoint::ready(([10, 0, 0, 1], port).into());
        let terminating = Conditions { ready: false, serving: false, terminating: true };
        let leaving = Endpoint { conditions: terminating, ..endpoint(2) };
        let before = [endpoint(1), endpoint(2), endpoint(3)];
        assert_eq!(removed(&before, &[endpoint(1), leaving]), [endpoint(3).address]);
        assert_eq!(removed(&before, &before), []);
    }
}
