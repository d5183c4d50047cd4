//! When are the rules to be written anew, after they were found changed or could not be written?

use std::time::{Duration, Instant};
use weir_core::Backoff;

/// Pauses between two attempts: whoever keeps changing the rules cannot keep this host busy.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(10));

/// After this long without an attempt the next one comes at once.
const CALM_PERIOD: Duration = Duration::from_secs(30);

/// Spaces attempts to write the rules, with growing pauses as long as attempts are needed.
#[derive(Debug, Default)]
pub(crate) struct RepairSchedule {
    due: Option<Instant>,
    last: Option<Instant>,
    /// Attempts in a row without calm before them.
    attempts: u32,
}

impl RepairSchedule {
    /// Asks for an attempt. One that is due already is not put off.
    pub(crate) fn request(&mut self, now: Instant) {
        if self.due.is_some() {
            return;
        }
        if self.last.is_none_or(|last| now.duration_since(last) > CALM_PERIOD) {
            self.attempts = 0;
        }
        let pause = self.attempts.checked_sub(1).map_or(Duration::ZERO, |before| PAUSES.wait(before));
        self.due = Some(now + pause);
    }

    /// When the next attempt is due, if one is needed.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Notes that the attempt is made now.
    pub(crate) fn start(&mut self, now: Instant) {
        self.due = None;
        self.last = Some(now);
        self.attempts = self.attempts.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_come_at_once_after_calm_and_ever_more_seldom_in_a_fight() {
        let (mut schedule, mut now) = (RepairSchedule::default(), Instant::now());
        let mut pauses = Vec::new();
        for _ in 0..8 {
            schedule.request(now);
            let due = schedule.due().unwrap();
            pauses.push(due.duration_since(now).as_millis());
            now = due;
            schedule.start(now);
        }
        assert_eq!(pauses, [0, 250, 500, 1000, 2000, 4000, 8000, 10_000]);
        now += CALM_PERIOD + Duration::from_secs(1);
        schedule.request(now);
        assert_eq!(schedule.due(), Some(now));
    }

    #[test]
    fn further_needs_do_not_put_off_a_try_that_is_due() {
        let (mut schedule, now) = (RepairSchedule::default(), Instant::now());
        schedule.request(now);
        schedule.request(now + Duration::from_secs(5));
        assert_eq!(schedule.due(), Some(now));
    }
}
