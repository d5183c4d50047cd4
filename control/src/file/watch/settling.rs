//! When are changed files complete, so that they may be read? Pure: what was noticed and the time in, a time out.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::Instant;

/// Time for further changes that belong to one that was noticed, such as a rename after a rename.
const QUIET_TIME: Duration = Duration::from_millis(5);

/// Time for a file that has gone to come back: an editor moves it away and then writes a new one.
const GONE_TIME: Duration = Duration::from_millis(15);

/// Longest time from a change to reading it, however many follow.
const MAX_WAIT: Duration = Duration::from_millis(20);

/// Time without a write after which a file is read although its writer has not closed it.
const WRITER_PAUSE: Duration = Duration::from_secs(1);

/// Longest time that a writer keeps a file from being read.
const MAX_WRITE_TIME: Duration = Duration::from_secs(10);

/// Largest number of files whose writers are waited for.
const MAX_WRITTEN: usize = 1024;

/// What happened to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happened {
    /// A writer has the file open.
    Written,
    /// The writer has closed the file, or a complete one was moved there.
    Complete,
    /// The file or directory has gone.
    Gone,
    /// Something else changed.
    Changed,
}

/// Changes that were noticed and not looked at yet.
#[derive(Debug, Default)]
pub(super) struct Settling {
    /// Files that writers have open, with the time of the first and the last write.
    written: HashMap<PathBuf, (Instant, Instant)>,
    /// Time of the first change that has not been looked at, and when to look.
    pending: Option<(Instant, Instant)>,
}

impl Settling {
    /// Notes what happened to a path at `now`.
    pub(super) fn note(&mut self, happened: Happened, path: &Path, now: Instant) {
        match happened {
            Happened::Written => {
                if let Some((_, last)) = self.written.get_mut(path) {
                    *last = now;
                } else if self.written.len() < MAX_WRITTEN {
                    self.written.insert(path.to_owned(), (now, now));
                }
            }
            Happened::Complete => {
                self.written.remove(path);
                self.look_after(QUIET_TIME, now);
            }
            Happened::Gone => {
                self.written.remove(path);
                self.look_after(GONE_TIME, now);
            }
            Happened::Changed => self.look_after(QUIET_TIME, now),
        }
    }

    /// Notes that changes were lost: everything is looked at.
    pub(super) fn note_loss(&mut self, now: Instant) {
        self.written.clear();
        self.look_after(GONE_TIME, now);
    }

    fn look_after(&mut self, wait: Duration, now: Instant) {
        let (first, due) = self.pending.unwrap_or((now, now));
        self.pending = Some((first, due.max(now + wait).min(first + MAX_WAIT)));
    }

    /// Time at which to look at the files; `None` while nothing has changed.
    pub(super) fn due(&self) -> Option<Instant> {
        let written = self.written.values().map(|&times| given_up(times));
        written.chain(self.pending.map(|(_, due)| due)).min()
    }

    /// Ends the wait at `now`: what was noticed so far is being looked at.
    pub(super) fn look(&mut self, now: Instant) {
        self.pending = None;
        self.written.retain(|_, &mut times| now < given_up(times));
    }

    /// Whether a writer has the file open, so that its content may be half of what it will be.
    pub(super) fn is_written(&self, file: &Path) -> bool {
        self.written.contains_key(file)
    }
}

/// Time at which a file is read although its writer has not closed it.
fn given_up((first, last): (Instant, Instant)) -> Instant {
    (last + WRITER_PAUSE).min(first + MAX_WRITE_TIME)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Happened::{Changed, Complete, Gone, Written};

    /// Notes what happened, in milliseconds; returns when to look, in milliseconds.
    fn due(happened: &[(u64, Happened)]) -> Option<u128> {
        let start = Instant::now();
        let mut settling = Settling::default();
        for &(millis, happened) in happened {
            settling.note(happened, Path::new("/a"), start + Duration::from_millis(millis));
        }
        settling.due().map(|due| (due - start).as_millis())
    }

    #[test]
    fn a_complete_file_is_read_at_once() {
        assert_eq!(due(&[]), None);
        assert_eq!(due(&[(0, Complete)]), Some(5));
        assert_eq!(due(&[(0, Changed), (3, Changed)]), Some(8));
    }

    #[test]
    fn a_file_that_is_being_written_is_read_when_its_writer_closes_it() {
        assert_eq!(due(&[(0, Written), (300, Written)]), Some(1300), "or pauses for a second");
        assert_eq!(due(&[(0, Written), (300, Written), (700, Complete)]), Some(705));
        let for_ever: Vec<_> = (0..100).map(|n| (n * 500, Written)).collect();
        assert_eq!(due(&for_ever), Some(10_000));
    }

    #[test]
    fn a_file_that_has_gone_gets_time_to_come_back() {
        assert_eq!(due(&[(0, Gone)]), Some(15));
        assert_eq!(due(&[(0, Gone), (2, Written), (4, Complete)]), Some(15));
    }

    #[test]
    fn changes_that_never_end_are_read_in_time_all_the_same() {
        let all: Vec<_> = (0..1000).map(|n| (n, Complete)).collect();
        assert_eq!(due(&all), Some(20));
    }

    #[test]
    fn one_file_that_is_being_written_holds_up_no_other() {
        let now = Instant::now();
        let mut settling = Settling::default();
        settling.note(Written, Path::new("/slow"), now);
        settling.note(Complete, Path::new("/quick"), now);
        assert_eq!(settling.due(), Some(now + QUIET_TIME));
        settling.look(now + QUIET_TIME);
        assert!(settling.is_written(Path::new("/slow")) && !settling.is_written(Path::new("/quick")));
        settling.look(now + WRITER_PAUSE);
        assert!(!settling.is_written(Path::new("/slow")) && settling.due().is_none());
    }
}
