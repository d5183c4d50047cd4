//! When are the rules to be written anew, after they were found changed or could not be written?

use std::time::{Duration, Instant};
use weir_core::Backoff;

/// Pauses between two tries: whoever keeps changing the rules cannot keep this host busy.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(10));

/// After this long without a try the next one comes at once.
const CALM: Duration = Duration::from_secs(30);

/// Spaces tries, more and more as long as they are needed.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    due: Option<Instant>,
    last: Option<Instant>,
    /// Tries in a row without calm before them.
    tries: u32,
}

impl Pace {
    /// A try is needed. Does not put off one that is due already.
    pub(crate) fn want(&mut self, now: Instant) {
        if self.due.is_some() {
            return;
        }
        if self.last.is_none_or(|last| now.duration_since(last) > CALM) {
            self.tries = 0;
        }
        let pause = self.tries.checked_sub(1).map_or(Duration::ZERO, |before| PAUSES.wait(before));
        self.due = Some(now + pause);
    }

    /// When the next one is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// It is made now.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.due = None;
        self.last = Some(now);
        self.tries = self.tries.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_come_at_once_after_calm_and_ever_more_seldom_in_a_fight() {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        let mut pauses = Vec::new();
        for _ in 0..8 {
            pace.want(now);
            let due = pace.due().unwrap();
            pauses.push(due.duration_since(now).as_millis());
            now = due;
            pace.begin(now);
        }
        assert_eq!(pauses, [0, 250, 500, 1000, 2000, 4000, 8000, 10_000]);
        now += CALM + Duration::from_secs(1);
        pace.want(now);
        assert_eq!(pace.due(), Some(now));
    }

    #[test]
    fn further_needs_do_not_put_off_a_try_that_is_due() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        pace.want(now);
        pace.want(now + Duration::from_secs(5));
        assert_eq!(pace.due(), Some(now));
    }
}
