//! How many lines may objects cause in the log? One budget for all of them, however many objects there are.

use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use weir_core::{Quota, RateLimiter};

/// Interval at which lines pass in the long run.
const INTERVAL: Duration = Duration::from_secs(6);

/// Lines that pass at once after a quiet time.
const BURST: u32 = 100;

/// Quota of lines that say that something is wrong.
const PROBLEMS: Quota = Quota::new(INTERVAL, BURST);

/// Quota of lines after which nobody needs to do anything: they leave half of the budget to the others.
const NOTES: Quota = Quota::new(INTERVAL, BURST / 2);

/// Time from the first line that does not pass until a summary of all those.
const SUMMARY_DELAY: Duration = Duration::from_secs(60);

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// Something is wrong.
    Problem,
    /// Something is as its author wants it, and worth knowing.
    Note,
}

/// Budget of the lines about objects.
#[derive(Debug)]
pub(super) struct LogBudget {
    limiter: RateLimiter,
    /// Lines that did not pass since the last summary.
    unsaid: usize,
    summary_due: Option<Instant>,
}

impl LogBudget {
    /// Creates a budget that allows a whole burst from `start` on.
    pub(super) fn new(start: Instant) -> Self {
        Self { limiter: RateLimiter::new(start.into_std()), unsaid: 0, summary_due: None }
    }

    /// Takes a line out of the budget at `now`; returns whether it passes. One that does not is counted.
    pub(super) fn take(&mut self, weight: Weight, now: Instant) -> bool {
        let quota = match weight {
            Weight::Problem => PROBLEMS,
            Weight::Note => NOTES,
        };
        let passes = self.limiter.try_take(now.into_std(), quota);
        if !passes {
            self.unsaid += 1;
            self.summary_due.get_or_insert(now + SUMMARY_DELAY);
        }
        passes
    }

    /// Number of lines that did not pass, if it is time at `now` to say it. Said once.
    pub(super) fn summary(&mut self, now: Instant) -> Option<usize> {
        self.summary_due.take_if(|due| *due <= now)?;
        Some(std::mem::take(&mut self.unsaid))
    }

    /// Waits until a summary is due; for ever if every line has passed.
    pub(super) fn until_summary(&self) -> impl Future<Output = ()> + use<> {
        let due = self.summary_due;
        async move {
            match due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(budget: &mut LogBudget, weight: Weight, now: Instant, lines: usize) -> usize {
        (0..lines).filter(|_| budget.take(weight, now)).count()
    }

    #[test]
    fn a_burst_passes_and_then_ten_lines_a_minute() {
        let start = Instant::now();
        let mut budget = LogBudget::new(start);
        assert_eq!(passed(&mut budget, Weight::Problem, start, 1000), 100);
        let mut hour = 0;
        for second in 1..=3600 {
            hour += passed(&mut budget, Weight::Problem, start + Duration::from_secs(second), 1000);
        }
        assert_eq!(hour, 600);
    }

    #[test]
    fn notes_leave_half_of_the_budget_to_problems() {
        let start = Instant::now();
        let mut budget = LogBudget::new(start);
        assert_eq!(passed(&mut budget, Weight::Note, start, 5000), 50);
        assert_eq!(passed(&mut budget, Weight::Problem, start, 5000), 50);
    }

    #[test]
    fn what_did_not_pass_is_summed_up_once_a_minute_later() {
        let start = Instant::now();
        let mut budget = LogBudget::new(start);
        passed(&mut budget, Weight::Problem, start, 130);
        assert_eq!(budget.summary(start + Duration::from_secs(59)), None);
        assert_eq!(budget.summary(start + Duration::from_secs(60)), Some(30));
        assert_eq!(budget.summary(start + Duration::from_secs(600)), None);
    }
}
