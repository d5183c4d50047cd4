//! What was already said? A problem is told once until it changes, however often its object comes by.

use crate::{Kind, WatchState};
use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
    time::Duration,
};
use tokio::time::Instant;

/// Remembers the problems of each subject. Bounded: when full it starts over, and problems may be told again.
#[derive(Debug)]
pub(super) struct Journal<K, P> {
    known: HashMap<K, BTreeSet<P>>,
}

impl<K, P> Default for Journal<K, P> {
    fn default() -> Self {
        Self { known: HashMap::new() }
    }
}

impl<K: Hash + Eq + Clone, P: Ord + Clone> Journal<K, P> {
    /// How many subjects are remembered.
    const MOST: usize = 4096;

    /// Takes what is wrong with a subject now; returns what is new.
    pub(super) fn news(&mut self, subject: &K, problems: impl IntoIterator<Item = P>) -> Vec<P> {
        let problems: BTreeSet<P> = problems.into_iter().collect();
        if problems.is_empty() {
            self.known.remove(subject);
            return Vec::new();
        }
        let new = match self.known.get(subject) {
            Some(known) => problems.difference(known).cloned().collect(),
            None => problems.iter().cloned().collect(),
        };
        if self.known.len() >= Self::MOST && !self.known.contains_key(subject) {
            self.known.clear();
        }
        self.known.insert(subject.clone(), problems);
        new
    }
}

/// Decides whether the state of a watch is worth a line: when it changes, else at most once a minute. What is true of all
/// kinds, such as that the API server is away, is said once for all.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    /// What was said lately, and when. Several, for failures that take turns.
    said: Vec<(String, Instant)>,
    /// The kinds of which was said that they fail.
    failing: BTreeSet<Kind>,
}

impl Repeats {
    const LEAST: Duration = Duration::from_secs(60);
    const MOST: usize = 16;

    /// Whether to tell that the watch of a kind is in this state now.
    pub(super) fn is_news(&mut self, kind: Kind, state: &WatchState, now: Instant) -> bool {
        let (message, off) = match state {
            WatchState::Connecting => return false,
            // A recovery is told when the failure was; a watch that fails every few seconds stays quiet.
            WatchState::Connected => return self.failing.remove(&kind),
            WatchState::Failing(message) => (message, false),
            WatchState::Off(message) => (message, true),
        };
        if self.said.iter().any(|(said, at)| said == message && (off || now < *at + Self::LEAST)) {
            return false;
        }
        self.said.retain(|(said, _)| said != message);
        if self.said.len() >= Self::MOST {
            self.said.remove(0);
        }
        self.said.push((message.clone(), now));
        match off {
            true => self.failing.remove(&kind),
            false => self.failing.insert(kind),
        };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_news_once_and_again_after_it_was_gone() {
        let mut journal = Journal::default();
        assert_eq!(journal.news(&"web", ["a", "b"]), ["a", "b"]);
        assert!(journal.news(&"web", ["b", "a"]).is_empty());
        assert_eq!(journal.news(&"web", ["a", "c"]), ["c"]);
        assert!(journal.news(&"web", []).is_empty());
        assert_eq!(journal.news(&"web", ["a"]), ["a"]);
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut journal = Journal::default();
        for subject in 0..10 * Journal::<usize, &str>::MOST {
            journal.news(&subject, ["a"]);
            assert!(journal.known.len() <= Journal::<usize, &str>::MOST);
        }
    }

    #[test]
    fn a_failure_is_told_at_first_when_it_changes_and_once_a_minute() {
        let mut repeats = Repeats::default();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let failing = |message: &str| WatchState::Failing(message.to_owned());
        assert!(repeats.is_news(Kind::Service, &failing("refused"), start));
        assert!(!repeats.is_news(Kind::Service, &failing("refused"), after(59)));
        assert!(repeats.is_news(Kind::Service, &failing("forbidden"), after(59)));
        assert!(!repeats.is_news(Kind::Service, &failing("refused"), after(59)), "they take turns");
        assert!(repeats.is_news(Kind::Service, &failing("forbidden"), after(120)));
        assert!(repeats.is_news(Kind::Service, &WatchState::Connected, after(121)));
        assert!(
            !repeats.is_news(Kind::Service, &failing("forbidden"), after(122)),
            "a watch that flaps does not fill the log"
        );
        assert!(!repeats.is_news(Kind::Service, &WatchState::Connected, after(123)));
    }

    #[test]
    fn a_kind_that_is_switched_off_is_told_once() {
        let mut repeats = Repeats::default();
        let off = WatchState::Off("not offered".into());
        let start = Instant::now();
        assert!(repeats.is_news(Kind::Service, &off, start));
        assert!(!repeats.is_news(Kind::Service, &off, start + Duration::from_secs(3600)));
    }

    #[test]
    fn what_is_true_of_all_kinds_is_told_once_and_what_differs_for_each() {
        let (mut repeats, now) = (Repeats::default(), Instant::now());
        let away = WatchState::Failing("the API server is away".into());
        let told = Kind::ALL.map(|kind| repeats.is_news(kind, &away, now));
        assert_eq!(told, [true, false, false, false]);
        for kind in Kind::ALL {
            assert!(repeats.is_news(kind, &WatchState::Failing(format!("{kind} is forbidden")), now));
        }
        assert!(Kind::ALL.iter().all(|&kind| repeats.is_news(kind, &WatchState::Connected, now)));
    }
}
