//! Which faults are worth a line in a log, and when are they over?
//!
//! A fault is said once when it begins and once when it is over. One that comes and goes is said less and less often: after
//! three times each fault that comes back soon must last twice as long before it is said.

use crate::limits::Backoff;
use std::{
    collections::BTreeMap,
    mem,
    time::{Duration, Instant},
};

/// Faults of one subject that are said at once, if there is not enough peace in between.
const MAX_SAID_AT_ONCE: u32 = 3;

/// Time that a fault must last to be said after so many others.
const HOLD: Backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(120));

/// Time without a fault after which the next one is said at once again.
const PEACE: Duration = Duration::from_secs(120);

/// The faults of many subjects, with what was said of each. Holds only subjects that are at fault or were so lately.
#[derive(Debug)]
pub struct Journal<K, F> {
    entries: BTreeMap<K, Entry<F>>,
}

#[derive(Debug)]
struct Entry<F> {
    /// The fault; `None` while there is none.
    fault: Option<F>,
    /// When the fault began, or ended.
    since: Instant,
    /// The fault that was said and whose end was not, and since when it lasts.
    said: Option<(F, Instant)>,
    /// Faults that were said without enough peace in between.
    level: u32,
}

/// A line for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line<F> {
    /// The fault began.
    Began(F),
    /// The fault goes on in another way.
    Changed(F),
    /// The fault is over after this time.
    Ended(F, Duration),
}

impl<K, F> Default for Journal<K, F> {
    fn default() -> Self {
        Self { entries: BTreeMap::new() }
    }
}

impl<K: Ord + Clone, F: Clone> Journal<K, F> {
    /// Compares all subjects that are at fault at `now` with those before; returns what is to be said, in order of the
    /// subjects. `is_same` tells faults apart that are not worth another line; `exists` whether a subject that is not at
    /// fault is still there: one that is gone is forgotten without a word.
    pub fn observe(
        &mut self,
        now: Instant,
        faults: BTreeMap<K, F>,
        is_same: impl Fn(&F, &F) -> bool,
        exists: impl Fn(&K) -> bool,
    ) -> Vec<(K, Line<F>)> {
        let mut lines = Vec::new();
        self.entries.retain(|key, entry| {
            if faults.contains_key(key) {
                return true;
            }
            let line = entry.end(now);
            let exists = exists(key);
            lines.extend(line.filter(|_| exists).map(|line| (key.clone(), line)));
            exists && now < entry.since + PEACE
        });
        for (key, fault) in faults {
            let fresh = || Entry { fault: None, since: now, said: None, level: 0 };
            let entry = self.entries.entry(key.clone()).or_insert_with(fresh);
            lines.extend(entry.observe(now, fault, &is_same).map(|line| (key, line)));
        }
        lines.sort_by(|(one, _), (other, _)| one.cmp(other));
        lines
    }

    /// Time at which to look again although nothing has changed: a fault that is held back may be said then, or a subject
    /// forgotten. `None` without subjects.
    pub fn next_look(&self) -> Option<Instant> {
        self.entries.values().filter_map(Entry::next_look).min()
    }
}

impl<F: Clone> Entry<F> {
    fn observe(&mut self, now: Instant, fault: F, is_same: impl Fn(&F, &F) -> bool) -> Option<Line<F>> {
        if self.fault.replace(fault.clone()).is_none() {
            self.since = now;
        }
        let is_held_back = now < self.since + self.hold();
        match &mut self.said {
            Some((said, _)) if is_same(said, &fault) => None,
            Some((said, _)) => {
                *said = fault.clone();
                Some(Line::Changed(fault))
            }
            None if is_held_back => None,
            None => {
                self.level = self.level.saturating_add(1);
                self.said = Some((fault.clone(), self.since));
                Some(Line::Began(fault))
            }
        }
    }

