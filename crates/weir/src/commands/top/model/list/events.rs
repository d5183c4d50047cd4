//! Which events are known? The server is asked only for those after the last one.

use crate::output::part::Part;
use serde_json::Value;
use std::collections::VecDeque;

/// Events that are kept: as many as the server has.
const MAX_EVENTS: usize = 1024;

/// The last events, the oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Ring(VecDeque<Value>);

impl Ring {
    /// Number of the last event.
    pub(super) fn last(&self) -> Option<u64> {
        Part::of(self.0.back()?).count("id")
    }

    /// Adds later events.
    pub(super) fn push(&mut self, events: Vec<Value>) {
        for event in events {
            if Part::of(&event).count("id") > self.last() {
                self.0.push_back(event);
            }
        }
        let surplus = self.0.len().saturating_sub(MAX_EVENTS);
        self.0.drain(..surplus);
    }

    /// Events in which every word of the filter occurs, the newest first unless `reversed`.
    pub(super) fn rows(&self, filter: &str, reversed: bool) -> Vec<Value> {
        // Words with `=` are for the server.
        let words: Vec<String> =
            filter.split_whitespace().filter(|word| !word.contains('=')).map(str::to_lowercase).collect();
        let has_all = |event: &&Value| {
            let text = event.to_string().to_lowercase();
            words.iter().all(|word| text.contains(word))
        };
        let found = self.0.iter().filter(has_all).cloned();
        if reversed { found.collect() } else { found.rev().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(id: usize) -> Value {
        json!({"id": id, "message": format!("Message-{}", id % 2)})
    }

    #[test]
    fn as_many_are_kept_as_the_server_has_and_none_twice() {
        let mut ring = Ring::default();
        ring.push((1..=3).map(event).collect());
        ring.push((2..=5).map(event).collect());
        assert_eq!((ring.last(), ring.0.len()), (Some(5), 5));
        ring.push((6..=2000).map(event).collect());
        assert_eq!((ring.last(), ring.0.len()), (Some(2000), MAX_EVENTS));
        ring.push(vec![json!({}), json!(7)]);
        assert_eq!(ring.0.len(), MAX_EVENTS, "what has no number is none");
    }

    #[test]
    fn the_newest_come_first_and_only_those_with_every_word() {
        let mut ring = Ring::default();
        ring.push((1..=4).map(event).collect());
        let ids = |filter: &str, reversed| -> Vec<u64> {
            ring.rows(filter, reversed).iter().filter_map(|event| Part::of(event).count("id")).collect()
        };
        assert_eq!(ids("", false), [4, 3, 2, 1]);
        assert_eq!(ids("message-1 type=x", true), [1, 3]);
    }
}
