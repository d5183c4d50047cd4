//! From which version does each watch go on, and does a list ever end? What was asked before tells.

use super::request::{is_watch, parameter};
use http::Uri;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// How many pages a list may have: a million objects. Kubernetes is built for a tenth of it.
const MOST_PAGES: u32 = 2_000;

/// Remembers what was asked for each kind.
#[derive(Debug, Default)]
pub(in crate::api_server) struct History {
    kinds: Mutex<HashMap<String, Asked>>,
}

#[derive(Debug, Default)]
struct Asked {
    /// Where the newest watch begins.
    version: Option<u64>,
    /// Whether the server has begun to answer it.
    watched: bool,
    /// How many pages of the newest list were asked for after its first.
    pages: u32,
    /// Where the newest page begins.
    page: Option<String>,
}

impl History {
    /// Notes a request; an error when it goes on with a list that has no end.
    pub(super) fn note(&self, uri: &Uri) -> Result<(), kube::Error> {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = kinds.entry(uri.path().to_owned()).or_default();
        if is_watch(uri) {
            asked.version = parameter(uri, "resourceVersion").and_then(|version| version.parse().ok());
            asked.watched = false;
            return Ok(());
        }
        let page = parameter(uri, "continue").map(str::to_owned);
        asked.pages = if page.is_some() { asked.pages + 1 } else { 0 };
        let goes_round = page.is_some() && page == asked.page;
        asked.page = page;
        match goes_round || asked.pages > MOST_PAGES {
            true => Err(kube::Error::Service("its pages never end".into())),
            false => Ok(()),
        }
    }

    /// Notes that the server begins to answer a watch.
    pub(super) fn note_answer(&self, uri: &Uri) {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        kinds.entry(uri.path().to_owned()).or_default().watched = true;
    }

    /// Whether the newest watch of a kind was answered.
    pub(in crate::api_server) fn is_watched(&self, path: &str) -> bool {
        let kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        kinds.get(path).is_some_and(|asked| asked.watched)
    }

    /// Whether the server's newest version is older than where the watch of a kind goes on.
    pub(in crate::api_server) fn is_ahead_of(&self, path: &str, newest: Option<&str>) -> bool {
        let kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let version = kinds.get(path).and_then(|asked| asked.version);
        // Versions of a real API server are numbers that grow; nothing is known of others.
        let newest = newest.and_then(|version| version.parse().ok());
        version.zip(newest).is_some_and(|(version, newest): (u64, u64)| newest < version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(history: &History, uri: &str) -> bool {
        history.note(&uri.parse().unwrap()).is_ok()
    }

    #[test]
    fn a_server_that_knows_less_than_the_watch_goes_on_from_has_gone_back() {
        let history = History::default();
        assert!(!history.is_ahead_of("/services", Some("1")));
        assert!(note(&history, "/services?&watch=true&resourceVersion=100&x=1"));
        assert!(note(&history, "/slices?watch=true&resourceVersion=7"));
        assert!(history.is_ahead_of("/services", Some("99")));
        assert!(!history.is_ahead_of("/services", Some("100")));
        assert!(!history.is_ahead_of("/slices", Some("7")));
        for unknown in [None, Some(""), Some("abc")] {
            assert!(!history.is_ahead_of("/services", unknown), "{unknown:?}");
        }
        assert!(note(&history, "/services?watch=true&resourceVersion=0&sendInitialEvents=true"));
        assert!(!history.is_ahead_of("/services", Some("99")), "a new list begins anywhere");
    }

    #[test]
    fn a_watch_counts_once_it_is_answered() {
        let (history, uri) = (History::default(), "/services?watch=true".parse::<Uri>().unwrap());
        history.note(&uri).unwrap();
        assert!(!history.is_watched("/services"));
        history.note_answer(&uri);
        assert!(history.is_watched("/services") && !history.is_watched("/slices"));
        history.note(&uri).unwrap();
        assert!(!history.is_watched("/services"));
    }

    #[test]
    fn a_list_that_goes_round_or_never_ends_is_given_up_and_a_new_one_begins_anew() {
        let history = History::default();
        for _ in 0..2 {
            assert!(note(&history, "/services?limit=500"));
            assert!(note(&history, "/services?limit=500&continue=a"));
            assert!(note(&history, "/slices?limit=500&continue=b"), "another kind");
            assert!(!note(&history, "/services?limit=500&continue=a"));
            assert!(note(&history, "/slices?limit=500&continue=c"));
            assert!(note(&history, "/services?limit=500"));
            for page in 0..MOST_PAGES {
                assert!(note(&history, &format!("/services?continue={page}")), "{page}");
            }
            assert!(!note(&history, "/services?continue=last"));
        }
    }
}
