//! What was already logged? A problem is logged once until it changes, however often its object comes by.

use crate::{Kind, WatchState};
use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    mem,
    time::Duration,
};
use tokio::time::Instant;

/// What was logged of each subject, remembered as hashes with a secret key: texts would fill the memory. Bounded: a full
/// deduplicator forgets everything, and problems may be logged again.
#[derive(Debug, Default)]
pub(super) struct LogDeduplicator {
    keys: RandomState,
    /// Sorted hashes of the problems of each subject, by the subject's hash.
    logged: HashMap<u64, Box<[u64]>>,
    /// Number of hashes of all problems.
    hashes: usize,
}

impl LogDeduplicator {
    /// Largest number of subjects with logged problems.
    const MAX_SUBJECTS: usize = 16_384;

    /// Largest number of remembered problems of all subjects.
    const MAX_PROBLEMS: usize = 65_536;

    /// Records what is wrong with a subject now; returns the problems that were not logged yet, each once, in order.
    pub(super) fn unlogged<P: Ord + Hash>(
        &mut self,
        subject: &impl Hash,
        problems: impl IntoIterator<Item = P>,
    ) -> Vec<P> {
        let subject = self.keys.hash_one(subject);
        let mut problems: Vec<P> = problems.into_iter().collect();
        problems.sort_unstable();
        problems.dedup();
        let logged = self.logged.remove(&subject).unwrap_or_default();
        self.hashes -= logged.len();
        if problems.is_empty() {
            return problems;
        }
        let mut hashes: Vec<u64> = problems.iter().map(|problem| self.keys.hash_one(problem)).collect();
        let mut known = hashes.iter().map(|hash| logged.binary_search(hash).is_ok());
        problems.retain(|_| !known.next().unwrap_or(false));
        hashes.sort_unstable();
        hashes.truncate(Self::MAX_PROBLEMS);
        if self.logged.len() >= Self::MAX_SUBJECTS || self.hashes + hashes.len() > Self::MAX_PROBLEMS {
            self.logged.clear();
            self.hashes = 0;
        }
        self.hashes += hashes.len();
        self.logged.insert(subject, hashes.into());
        problems
    }
}

/// Decides whether the state of a watch is logged: when it changes, else at most once a minute. Messages that
/// all kinds have in common, such as that the API server cannot be reached, are logged once for all.
#[derive(Debug, Default)]
pub(super) struct WatchLogDeduplicator {
    /// Messages logged lately, and when: several, for failures that alternate.
    logged: Vec<(String, Instant)>,
    /// Whether the failing watch of each kind was logged.
    failing: [bool; Kind::ALL.len()],
}

impl WatchLogDeduplicator {
    const REPEAT_INTERVAL: Duration = Duration::from_secs(60);
    const MAX_MESSAGES: usize = 16;

    /// Whether to log that the watch of a kind is in this state at `now`.
    pub(super) fn should_log(&mut self, kind: Kind, state: &WatchState, now: Instant) -> bool {
        let (message, off) = match state {
            WatchState::Connecting => return false,
            // A recovery is logged when the failure was; a watch that fails every few seconds stays quiet.
            WatchState::Connected => return mem::take(&mut self.failing[kind as usize]),
            WatchState::Failing(message) => (message, false),
            WatchState::Off(message) => (message, true),
        };
        let message = &in_common(kind, message);
        if self
            .logged
            .iter()
            .any(|(logged, at)| logged == message && (off || now < *at + Self::REPEAT_INTERVAL))
        {
            return false;
        }
        self.logged.retain(|(logged, _)| logged != message);
        if self.logged.len() >= Self::MAX_MESSAGES {
            self.logged.remove(0);
        }
        self.logged.push((message.clone(), now));
        self.failing[kind as usize] = !off;
        true
    }
}

