//! When does a connection try the next endpoint, and when does it give up?
//!
//! After an endpoint that fails the next one is tried at once. An endpoint that is only slow to answer is raced by the next
//! one, and the first to accept wins (as in RFC 8305, "Happy Eyeballs"). Attempts go on until the deadline, so that an only or
//! last endpoint may use all the time there is.

use std::time::{Duration, Instant};

/// Attempts of one connection that are under way at the same time at most.
pub const MAX_RACING_ATTEMPTS: usize = 3;

/// Attempts of one connection in all at most. More than are under way at once: refusals cost no time, and with half of many
/// endpoints just gone three refusals in a row befall one client in eight.
pub const MAX_CONNECT_ATTEMPTS: usize = 8;

/// Longest time from one attempt to the next ("maximum connection attempt delay" of RFC 8305).
const MAX_ATTEMPT_DELAY: Duration = Duration::from_millis(1200);

/// Shortest time from one attempt to the next while none has failed ("minimum connection attempt delay" of RFC 8305).
const MIN_ATTEMPT_DELAY: Duration = Duration::from_millis(50);

/// Time from an attempt to the next while the endpoint's connect time is not known.
const UNKNOWN_ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Schedules the attempts of one connection to reach some endpoint.
#[derive(Clone, Copy, Debug)]
pub struct ConnectSchedule {
    timeout: Duration,
    deadline: Instant,
    /// Number of attempts that were begun.
    begun: u8,
    /// Number of attempts that are under way.
    racing: u8,
    /// When the next attempt may begin beside those under way.
    next_attempt_at: Instant,
}

/// What a connection is to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectStep {
    /// Begin an attempt with another endpoint.
    Attempt,
    /// Wait for the attempts under way, until this moment at the latest; then ask again.
    Wait(Instant),
    /// End: no attempt is under way and none may begin, or the deadline has passed.
    GiveUp,
}

impl ConnectSchedule {
    /// A schedule without attempts; all attempts together may take `connect_timeout`.
    pub fn start(now: Instant, connect_timeout: Duration) -> Self {
        Self {
            timeout: connect_timeout,
            deadline: now + connect_timeout,
            begun: 0,
            racing: 0,
            next_attempt_at: now,
        }
    }

    /// The next step while `untried` endpoints are left.
    pub fn step(&self, now: Instant, untried: usize) -> ConnectStep {
        if now >= self.deadline {
            return ConnectStep::GiveUp;
        }
        let may_begin = untried > 0
            && usize::from(self.begun) < MAX_CONNECT_ATTEMPTS
            && usize::from(self.racing) < MAX_RACING_ATTEMPTS;
        match (may_begin, self.racing) {
            (true, 0) => ConnectStep::Attempt,
            (true, _) if now >= self.next_attempt_at => ConnectStep::Attempt,
            (true, _) => ConnectStep::Wait(self.next_attempt_at.min(self.deadline)),
            (false, 0) => ConnectStep::GiveUp,
            (false, _) => ConnectStep::Wait(self.deadline),
        }
    }

    /// Records that an attempt has begun. `connect_time` is the mean of the endpoint, as far as known: the next one may begin
    /// after four times as long.
    pub fn begun(&mut self, now: Instant, connect_time: Option<Duration>) {
        self.begun += 1;
        self.racing += 1;
        let delay = match connect_time {
            Some(time) => (time * 4).clamp(MIN_ATTEMPT_DELAY, MAX_ATTEMPT_DELAY),
            None => UNKNOWN_ATTEMPT_DELAY,
        };
        self.next_attempt_at = now + delay;
    }

    /// Records that an attempt has failed, or that its connection was reset before a byte was relayed.
    pub fn failed(&mut self, now: Instant) {
        self.racing = self.racing.saturating_sub(1);
        self.next_attempt_at = now;
    }

    /// Records that one attempt has succeeded, which ends all others.
    pub fn won(&mut self) {
        self.racing = 1;
    }

    /// Begins the time-out anew, after the client had to wait in the queue until `now`.
    pub fn postpone(&mut self, now: Instant) {
        self.deadline = now + self.timeout;
    }

