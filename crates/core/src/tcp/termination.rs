//! When does the proxy end a connection that neither side ends?

use crate::{
    limits::jitter,
    model::{Endpoint, EndpointRemoved},
};
use std::{collections::HashSet, net::SocketAddr, time::Duration};

/// Time that a connection of which one side has failed may go on without the other side taking something of what the failed one
/// has said; then that side is reset as well.
pub const LINGER_TIMEOUT: Duration = Duration::from_secs(30);

/// Lifetime of a connection that may become `max_age` old: up to a tenth less, so that connections that began together do not
/// end together. `entropy` is uniform over all its values.
pub fn lifetime(max_age: Duration, entropy: u32) -> Duration {
    max_age.mul_f64(1.0 - jitter::fraction(entropy) / 10.0)
}

/// Time that a connection goes on after its endpoint was removed; `None` is for as long as both sides like. A drain spreads
/// connections over its whole time. `entropy` is uniform over all its values.
pub fn time_left(rule: EndpointRemoved, entropy: u32) -> Option<Duration> {
    match rule {
        EndpointRemoved::Keep => None,
        EndpointRemoved::Drain(most) => Some(jitter::part_of(most, entropy)),
        EndpointRemoved::Reset => Some(Duration::ZERO),
    }
}

/// Addresses of `before` that are no longer in any slice. An endpoint that is not ready, or terminating, is not removed.
pub fn removed_addresses(before: &[Endpoint], now: &[Endpoint]) -> Vec<SocketAddr> {
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
        fn a_connection_lives_for_nine_tenths_of_the_greatest_age_or_longer(most in 1000..=LONGEST, entropy: u32) {
            let most = Duration::from_millis(most);
            let lifetime = lifetime(most, entropy);
            prop_assert!((most.mul_f64(0.9)..=most).contains(&lifetime), "{lifetime:?} of {most:?}");
        }

        #[test]
        fn a_drain_ends_each_connection_within_its_time(most in 1000..=LONGEST, entropy: u32) {
            let most = Duration::from_millis(most);
            prop_assert!(time_left(EndpointRemoved::Drain(most), entropy).unwrap() <= most);
            prop_assert_eq!(time_left(EndpointRemoved::Keep, entropy), None);
            prop_assert_eq!(time_left(EndpointRemoved::Reset, entropy), Some(Duration::ZERO));
        }
    }

    #[test]
    fn chance_reaches_both_ends() {
        let most = Duration::from_secs(100);
        assert_eq!((lifetime(most, 0), lifetime(most, u32::MAX)), (most, Duration::from_secs(90)));
        let drain = |entropy| time_left(EndpointRemoved::Drain(most), entropy);
        assert_eq!((drain(0), drain(u32::MAX)), (Some(Duration::ZERO), Some(most)));
    }

    #[test]
    fn an_endpoint_that_is_in_some_slice_is_not_removed_whatever_its_conditions() {
        let endpoint = |port: u16| Endpoint::ready(([10, 0, 0, 1], port).into());
        let terminating = Conditions { ready: false, serving: false, terminating: true };
        let leaving = Endpoint { conditions: terminating, ..endpoint(2) };
        let before = [endpoint(1), endpoint(2), endpoint(3)];
        assert_eq!(removed_addresses(&before, &[endpoint(1), leaving]), [endpoint(3).address]);
        assert_eq!(removed_addresses(&before, &before), []);
    }
}
