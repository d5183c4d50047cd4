//! Until when is served what was found on disk, and what is said about it?

use crate::Kind;
use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};
use tracing::info;

/// A state from disk that is served in place of lists that are not complete yet.
pub(super) struct RestoredState {
    /// When it was saved.
    pub(super) saved: SystemTime,
    file: PathBuf,
    /// The lists that have to be complete.
    missing: Vec<Kind>,
}

impl RestoredState {
    pub(super) fn new(saved: SystemTime, file: PathBuf) -> Self {
        Self { saved, file, missing: vec![Kind::Service, Kind::EndpointSlice] }
    }

    /// Notes that the API server has listed a kind completely.
    pub(super) fn complete(&mut self, kind: Kind) {
        self.missing.retain(|&missing| missing != kind);
    }

    /// Whether nothing of it is served any more.
    pub(super) fn is_replaced(&self) -> bool {
        self.missing.is_empty()
    }

    /// Says what is served; `services` as in `3 Services to serve`.
    pub(super) fn log_start(&self, services: &str) {
        let age = age(self.saved, SystemTime::now());
        info!("{services}, as known {age} ago ({}), until the API server answers", self.file.display());
    }

    /// Says that it is over.
    pub(super) fn log_end(&self) {
        let file = self.file.display();
        info!("the API server's lists are complete; they have taken the place of what {file} said");
    }
}

/// How long ago something was, in its two largest units at most.
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