    fn end(&mut self, now: Instant) -> Option<Line<F>> {
        self.fault.take()?;
        self.since = now;
        let (said, since) = mem::take(&mut self.said)?;
        Some(Line::Ended(said, now.saturating_duration_since(since)))
    }

    fn hold(&self) -> Duration {
        self.level.checked_sub(MAX_SAID_AT_ONCE).map_or(Duration::ZERO, |more| HOLD.wait(more))
    }

    fn next_look(&self) -> Option<Instant> {
        match (&self.fault, &self.said) {
            (None, _) => Some(self.since + PEACE),
            (Some(_), None) => Some(self.since + self.hold()),
            (Some(_), Some(_)) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Simulation {
        journal: Journal<&'static str, u8>,
        start: Instant,
    }

    impl Simulation {
        fn new() -> Self {
            Self { journal: Journal::default(), start: Instant::now() }
        }

        fn at(&mut self, seconds: u64, faults: &[(&'static str, u8)]) -> Vec<(&'static str, Line<u8>)> {
            let now = self.start + Duration::from_secs(seconds);
            self.journal.observe(now, faults.iter().copied().collect(), |one, other| one == other, |_| true)
        }
    }

    #[test]
    fn a_fault_is_said_once_when_it_begins_when_it_changes_and_when_it_is_over() {
        let mut simulation = Simulation::new();
        assert_eq!(simulation.at(0, &[("a", 1), ("b", 2)]), [("a", Line::Began(1)), ("b", Line::Began(2))]);
        assert_eq!(simulation.at(1, &[("a", 1), ("b", 2)]), []);
        assert_eq!(
            simulation.at(5, &[("a", 3)]),
            [("a", Line::Changed(3)), ("b", Line::Ended(2, Duration::from_secs(5)))]
        );
        assert_eq!(simulation.at(9, &[]), [("a", Line::Ended(3, Duration::from_secs(9)))]);
        assert_eq!(simulation.at(10, &[]), []);
    }

    #[test]
    fn a_subject_that_is_gone_is_forgotten_without_a_word() {
        let mut simulation = Simulation::new();
        simulation.at(0, &[("a", 1)]);
        let later = simulation.start + Duration::from_secs(1);
        let lines = simulation.journal.observe(later, BTreeMap::new(), |_, _| true, |_| false);
        assert_eq!((lines, simulation.journal.next_look()), (Vec::new(), None));
    }

    #[test]
    fn a_fault_that_comes_and_goes_each_second_for_an_hour_is_said_a_few_times() {
        let mut simulation = Simulation::new();
        let lines: usize = (0..3600)
            .map(|second| simulation.at(second, if second % 2 == 0 { &[("a", 1)] } else { &[] }).len())
            .sum();
        assert_eq!(lines, 6);
        // Once it lasts, that is said, and its whole length.
        let lines: Vec<_> = (3600..3610).flat_map(|second| simulation.at(second, &[("a", 1)])).collect();
        assert_eq!(lines, [("a", Line::Began(1))]);
        assert_eq!(simulation.at(3610, &[]), [("a", Line::Ended(1, Duration::from_secs(10)))]);
        // After a quiet time the next one is said at once.
        simulation.at(3610 + 120, &[]);
        assert_eq!(simulation.at(3800, &[("a", 1)]), [("a", Line::Began(1))]);
    }

    #[test]
    fn it_says_when_to_look_again() {
        let mut simulation = Simulation::new();
        assert_eq!(simulation.journal.next_look(), None);
        for second in [0, 2, 4] {
            simulation.at(second, &[("a", 1)]);
            assert_eq!(simulation.journal.next_look(), None);
            simulation.at(second + 1, &[]);
        }
        simulation.at(6, &[("a", 1)]);
        assert_eq!(simulation.journal.next_look(), Some(simulation.start + Duration::from_secs(8)));
        assert_eq!(simulation.at(8, &[("a", 1)]), [("a", Line::Began(1))]);
    }
}
