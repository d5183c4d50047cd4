//! Until when is a state from disk in force, and what is logged about it?

use crate::Kind;
use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};
use tracing::info;

/// State from disk that stands in for lists that are not complete yet.
pub(super) struct RestoredState {
    /// Time of day at which the state was saved.
    pub(super) saved: SystemTime,
    file: PathBuf,
    /// Kinds whose list is not complete yet.
    missing: Vec<Kind>,
}

impl RestoredState {
    pub(super) fn new(saved: SystemTime, file: PathBuf) -> Self {
        Self { saved, file, missing: vec![Kind::Service, Kind::EndpointSlice] }
    }

    /// Marks the list of a kind as complete.
    pub(super) fn complete(&mut self, kind: Kind) {
        self.missing.retain(|&missing| missing != kind);
    }

    /// Whether complete lists have replaced the whole state.
    pub(super) fn is_replaced(&self) -> bool {
        self.missing.is_empty()
    }

    /// Logs what is served from the state; `services` as in `3 Services to serve`.
    pub(super) fn log_start(&self, services: &str) {
        let age = age(self.saved, SystemTime::now());
        info!("{services}, as known {age} ago ({}), until the API server answers", self.file.display());
    }

    /// Logs that complete lists have replaced the state.
    pub(super) fn log_end(&self) {
        let file = self.file.display();
        info!("the API server's lists are complete; they replace the state of {file}");
    }
}

/// Age at `now` of something that happened at `then`, in at most its two largest units.
fn age(then: SystemTime, now: SystemTime) -> String {
    let seconds = now.duration_since(then).unwrap_or_default().as_secs();
    let unit = [86_400, 3_600, 60].into_iter().find(|unit| seconds >= 10 * unit).unwrap_or(1);
    humantime::format_duration(Duration::from_secs(seconds - seconds % unit)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_as_exact_as_anybody_cares() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (183, "3m 3s"),
            (660 + 7, "11m"),
            (36_000 + 125, "10h"),
            (90_000, "1day 1h"),
        ] {
            let then = SystemTime::UNIX_EPOCH;
            assert_eq!(age(then, then + Duration::from_secs(seconds)), text);
            assert_eq!(age(then + Duration::from_secs(seconds), then), "0s", "a clock may be set back");
        }
    }
}
