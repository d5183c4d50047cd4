//! Which Events are due, given what is wrong with Services? Bounded, whatever tenants write.

use super::{
    draft::EventDraft,
    entry::{Entry, Plan, Topic},
    findings::Sentences,
    reason::{EventReason, EventWriter},
    writers::EventWriters,
};
use crate::{
    limits::{Quota, RateLimiter},
    model::ServiceKey,
};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// Topics that are remembered at most: with notes of 1 KiB they take about 2 MB.
const MAX_TOPICS: usize = 1024;

/// Subjects that are remembered of a topic; of more the first by name.
const MAX_SUBJECTS: usize = 16;

/// Events of this process: ten after a quiet time, then one in two seconds.
const QUOTA: Quota = Quota::new(Duration::from_secs(2), 10);

/// Events after a quiet time among those that other nodes may write as well.
const SHARED_BURST: u32 = 5;

/// Time for which a namespace without room is not looked at again.
const FULL_PAUSE: Duration = Duration::from_secs(1);

/// What is wrong with Services, and what was said of that. Every change of the inputs is compared with what was said: a topic
/// (Service and reason) has one Event at a time, and what comes back or lasts is a series of that Event.
#[derive(Debug)]
pub struct EventLedger {
    entries: BTreeMap<Topic, Entry>,
    limiter: RateLimiter,
    /// Limits what every node may write, by the number of nodes.
    shared_limiter: RateLimiter,
    writers: EventWriters,
    /// Topics for which there was no room since this was asked last.
    dropped: u64,
    /// Namespace that had no room at this time: looking again soon would be slow, and of no use.
    full: Option<(Arc<str>, Instant)>,
}

impl EventLedger {
    /// Creates an empty ledger at the time `start`.
    pub fn new(start: Instant) -> Self {
        Self {
            entries: BTreeMap::new(),
            limiter: RateLimiter::new(start),
            shared_limiter: RateLimiter::new(start),
            writers: EventWriters::default(),
            dropped: 0,
            full: None,
        }
    }

    /// Replaces the nodes that may write. What is to be said from now on goes by them.
    pub fn set_writers(&mut self, writers: EventWriters) {
        self.writers = writers;
    }

    /// Replaces what is wrong with a Service for one reason; no sentences mean that nothing is.
    pub fn set(&mut self, now: Instant, service: &ServiceKey, reason: EventReason, mut sentences: Sentences) {
        while sentences.len() > MAX_SUBJECTS {
            sentences.pop_last();
        }
        let topic = (service.clone(), reason);
        if !self.entries.contains_key(&topic) && (sentences.is_empty() || !self.make_room(now, service)) {
            return;
        }
        let node = self.writers.node();
        let is_live = !sentences.is_empty();
        let entry = self.entries.entry(topic).or_insert_with(|| Entry::new(now));
        let ended = entry.set(now, reason, node, sentences);
        let Some((reason, sentence)) = reason.end() else { return };
        let topic = (service.clone(), reason);
        if is_live {
            self.entries.get_mut(&topic).into_iter().for_each(Entry::say_nothing);
        } else if ended && (self.entries.contains_key(&topic) || self.make_room(now, service)) {
            let node = self.writers.node();
            let entry = self.entries.entry(topic).or_insert_with(|| Entry::new(now));
            entry.say_once(now, reason, node, sentence);
        }
    }

    /// Forgets what is wrong with a Service for one reason, without saying that it is over.
    pub fn withdraw(&mut self, service: &ServiceKey, reason: EventReason) {
        self.entries.remove(&(service.clone(), reason));
    }

    /// Forgets a Service that is gone.
    pub fn forget(&mut self, service: &ServiceKey) {
        for reason in EventReason::ALL {
            self.entries.remove(&(service.clone(), reason));
        }
    }

    /// Decides for all that is new whether and when this process says it: once the nodes are known.
    pub fn schedule(&mut self, now: Instant) {
        let Self { entries, writers, .. } = self;
        // What others say takes no room here, unless it was once written from here.
        entries.retain(|topic, entry| entry.schedule(now, topic, writers) || entry.was_written());
    }

    /// Whether something waits for [`Self::schedule`].
    pub fn has_unscheduled(&self) -> bool {
        self.entries.values().any(|entry| entry.plan == Plan::Open)
    }

