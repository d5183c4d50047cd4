//! How is a list told, page by page?

use crate::admin::{
    basics::{
        api_error::ApiError,
        clock::{Clock, Time},
        query::Query,
    },
    routes::asked::Asked,
};
use serde::Serialize;

/// A page of a list.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ListForm<T> {
    pub(crate) kind: &'static str,
    pub(crate) metadata: Metadata,
    pub(crate) items: Vec<T>,
}

/// What is said of a list as a whole.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Metadata {
    pub(crate) time: Time,
    pub(crate) generation: u64,
    /// Items before filters.
    pub(crate) total: usize,
    /// Items after filters; `None` where they are not counted.
    pub(crate) matched: Option<usize>,
    #[serde(rename = "continue")]
    pub(crate) next: Option<String>,
}

impl Metadata {
    pub(crate) fn of(asked: &Asked<'_>, clock: &Clock, total: usize, matched: Option<usize>) -> Self {
        let generation = asked.knowledge.served.borrow().generation;
        Self { time: clock.time(), generation, total, matched, next: None }
    }
}

/// Where a page begins: after an item with this key, or at this place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// After this key, whether or not it is still there.
    After(String),
    /// At this place in the list.
    At(usize),
}

impl Start {
    /// Reads `continue`, which an earlier answer gave.
    pub(crate) fn read(query: &Query) -> Result<Self, ApiError> {
        let Some(text) = query.get("continue") else { return Ok(Self::At(0)) };
        match text.split_once(':') {
            Some(("after", key)) => Ok(Self::After(key.to_owned())),
            Some(("at", place)) if place.parse::<usize>().is_ok() => {
                Ok(Self::At(place.parse().unwrap_or_default()))
            }
            _ => Err(ApiError::invalid("continue", text, "must be what an earlier answer gave")),
        }
    }

    /// Cuts a page out of a list that is sorted by key, if `by_key`; returns it and where the next one begins.
    pub(crate) fn page<T>(
        &self,
        items: Vec<T>,
        limit: usize,
        by_key: bool,
        key: impl Fn(&T) -> String,
    ) -> (Vec<T>, Option<String>) {
        let first = match self {
            Self::At(place) => *place,
            Self::After(after) => items.iter().take_while(|item| key(item) <= *after).count(),
        };
        let count = items.len();
        let page: Vec<T> = items.into_iter().skip(first).take(limit).collect();
        let end = first.saturating_add(page.len());
        let next = page.last().filter(|_| end < count).map(|last| match by_key {
            true => format!("after:{}", key(last)),
            false => format!("at:{end}"),
        });
        (page, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_and_nothing_is_twice_where_keys_are_sorted() {
        let read = |next: Option<String>| {
            let text = next.map_or_else(String::new, |next| format!("continue={next}"));
            Start::read(&Query::read(Some(&text)).unwrap()).unwrap()
        };
        let key = |item: &&str| (*item).to_owned();
        let (page, next) = read(None).page(vec!["a", "b", "d"], 2, true, key);
        assert_eq!((page, next.as_deref()), (vec!["a", "b"], Some("after:b")));
        let (page, next) = read(next).page(vec!["a", "c", "d"], 2, true, key);
        assert_eq!((page, next), (vec!["c", "d"], None), "b has gone, c has come");
        let (page, next) = read(None).page(vec!["z", "a"], 1, false, key);
        assert_eq!((page, next.as_deref()), (vec!["z"], Some("at:1")));
        assert_eq!(read(next).page(vec!["z", "a"], 1, false, key), (vec!["a"], None));
        assert_eq!(read(Some("at:9".into())).page(vec!["z"], 1, false, key), (vec![], None));
    }

    #[test]
    fn what_no_answer_gave_is_refused() {
        for text in ["continue=x", "continue=at:x", "continue=at:-1"] {
            assert!(Start::read(&Query::read(Some(text)).unwrap()).is_err(), "{text}");
        }
    }
}
