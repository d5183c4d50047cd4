//! What came of Events?

use crate::metric_families::SERVICE_EVENTS;
use metrics::{Counter, counter};

/// What came of an Event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventResult {
    /// It was created.
    Created,
    /// The Event of before got a series, or one more of it.
    Repeated,
    /// Another weir, or an earlier run, has written it.
    Known,
    /// The API server does not allow to write Events.
    Forbidden,
    /// The API server was away, or refused it for another reason.
    Failed,
    /// Too much is wrong: there was no room for it.
    Dropped,
}

impl EventResult {
    const ALL: [Self; 6] =
        [Self::Created, Self::Repeated, Self::Known, Self::Forbidden, Self::Failed, Self::Dropped];

    fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Repeated => "repeated",
            Self::Known => "known",
            Self::Forbidden => "forbidden",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }
}

/// Counters of Events, registered once.
#[derive(Clone)]
pub(crate) struct EventCounters([Counter; EventResult::ALL.len()]);

impl EventCounters {
    pub(crate) fn register() -> Self {
        Self(EventResult::ALL.map(|result| counter!(SERVICE_EVENTS.name, "result" => result.as_str())))
    }

    pub(crate) fn count(&self, result: EventResult, events: u64) {
        self.0[result as usize].increment(events);
    }
}
