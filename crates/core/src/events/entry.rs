//! What was said of one topic, and what is to be said next?

use super::{
    draft::{self, EventDraft},
    findings::Sentences,
    reason::EventReason,
    writers::EventWriters,
};
use crate::{
    limits::{Quota, RateLimiter},
    model::ServiceKey,
};
use std::time::{Duration, Instant};

/// Service and reason: of one topic there is one Event at a time.
pub(super) type Topic = (ServiceKey, EventReason);

/// Events of one topic: three after a quiet time, then one in five minutes, as in client-go.
const QUOTA: Quota = Quota::new(Duration::from_secs(300), 3);

/// Time after which a cause that lasts is said again, at least: within the hour for which an API server keeps Events.
const REPEAT: Duration = Duration::from_secs(1800);

/// Time for which a cause that is gone is remembered, so that one that comes back counts on.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// When something is to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// As soon as it is known who writes.
    Open,
    /// At this time.
    At(Instant),
    /// Not at all, until something changes.
    Never,
}

/// State of one topic.
#[derive(Debug)]
pub(super) struct Entry {
    /// What is wrong now; empty once it is over.
    sentences: Sentences,
    note: String,
    identity: u64,
    /// Time since when this is as it is.
    since: Instant,
    /// Whether what is wrong now was said.
    said: bool,
    /// Identity of the Event that was written last, how often, and when.
    written: Option<(u64, u32, Instant)>,
    pub(super) plan: Plan,
    limiter: RateLimiter,
}

impl Entry {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            sentences: Sentences::new(),
            note: String::new(),
            identity: 0,
            since: now,
            said: false,
            written: None,
            plan: Plan::Never,
            limiter: RateLimiter::new(now),
        }
    }

    /// Whether something is wrong, or to be said.
    pub(super) fn is_live(&self) -> bool {
        !self.sentences.is_empty() || self.plan != Plan::Never
    }

    /// Whether nobody needs to know of the topic any more.
    pub(super) fn is_forgotten(&self, now: Instant) -> bool {
        !self.is_live() && now.saturating_duration_since(self.since) >= REMEMBERED
    }

    /// Time of the last Event.
    pub(super) fn written_at(&self) -> Option<Instant> {
        self.written.map(|(.., at)| at)
    }

    /// Whether an Event of this entry was ever written.
    pub(super) fn was_written(&self) -> bool {
        self.written.is_some()
    }

    /// Replaces what is wrong; returns whether that ends what was said before.
    pub(super) fn set(
        &mut self,
        now: Instant,
        reason: EventReason,
        node: &str,
        sentences: Sentences,
    ) -> bool {
        if self.sentences == sentences {
            return false;
        }
        let began = self.sentences.is_empty();
        self.sentences = sentences;
        if self.sentences.is_empty() {
            (self.since, self.plan) = (now, Plan::Never);
            return std::mem::take(&mut self.said);
        }
        let note = draft::note(reason, node, &self.sentences);
        let identity = draft::identity(reason, node, &note);
        if began || identity != self.identity {
            (self.note, self.identity, self.since) = (note, identity, now);
            (self.said, self.plan) = (false, Plan::Open);
        }
        false
    }

    /// Says one sentence once.
    pub(super) fn say_once(&mut self, now: Instant, reason: EventReason, node: &str, sentence: &str) {
        let sentences = [("".into(), sentence.into())].into();
        self.note = draft::note(reason, node, &sentences);
        self.identity = draft::identity(reason, node, &self.note);
        (self.since, self.plan) = (now, Plan::Open);
    }

    /// Takes back what was to be said.
    pub(super) fn say_nothing(&mut self) {
        self.plan = Plan::Never;
    }

    /// Decides at `now` when this process says what is to be said; returns whether it ever does.
    pub(super) fn schedule(&mut self, now: Instant, topic: &Topic, writers: &EventWriters) -> bool {
        if self.plan == Plan::Open {
            let wait = writers.wait(&topic.0, topic.1);
            self.plan = wait.map_or(Plan::Never, |wait| Plan::At(now + wait));
            return wait.is_some();
        }
        true
    }

    /// Time at which the next Event may be written; `None` if there is none.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        match self.plan {
            Plan::At(at) => Some(at.max(now + self.limiter.wait(now, QUOTA))),
            Plan::Open | Plan::Never => None,
        }
    }

    /// Whether what is due was said before and only lasts.
    pub(super) fn is_repetition(&self) -> bool {
        self.said
    }

    /// Puts off the next Event: another node says again what lasts.
    pub(super) fn put_off(&mut self, now: Instant, writers: &EventWriters) {
        self.plan = Plan::At(now + REPEAT.max(writers.spread()));
    }

    /// Takes the Event that is due at `now`.
    pub(super) fn take(&mut self, now: Instant, topic: &Topic, writers: &EventWriters) -> EventDraft {
        self.limiter.reserve(now, QUOTA);
        let count = match self.written {
            Some((identity, count, _)) if identity == self.identity => count.saturating_add(1),
            _ => 1,
        };
        self.written = Some((self.identity, count, now));
        self.plan = Plan::Never;
        if !self.sentences.is_empty() {
            self.said = true;
            self.put_off(now, writers);
        }
        EventDraft {
            service: topic.0.clone(),
            reason: topic.1,
            note: self.note.clone(),
            count,
            age: now.saturating_duration_since(self.since),
            identity: self.identity,
        }
    }
}
