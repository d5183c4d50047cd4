//! From which resource version does each watch go on, and does a list ever end? Decided from the requests so
//! far.

use super::request::{is_watch, parameter};
use http::Uri;
use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
};

/// Largest number of pages of a list: a million objects. Kubernetes is built for a tenth of that.
const MAX_PAGES: u32 = 2_000;

/// Requests for each resource, by URL path.
#[derive(Debug, Default)]
pub(in crate::api_server) struct WatchHistory {
    kinds: Mutex<HashMap<String, Requests>>,
}

#[derive(Debug, Default)]
struct Requests {
    /// Resource version at which the newest watch begins; `None` if it is not a number.
    version: Option<u64>,
    /// Whether the server has begun to answer the newest watch.
    watch_answered: bool,
    /// Number of pages of the newest list that were requested after its first.
    pages: u32,
    /// Value of `continue` in the newest request for a page.
    page: Option<String>,
    answer: AnswerBeginning,
}

/// Beginning of an answer, to be shown when the answer is of no use.
#[derive(Clone, Debug, Default)]
pub(in crate::api_server) struct AnswerBeginning {
    /// Status and content type.
    head: String,
    body: Vec<u8>,
}

impl AnswerBeginning {
    /// Bytes of the body that are kept.
    const MAX_BYTES: usize = 120;

    /// Whether the answer begins as that to a watch does.
    pub(in crate::api_server) fn is_event(&self) -> bool {
        self.body.trim_ascii_start().starts_with(br#"{"type":"#)
    }
}

impl fmt::Display for AnswerBeginning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.head, String::from_utf8_lossy(&self.body))
    }
}

impl WatchHistory {
    /// Records a request; an error when it continues a list without end.
    pub(super) fn record_request(&self, uri: &Uri) -> Result<(), kube::Error> {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let requests = kinds.entry(uri.path().to_owned()).or_default();
        if is_watch(uri) {
            requests.version = parameter(uri, "resourceVersion").and_then(|version| version.parse().ok());
            requests.watch_answered = false;
            return Ok(());
        }
        let page = parameter(uri, "continue").map(str::to_owned);
        requests.pages = if page.is_some() { requests.pages + 1 } else { 0 };
        let goes_round = page.is_some() && page == requests.page;
        requests.page = page;
        match goes_round || requests.pages > MAX_PAGES {
            true => Err(kube::Error::Service("its pages never end".into())),
            false => Ok(()),
        }
    }

    /// Records that the server begins to answer a watch.
    pub(super) fn record_answer(&self, uri: &Uri) {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        kinds.entry(uri.path().to_owned()).or_default().watch_answered = true;
    }

    /// Records status and content type of the newest answer for a path.
    pub(super) fn record_head(&self, path: &str, head: String) {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        kinds.entry(path.to_owned()).or_default().answer = AnswerBeginning { head, body: Vec::new() };
    }

    /// Records the next bytes of the newest answer for a path; returns whether there is room for more.
    pub(super) fn record_body(&self, path: &str, bytes: &[u8]) -> bool {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let body = &mut kinds.entry(path.to_owned()).or_default().answer.body;
        body.extend(
            bytes.iter().take(AnswerBeginning::MAX_BYTES - body.len().min(AnswerBeginning::MAX_BYTES)),
        );
        body.len() < AnswerBeginning::MAX_BYTES
    }

    /// Beginning of the newest answer for a path.
    pub(in crate::api_server) fn answer(&self, path: &str) -> AnswerBeginning {
        let kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        kinds.get(path).map(|requests| requests.answer.clone()).unwrap_or_default()
    }

    /// Whether the newest watch of a path was answered.
    pub(in crate::api_server) fn is_watch_answered(&self, path: &str) -> bool {
        let kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        kinds.get(path).is_some_and(|requests| requests.watch_answered)
    }

    /// Whether the server's newest resource version is older than the one at which the watch of a path goes on.
    pub(in crate::api_server) fn is_ahead_of(&self, path: &str, newest: Option<&str>) -> bool {
        let kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let version = kinds.get(path).and_then(|requests| requests.version);
        // Versions of a real API server are growing numbers; others cannot be compared.
        let newest = newest.and_then(|version| version.parse().ok());
        version.zip(newest).is_some_and(|(version, newest): (u64, u64)| newest < version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(history: &WatchHistory, uri: &str) -> bool {
        history.record_request(&uri.parse().unwrap()).is_ok()
    }

    #[test]
    fn a_server_that_knows_less_than_the_watch_goes_on_from_has_gone_back() {
        let history = WatchHistory::default();
        assert!(!history.is_ahead_of("/services", Some("1")));
        assert!(accepts(&history, "/services?&watch=true&resourceVersion=100&x=1"));
        assert!(accepts(&history, "/slices?watch=true&resourceVersion=7"));
        assert!(history.is_ahead_of("/services", Some("99")));
        assert!(!history.is_ahead_of("/services", Some("100")));
        assert!(!history.is_ahead_of("/slices", Some("7")));
        for unknown in [None, Some(""), Some("abc")] {
            assert!(!history.is_ahead_of("/services", unknown), "{unknown:?}");
        }
        assert!(accepts(&history, "/services?watch=true&resourceVersion=0&sendInitialEvents=true"));
        assert!(!history.is_ahead_of("/services", Some("99")), "a new list begins anywhere");
    }

    #[test]
    fn a_watch_counts_once_it_is_answered() {
        let (history, uri) = (WatchHistory::default(), "/services?watch=true".parse::<Uri>().unwrap());
        history.record_request(&uri).unwrap();
        assert!(!history.is_watch_answered("/services"));
        history.record_answer(&uri);
        assert!(history.is_watch_answered("/services") && !history.is_watch_answered("/slices"));
        history.record_request(&uri).unwrap();
        assert!(!history.is_watch_answered("/services"));
    }

    #[test]
    fn a_list_that_goes_round_or_never_ends_is_given_up_and_a_new_one_begins_anew() {
        let history = WatchHistory::default();
        for _ in 0..2 {
            assert!(accepts(&history, "/services?limit=500"));
            assert!(accepts(&history, "/services?limit=500&continue=a"));
            assert!(accepts(&history, "/slices?limit=500&continue=b"), "another kind");
            assert!(!accepts(&history, "/services?limit=500&continue=a"));
            assert!(accepts(&history, "/slices?limit=500&continue=c"));
            assert!(accepts(&history, "/services?limit=500"));
            for page in 0..MAX_PAGES {
                assert!(accepts(&history, &format!("/services?continue={page}")), "{page}");
            }
            assert!(!accepts(&history, "/services?continue=last"));
        }
    }
}
