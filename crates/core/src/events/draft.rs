//! What is written of an Event, and under which name?

use super::{
    findings::Sentences,
    reason::{EventReason, EventWriter},
};
use crate::model::{ServiceKey, stable_hasher};
use std::{hash::Hasher, time::Duration};

/// Longest note in bytes (the API's limit).
const MAX_NOTE_BYTES: usize = 1024;

/// Purpose of hashes in names of Events.
const NAME_KEY: u64 = 0x6e61_6d65;

/// Event that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventDraft {
    /// Service that the Event is about.
    pub service: ServiceKey,
    /// Reason, type and action of the Event.
    pub reason: EventReason,
    /// Sentence for people, at most 1,024 bytes.
    pub note: String,
    /// Times that this was said, with this one; from 2 on the Event that there is gets a series.
    pub count: u32,
    /// Time since the cause began.
    pub age: Duration,
    pub(super) identity: u64,
}

impl EventDraft {
    /// Name of the Event: every node, and every run of weir, names one cause alike, so that an API server takes the Event once.
    /// `uid` is the Service's, 0 if that is unknown: a Service that is made anew has new Events.
    pub fn name(&self, uid: u128) -> String {
        let mut hasher = stable_hasher(NAME_KEY);
        hasher.write(&uid.to_be_bytes());
        hasher.write(&self.identity.to_be_bytes());
        format!("{}.{:016x}", self.service.name, hasher.finish())
    }
}

/// Hash of what makes an Event another one: of the reason, the node where each node writes its own, and the words where they
/// matter.
pub(super) fn identity(reason: EventReason, node: &str, note: &str) -> u64 {
    let mut hasher = stable_hasher(NAME_KEY);
    hasher.write(reason.as_str().as_bytes());
    if reason.writer() == EventWriter::EachNode {
        hasher.write(b"\0");
        hasher.write(node.as_bytes());
    }
    if reason.tells_words() {
        hasher.write(b"\0");
        hasher.write(note.as_bytes());
    }
    hasher.finish()
}

/// Note of an Event: the first sentence, how many more there are, and from which node that is seen.
pub(super) fn note(reason: EventReason, node: &str, sentences: &Sentences) -> String {
    let sentence = sentences.values().next().map_or("", |first| first);
    let at = match reason.writer() {
        EventWriter::EachNode | EventWriter::AnyNode if !node.is_empty() => format!("node {node}: "),
        _ => String::new(),
    };
    let more = match sentences.len() {
        0 | 1 => String::new(),
        many => format!(" (and {} more)", many - 1),
    };
    let room = MAX_NOTE_BYTES.saturating_sub(at.len() + more.len());
    cut(&format!("{at}{}{more}", cut(sentence, room)), MAX_NOTE_BYTES)
}

/// Text of at most `max` bytes, which ends with an ellipsis if something is missing.
fn cut(text: &str, max: usize) -> String {
    const ELLIPSIS: &str = "…";
    if text.len() <= max {
        return text.to_owned();
    }
    let mut end = max.saturating_sub(ELLIPSIS.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut text = text.split_at(end).0.to_owned();
    if max >= ELLIPSIS.len() {
        text.push_str(ELLIPSIS);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_has_at_most_as_many_bytes_as_the_api_allows_and_is_cut_between_characters() {
        let one = |sentence: &str, node: &str| {
            let sentences = [("a".into(), sentence.into()), ("b".into(), "x".into())].into();
            note(EventReason::FrontendNotBound, node, &sentences)
        };
        assert_eq!(one("cannot serve it", "worker-1"), "node worker-1: cannot serve it (and 1 more)");
        for length in 480..520 {
            let note = one(&"é".repeat(length), &"n".repeat(17));
            assert!(note.len() <= 1024 && note.ends_with(" (and 1 more)"), "{}", note.len());
        }
        assert!(one(&"x".repeat(5000), &"n".repeat(5000)).len() <= 1024);
    }

    #[test]
    fn a_cause_has_one_name_on_all_nodes_unless_each_writes_its_own() {
        let name = |reason, node: &str, note: &str, uid| {
            let draft = EventDraft {
                service: ServiceKey::new("shop", "web"),
                reason,
                note: note.to_owned(),
                count: 1,
                age: Duration::ZERO,
                identity: identity(reason, node, note),
            };
            draft.name(uid)
        };
        let ignored = EventReason::AnnotationIgnored;
        assert_eq!(name(ignored, "a", "x", 1), name(ignored, "b", "x", 1));
        assert_ne!(name(ignored, "a", "x", 1), name(ignored, "a", "y", 1), "another mistake");
        assert_ne!(name(ignored, "a", "x", 1), name(ignored, "a", "x", 2), "another Service of this name");
        let failing = EventReason::EndpointsFailing;
        assert_eq!(name(failing, "a", "node a: x", 1), name(failing, "b", "node b: y", 1));
        let bound = EventReason::FrontendNotBound;
        assert_ne!(name(bound, "a", "x", 1), name(bound, "b", "x", 1));
        assert_eq!(name(ignored, "a", "x", 1), "web.ec5c02a3104eb05d", "the same in every release");
    }
}