    /// The moment at which all attempts must have ended.
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
        let mut dial = ConnectSchedule::start(now, CONNECT);
        assert_eq!(dial.step(now, 1), ConnectStep::Attempt);
        dial.begun(now, None);
        assert_eq!(dial.step(now + ms(300), 0), ConnectStep::Wait(now + CONNECT));
        assert_eq!(dial.step(now + CONNECT, 0), ConnectStep::GiveUp);
    }

    #[test]
    fn an_endpoint_that_fails_is_followed_by_the_next_at_once_and_eight_are_tried_in_all() {
        let now = Instant::now();
        let mut dial = ConnectSchedule::start(now, CONNECT);
        for untried in (2..=9).rev() {
            assert_eq!(dial.step(now, untried), ConnectStep::Attempt);
            dial.begun(now, None);
            dial.failed(now);
        }
        assert_eq!(dial.step(now, 1), ConnectStep::GiveUp);
    }

    #[test]
    fn three_that_do_not_answer_are_waited_for_until_the_deadline() {
        let now = Instant::now();
        let mut dial = ConnectSchedule::start(now, CONNECT);
        for attempt in 0..3 {
            let at = now + attempt * ms(250);
            assert_eq!(dial.step(at, 9), ConnectStep::Attempt);
            dial.begun(at, None);
        }
        assert_eq!(dial.step(now + ms(2000), 6), ConnectStep::Wait(now + CONNECT));
        dial.failed(now + ms(2000));
        assert_eq!(dial.step(now + ms(2000), 6), ConnectStep::Attempt);
    }

    #[test]
    fn a_slow_endpoint_is_raced_by_the_next_sooner_the_better_it_is_known() {
        let now = Instant::now();
        for (known, after) in
            [(None, 250), (Some(ms(1)), 50), (Some(ms(20)), 80), (Some(ms(200)), 800), (Some(ms(900)), 1200)]
        {
            let mut dial = ConnectSchedule::start(now, CONNECT);
            dial.begun(now, known);
            assert_eq!(dial.step(now, 2), ConnectStep::Wait(now + ms(after)), "{known:?}");
            assert_eq!(dial.step(now + ms(after), 2), ConnectStep::Attempt);
        }
    }

    #[test]
    fn one_that_fails_while_another_is_still_trying_is_followed_at_once() {
        let now = Instant::now();
        let mut dial = ConnectSchedule::start(now, CONNECT);
        dial.begun(now, None);
        dial.begun(now + ms(250), None);
        dial.failed(now + ms(251));
        assert_eq!(dial.step(now + ms(251), 1), ConnectStep::Attempt);
    }

    #[test]
    fn one_that_accepted_and_was_of_no_use_is_followed_by_the_next_before_the_deadline_only() {
        let now = Instant::now();
        let mut dial = ConnectSchedule::start(now, CONNECT);
        dial.begun(now, None);
        dial.begun(now + ms(250), None);
        dial.won();
        dial.failed(now + ms(300));
        assert_eq!(dial.step(now + ms(300), 1), ConnectStep::Attempt);
        assert_eq!(dial.step(now + CONNECT, 1), ConnectStep::GiveUp);
    }

    proptest! {
        #[test]
        fn it_never_waits_for_nothing_nor_past_the_deadline(events in prop::collection::vec((0u64..700, any::<bool>(), 0usize..5), 1..40)) {
            let start = Instant::now();
            let mut dial = ConnectSchedule::start(start, CONNECT);
            let (mut now, mut racing, mut begun) = (start, 0, 0);
            for (after, fails, untried) in events {
                match dial.step(now, untried) {
                    ConnectStep::Attempt => {
                        prop_assert!(untried > 0 && now < start + CONNECT);
                        dial.begun(now, None);
                        (racing, begun) = (racing + 1, begun + 1);
                    }
                    ConnectStep::Wait(until) => {
                        prop_assert!(racing > 0 && until > now && until <= start + CONNECT);
                        now = until.min(now + ms(after));
                        if fails {
                            dial.failed(now);
                            racing -= 1;
                        }
                    }
                    ConnectStep::GiveUp => {
                        prop_assert!(now >= start + CONNECT || (racing == 0 && (untried == 0 || begun == MAX_CONNECT_ATTEMPTS)));
                        now += ms(after);
                    }
                }
            }
            prop_assert!(begun <= MAX_CONNECT_ATTEMPTS && racing <= MAX_RACING_ATTEMPTS);
        }
    }
}