    /// Time at which [`Self::take_due`] is to be asked; `None` if nothing is to be said.
    pub fn next_due(&self, now: Instant) -> Option<Instant> {
        let due = |(topic, entry): (&Topic, &Entry)| Some(entry.due(now)?.max(now + self.wait(now, topic)));
        self.entries.iter().filter_map(due).min()
    }

    /// Takes the Event that is to be written at `now`: of the namespace that was served least lately.
    pub fn take_due(&mut self, now: Instant) -> Option<EventDraft> {
        self.entries.retain(|_, entry| !entry.is_forgotten(now));
        let topic = self.next_topic(now)?;
        let quotas = self.quotas(&topic);
        let Self { entries, limiter, shared_limiter, writers, .. } = self;
        let draft = entries.get_mut(&topic)?.take(now, &topic, writers);
        limiter.reserve(now, quotas.0);
        if let Some(quota) = quotas.1 {
            shared_limiter.reserve(now, quota);
        }
        Some(draft)
    }

    /// Number of topics that were not noted for lack of room since the last call.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    /// Number of topics that are remembered.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Topic of the next Event. Topics of one namespace stand together.
    fn next_topic(&mut self, now: Instant) -> Option<Topic> {
        let mut best: Option<(Option<Instant>, Instant, Topic)> = None;
        let mut put_off = Vec::new();
        let mut namespaces = self.entries.iter().peekable();
        while let Some(&((ServiceKey { namespace, .. }, _), _)) = namespaces.peek() {
            let (mut served, mut first): (Option<Instant>, Option<(Instant, &Topic)>) = (None, None);
            while let Some((topic, entry)) =
                namespaces.next_if(|((service, _), _)| service.namespace == *namespace)
            {
                served = served.max(entry.written_at());
                let Some(due) = entry.due(now).filter(|&due| due <= now) else { continue };
                if entry.is_repetition() && !self.writers.says_again(&topic.0, topic.1) {
                    put_off.push(topic.clone());
                } else if self.wait(now, topic).is_zero() && first.is_none_or(|(earlier, _)| due < earlier) {
                    first = Some((due, topic));
                }
            }
            if let Some((due, topic)) = first
                && best.as_ref().is_none_or(|(other, at, _)| (served, due) < (*other, *at))
            {
                best = Some((served, due, topic.clone()));
            }
        }
        for topic in put_off {
            let Self { entries, writers, .. } = self;
            entries.get_mut(&topic).into_iter().for_each(|entry| entry.put_off(now, writers));
        }
        best.map(|(.., topic)| topic)
    }

    /// Time until an Event of a topic may be written by the limits of this process.
    fn wait(&self, now: Instant, topic: &Topic) -> Duration {
        let (quota, shared) = self.quotas(topic);
        let shared = shared.map_or(Duration::ZERO, |quota| self.shared_limiter.wait(now, quota));
        self.limiter.wait(now, quota).max(shared)
    }

    fn quotas(&self, (_, reason): &Topic) -> (Quota, Option<Quota>) {
        let shared = reason.writer() != EventWriter::OneNode;
        (QUOTA, shared.then(|| Quota::new(self.writers.spread(), SHARED_BURST)))
    }

    /// Makes room for a topic of a Service; false if there is none. The namespace with most topics gives way: it cannot take
    /// the room of others.
    fn make_room(&mut self, now: Instant, service: &ServiceKey) -> bool {
        if self.entries.len() < MAX_TOPICS {
            return true;
        }
        let is_full = |(namespace, at): &(Arc<str>, Instant)| {
            *namespace == service.namespace && now.saturating_duration_since(*at) < FULL_PAUSE
        };
        if self.full.as_ref().is_some_and(is_full) {
            self.dropped += 1;
            return false;
        }
        self.entries.retain(|_, entry| entry.is_live());
        if self.entries.len() < MAX_TOPICS {
            return true;
        }
        self.dropped += 1;
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        self.entries.keys().for_each(|(known, _)| *counts.entry(&known.namespace).or_default() += 1);
        let Some((&largest, _)) = counts.iter().max_by_key(|(_, count)| **count) else { return false };
        if *largest == *service.namespace {
            self.full = Some((Arc::clone(&service.namespace), now));
            return false;
        }
        let last = self.entries.keys().rev().find(|(known, _)| *known.namespace == *largest).cloned();
        last.is_some_and(|topic| self.entries.remove(&topic).is_some())
    }
}

#[cfg(test)]
mod tests;
