//! When do packets to endpoints take the way of forwarded packets?

use std::time::{Duration, Instant};

/// The time between two looks at the host's chains while none could refuse forwarded packets: one may come at any time.
const PAUSE_BEFORE_ON: Duration = Duration::from_secs(1);

/// The time between two looks while one could: that there is none any more is no hurry, and who writes a chain anew takes
/// it away for a moment.
const PAUSE_BEFORE_OFF: Duration = Duration::from_secs(10);

/// Cases in which packets to endpoints take the way of forwarded packets (`--forwarding`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forwarding {
    /// While something on this host could refuse forwarded packets.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Spaces looks at the host's chains, which cost a run of `nft` for each chain of the hook.
#[derive(Debug, Default)]
pub(crate) struct ForwardCheck {
    due: Option<Instant>,
    last: Option<Instant>,
}

impl ForwardCheck {
    /// Asks for a look because chains have changed. `forwards` says whether packets take the way of forwarded ones now.
    pub(crate) fn request(&mut self, now: Instant, forwards: bool) {
        let pause = if forwards { PAUSE_BEFORE_OFF } else { PAUSE_BEFORE_ON };
        let due = self.last.map_or(now, |last| now.max(last + pause));
        self.due = Some(self.due.map_or(due, |before| before.min(due)));
    }

    /// When the next look is due, if one is needed.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether it is time to look.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// Notes that a look is made now.
    pub(crate) fn done(&mut self, now: Instant) {
        (self.due, self.last) = (None, Some(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_that_comes_is_looked_at_within_a_second_and_one_that_goes_later() {
        let (mut check, start) = (ForwardCheck::default(), Instant::now());
        check.request(start, false);
        assert_eq!(check.due(), Some(start));
        check.done(start);
        assert_eq!(check.due(), None);
        // However many changes there are.
        for milliseconds in [0, 1, 500] {
            check.request(start + Duration::from_millis(milliseconds), false);
            assert_eq!(check.due(), Some(start + PAUSE_BEFORE_ON));
        }
        check.done(start + PAUSE_BEFORE_ON);
        check.request(start + PAUSE_BEFORE_ON, true);
        assert_eq!(check.due(), Some(start + PAUSE_BEFORE_ON + PAUSE_BEFORE_OFF));
    }

    #[test]
    fn a_change_after_calm_is_looked_at_at_once() {
        let (mut check, start) = (ForwardCheck::default(), Instant::now());
        check.done(start);
        let later = start + Duration::from_secs(3600);
        check.request(later, true);
        assert_eq!(check.due(), Some(later));
    }
}
