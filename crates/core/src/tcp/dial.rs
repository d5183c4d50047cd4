//! When is the next endpoint tried, and when is there no more to try?
//!
//! An endpoint that fails is followed by the next at once. One that is only slow to answer is raced by the next: the first to
//! accept wins. What was begun goes on until the deadline, so that an only or last endpoint may use all the time there is.

use std::time::{Duration, Instant};

/// How many endpoints one connection waits for at the same time at most.
pub const MAX_RACING: usize = 3;

/// How many endpoints one connection tries at most. More than it waits for: with half of many endpoints just gone, three
/// refusals in a row befall one client in eight.
pub const MAX_ATTEMPTS: usize = 8;

/// The next endpoint is tried after this long at the latest.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(1200);

/// The next one is tried after this long at the earliest, if there was no failure.
pub const SOONEST_HEDGE: Duration = Duration::from_millis(50);

/// The same while nothing is known of an endpoint's connect time.
pub const UNKNOWN_HEDGE: Duration = Duration::from_millis(250);

/// The attempts of one connection to reach some endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Dial {
    timeout: Duration,
    deadline: Instant,
    /// Attempts that were begun.
    begun: u8,
    /// Those of them that have not failed.
    racing: u8,
    /// When the next one may begin beside those.
    hedge_at: Instant,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Begin an attempt with another endpoint.
    Attempt,
    /// Wait for those that were begun, until then.
    Wait(Instant),
    /// There is nothing left to try, or no time.
    GiveUp,
}

impl Dial {
    /// Starts; all attempts together may take `connect_timeout`.
    pub fn start(now: Instant, connect_timeout: Duration) -> Self {
        Self { timeout: connect_timeout, deadline: now + connect_timeout, begun: 0, racing: 0, hedge_at: now }
    }

    /// What to do now, with `untried` endpoints left.
    pub fn step(&self, now: Instant, untried: usize) -> Step {
        if now >= self.deadline {
            return Step::GiveUp;
        }
        let may_begin =
            untried > 0 && usize::from(self.begun) < MAX_ATTEMPTS && usize::from(self.racing) < MAX_RACING;
        match (may_begin, self.racing) {
            (true, 0) => Step::Attempt,
            (true, _) if now >= self.hedge_at => Step::Attempt,
            (true, _) => Step::Wait(self.hedge_at.min(self.deadline)),
            (false, 0) => Step::GiveUp,
            (false, _) => Step::Wait(self.deadline),
        }
    }

    /// An attempt has begun, with an endpoint that takes `connect_time` as a rule.
    pub fn begun(&mut self, now: Instant, connect_time: Option<Duration>) {
        self.begun += 1;
        self.racing += 1;
        let patience = match connect_time {
            Some(time) => (time * 4).clamp(SOONEST_HEDGE, ATTEMPT_TIMEOUT),
            None => UNKNOWN_HEDGE,
        };
        self.hedge_at = now + patience;
    }

    /// An attempt has failed, or what it led to did before it was of use.
    pub fn failed(&mut self, now: Instant) {
        self.racing = self.racing.saturating_sub(1);
        self.hedge_at = now;
    }

    /// The attempts that lost against one that succeeded are over.
    pub fn won(&mut self) {
        self.racing = 1;
    }

    /// The client had to wait for an endpoint with room until now: its attempts may take as long as ever.
    pub fn postpone(&mut self, now: Instant) {
        self.deadline = now + self.timeout;
    }

    /// When all attempts must be over.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CONNECT: Duration = Duration::from_secs(10);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn an_only_endpoint_may_use_the_whole_deadline() {
        let now = Instant::now();
        let mut dial = Dial::start(now, CONNECT);
        assert_eq!(dial.step(now, 1), Step::Attempt);
        dial.begun(now, None);
        assert_eq!(dial.step(now + ms(300), 0), Step::Wait(now + CONNECT));
        assert_eq!(dial.step(now + CONNECT, 0), Step::GiveUp);
    }

    #[test]
    fn an_endpoint_that_fails_is_followed_by_the_next_at_once_and_eight_are_tried_in_all() {
        let now = Instant::now();
        let mut dial = Dial::start(now, CONNECT);
        for untried in (2..=9).rev() {
            assert_eq!(dial.step(now, untried), Step::Attempt);
            dial.begun(now, None);
            dial.failed(now);
        }
        assert_eq!(dial.step(now, 1), Step::GiveUp);
    }

    #[test]
    fn three_that_do_not_answer_are_waited_for_until_the_deadline() {
        let now = Instant::now();
        let mut dial = Dial::start(now, CONNECT);
        for turn in 0..3 {
            let at = now + turn * ms(250);
            assert_eq!(dial.step(at, 9), Step::Attempt);
            dial.begun(at, None);
        }
        assert_eq!(dial.step(now + ms(2000), 6), Step::Wait(now + CONNECT));
        dial.failed(now + ms(2000));
        assert_eq!(dial.step(now + ms(2000), 6), Step::Attempt);
    }

    #[test]
    fn a_slow_endpoint_is_raced_by_the_next_sooner_the_better_it_is_known() {
        let now = Instant::now();
        for (known, after) in
            [(None, 250), (Some(ms(1)), 50), (Some(ms(20)), 80), (Some(ms(200)), 800), (Some(ms(900)), 1200)]
        {
            let mut dial = Dial::start(now, CONNECT);
            dial.begun(now, known);
            assert_eq!(dial.step(now, 2), Step::Wait(now + ms(after)), "{known:?}");
            assert_eq!(dial.step(now + ms(after), 2), Step::Attempt);
        }
    }

    #[test]
    fn one_that_fails_while_another_is_still_trying_is_followed_at_once() {
        let now = Instant::now();
        let mut dial = Dial::start(now, CONNECT);
        dial.begun(now, None);
        dial.begun(now + ms(250), None);
        dial.failed(now + ms(251));
        assert_eq!(dial.step(now + ms(251), 1), Step::Attempt);
    }

    #[test]
    fn one_that_accepted_and_was_of_no_use_is_followed_by_the_next_before_the_deadline_only() {
        let now = Instant::now();
        let mut dial = Dial::start(now, CONNECT);
        dial.begun(now, None);
        dial.begun(now + ms(250), None);
        dial.won();
        dial.failed(now + ms(300));
        assert_eq!(dial.step(now + ms(300), 1), Step::Attempt);
        assert_eq!(dial.step(now + CONNECT, 1), Step::GiveUp);
    }

    proptest! {
        #[test]
        fn it_never_waits_for_nothing_nor_past_the_deadline(events in prop::collection::vec((0u64..700, any::<bool>(), 0usize..5), 1..40)) {
            let start = Instant::now();
            let mut dial = Dial::start(start, CONNECT);
            let (mut now, mut racing, mut begun) = (start, 0, 0);
            for (after, fails, untried) in events {
                match dial.step(now, untried) {
                    Step::Attempt => {
                        prop_assert!(untried > 0 && now < start + CONNECT);
                        dial.begun(now, None);
                        (racing, begun) = (racing + 1, begun + 1);
                    }
                    Step::Wait(until) => {
                        prop_assert!(racing > 0 && until > now && until <= start + CONNECT);
                        now = until.min(now + ms(after));
                        if fails {
                            dial.failed(now);
                            racing -= 1;
                        }
                    }
                    Step::GiveUp => {
                        prop_assert!(now >= start + CONNECT || (racing == 0 && (untried == 0 || begun == MAX_ATTEMPTS)));
                        now += ms(after);
                    }
                }
            }
            prop_assert!(begun <= MAX_ATTEMPTS && racing <= MAX_RACING);
        }
    }
}