/// Message without what differs from kind to kind when one cause stops all of them.
fn in_common(kind: Kind, message: &str) -> String {
    message.replace(kind.resource(), "objects").replace(" list objects", " watch objects")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_logged_once_and_again_after_it_was_gone() {
        let mut deduplicator = LogDeduplicator::default();
        assert_eq!(deduplicator.unlogged(&"web", ["a", "b"]), ["a", "b"]);
        assert!(deduplicator.unlogged(&"web", ["b", "a"]).is_empty());
        assert_eq!(deduplicator.unlogged(&"web", ["a", "c"]), ["c"]);
        assert!(deduplicator.unlogged(&"web", [] as [&str; 0]).is_empty());
        assert_eq!(deduplicator.unlogged(&"web", ["a"]), ["a"]);
    }

    #[test]
    fn the_number_of_subjects_is_bounded() {
        let mut deduplicator = LogDeduplicator::default();
        for subject in 0..3 * LogDeduplicator::MAX_SUBJECTS {
            deduplicator.unlogged(&subject, ["a"]);
            assert!(deduplicator.logged.len() <= LogDeduplicator::MAX_SUBJECTS);
        }
    }

    #[test]
    fn the_number_of_remembered_problems_is_bounded() {
        let mut deduplicator = LogDeduplicator::default();
        for subject in 0..50 {
            deduplicator.unlogged(&subject, 0..100_000_u32);
            let remembered: usize = deduplicator.logged.values().map(|hashes| hashes.len()).sum();
            assert!(remembered == deduplicator.hashes && remembered <= LogDeduplicator::MAX_PROBLEMS);
        }
    }

    #[test]
    fn a_failure_is_logged_at_first_when_it_changes_and_once_a_minute() {
        let mut deduplicator = WatchLogDeduplicator::default();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let failing = |message: &str| WatchState::Failing(message.to_owned());
        assert!(deduplicator.should_log(Kind::Service, &failing("refused"), start));
        assert!(!deduplicator.should_log(Kind::Service, &failing("refused"), after(59)));
        assert!(deduplicator.should_log(Kind::Service, &failing("forbidden"), after(59)));
        assert!(!deduplicator.should_log(Kind::Service, &failing("refused"), after(59)), "they alternate");
        assert!(deduplicator.should_log(Kind::Service, &failing("forbidden"), after(120)));
        assert!(deduplicator.should_log(Kind::Service, &WatchState::Connected, after(121)));
        assert!(
            !deduplicator.should_log(Kind::Service, &failing("forbidden"), after(122)),
            "a watch that flaps does not fill the log"
        );
        assert!(!deduplicator.should_log(Kind::Service, &WatchState::Connected, after(123)));
    }

    #[test]
    fn a_kind_that_is_switched_off_is_logged_once() {
        let mut deduplicator = WatchLogDeduplicator::default();
        let off = WatchState::Off("not offered".into());
        let start = Instant::now();
        assert!(deduplicator.should_log(Kind::Service, &off, start));
        assert!(!deduplicator.should_log(Kind::Service, &off, start + Duration::from_secs(3600)));
    }

    #[test]
    fn one_cause_that_stops_all_kinds_is_logged_once_although_each_names_its_kind() {
        let (mut deduplicator, now) = (WatchLogDeduplicator::default(), Instant::now());
        let logged = Kind::ALL.map(|kind| {
            let verb = if kind == Kind::Node { "list" } else { "watch" };
            let message = format!("the API server refuses to {verb} {} (503: no leader)", kind.resource());
            deduplicator.should_log(kind, &WatchState::Failing(message), now)
        });
        assert_eq!(logged, [true, false, false, false]);
    }

    #[test]
    fn what_is_true_of_all_kinds_is_logged_once_and_what_differs_for_each() {
        let (mut deduplicator, now) = (WatchLogDeduplicator::default(), Instant::now());
        let away = WatchState::Failing("the API server is away".into());
        let logged = Kind::ALL.map(|kind| deduplicator.should_log(kind, &away, now));
        assert_eq!(logged, [true, false, false, false]);
        for kind in Kind::ALL {
            assert!(deduplicator.should_log(kind, &WatchState::Failing(format!("{kind} is forbidden")), now));
        }
        assert!(Kind::ALL.iter().all(|&kind| deduplicator.should_log(kind, &WatchState::Connected, now)));
    }
}
