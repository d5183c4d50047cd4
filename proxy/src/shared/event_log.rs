//! What has happened lately? The last events, for operators who look.
//!
//! Threads that steer write here, never a worker.

use super::connection_info::ServedPort;
use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};
use tokio::sync::watch;
use weir_core::ServiceKey;

/// Events that are kept.
const CAPACITY: usize = 1024;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Number: 1 is the first event of the process.
    pub id: u64,
    /// Time.
    pub at: SystemTime,
    /// What happened, to what.
    pub occurrence: Occurrence,
}

/// What happened, to what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// What happened.
    pub kind: EventKind,
    /// Service; `None` if it concerns none, or all.
    pub service: Option<ServiceKey>,
    /// Service port; `None` if it concerns no port alone.
    pub port: Option<ServedPort>,
    /// Endpoint, or the address of a frontend.
    pub address: Option<SocketAddr>,
    /// A word for the cause.
    pub reason: Option<&'static str>,
    /// A sentence for people.
    pub message: String,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// An endpoint fails: it gets no clients for a while.
    EndpointEjected,
    /// Active checks of an endpoint fail.
    EndpointDown,
    /// An endpoint fails, and is used all the same, as too few others would be left.
    EndpointSpared,
    /// An endpoint fails, and is used all the same, as nothing else is left.
    EndpointLastResort,
    /// An endpoint works again.
    EndpointBack,
    /// Endpoints of a Service port came or went.
    EndpointsChanged,
    /// No endpoint of a Service port works.
    ServiceFailing,
    /// A Service port has no endpoint.
    ServiceEmpty,
    /// A Service port has a working endpoint again.
    ServiceBack,
    /// A Service is served that was not.
    ServiceAdded,
    /// A Service is no longer served.
    ServiceRemoved,
    /// A Service address cannot be listened at.
    FrontendFailed,
    /// A Service address is listened at again.
    FrontendListening,
    /// An operator has set a run-time override.
    OverrideSet,
    /// An operator has removed a run-time override.
    OverrideRemoved,
    /// An operator has ended connections.
    ConnectionsKilled,
    /// An operator has set the log level.
    LogLevelSet,
}

impl EventKind {
    /// All kinds.
    pub const ALL: [Self; 17] = [
        Self::EndpointEjected,
        Self::EndpointDown,
        Self::EndpointSpared,
        Self::EndpointLastResort,
        Self::EndpointBack,
        Self::EndpointsChanged,
        Self::ServiceFailing,
        Self::ServiceEmpty,
        Self::ServiceBack,
        Self::ServiceAdded,
        Self::ServiceRemoved,
        Self::FrontendFailed,
        Self::FrontendListening,
        Self::OverrideSet,
        Self::OverrideRemoved,
        Self::ConnectionsKilled,
        Self::LogLevelSet,
    ];

    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EndpointEjected => "EndpointEjected",
            Self::EndpointDown => "EndpointDown",
            Self::EndpointSpared => "EndpointSpared",
            Self::EndpointLastResort => "EndpointLastResort",
            Self::EndpointBack => "EndpointBack",
            Self::EndpointsChanged => "EndpointsChanged",
            Self::ServiceFailing => "ServiceFailing",
            Self::ServiceEmpty => "ServiceEmpty",
            Self::ServiceBack => "ServiceBack",
            Self::ServiceAdded => "ServiceAdded",
            Self::ServiceRemoved => "ServiceRemoved",
            Self::FrontendFailed => "FrontendFailed",
            Self::FrontendListening => "FrontendListening",
            Self::OverrideSet => "OverrideSet",
            Self::OverrideRemoved => "OverrideRemoved",
            Self::ConnectionsKilled => "ConnectionsKilled",
            Self::LogLevelSet => "LogLevelSet",
        }
    }

    /// Whether somebody should look.
    pub fn is_warning(self) -> bool {
        match self {
            Self::EndpointEjected
            | Self::EndpointDown
            | Self::EndpointSpared
            | Self::EndpointLastResort
            | Self::ServiceFailing
            | Self::ServiceEmpty
            | Self::FrontendFailed => true,
            Self::EndpointBack
            | Self::EndpointsChanged
            | Self::ServiceBack
            | Self::ServiceAdded
            | Self::ServiceRemoved
            | Self::FrontendListening
            | Self::OverrideSet
            | Self::OverrideRemoved
            | Self::ConnectionsKilled
            | Self::LogLevelSet => false,
        }
    }
}

impl Occurrence {
    /// Something that concerns no Service.
    pub fn new(kind: EventKind, message: impl Into<String>) -> Self {
        Self { kind, service: None, port: None, address: None, reason: None, message: message.into() }
    }

    /// Something that concerns a Service port.
    pub fn of_port(kind: EventKind, port: ServedPort, message: impl Into<String>) -> Self {
        Self { service: Some(port.key.service.clone()), port: Some(port), ..Self::new(kind, message) }
    }
}

/// The last events, shared by those who write and those who read.
#[derive(Clone, Debug)]
pub struct EventLog(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    events: Mutex<VecDeque<Event>>,
    /// Number of the last event.
    last: watch::Sender<u64>,
}

impl Default for EventLog {
    fn default() -> Self {
        Self(Arc::new(Shared { events: Mutex::default(), last: watch::Sender::new(0) }))
    }
}

impl EventLog {
    /// Adds an event in place of the oldest.
    pub fn record(&self, occurrence: Occurrence) {
        self.record_at(SystemTime::now(), occurrence);
    }

    fn record_at(&self, at: SystemTime, occurrence: Occurrence) {
        let mut events = self.events();
        let id = *self.0.last.borrow() + 1;
        if events.len() == CAPACITY {
            events.pop_front();
        }
        events.push_back(Event { id, at, occurrence });
        self.0.last.send_replace(id);
    }

    /// Events with numbers greater than `after`, oldest first, and how many of those are forgotten.
    pub fn after(&self, after: u64) -> (Vec<Event>, u64) {
        let events = self.events();
        let oldest = events.front().map_or(after + 1, |event| event.id);
        let found = events.iter().filter(|event| event.id > after).cloned().collect();
        (found, oldest.saturating_sub(after + 1))
    }

    /// Number of the last event, to wait for the next one.
    pub fn last(&self) -> watch::Receiver<u64> {
        self.0.last.subscribe()
    }

    fn events(&self) -> MutexGuard<'_, VecDeque<Event>> {
        self.0.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_events_are_kept_and_who_reads_late_is_told_how_many_are_forgotten() {
        let log = EventLog::default();
        assert_eq!(log.after(0), (vec![], 0));
        for number in 0..CAPACITY + 10 {
            log.record(Occurrence::new(EventKind::LogLevelSet, number.to_string()));
        }
        let (events, forgotten) = log.after(0);
        assert_eq!((events.len(), forgotten, events[0].id), (CAPACITY, 10, 11));
        let last = CAPACITY as u64 + 10;
        assert_eq!(log.after(last - 1).0.iter().map(|event| event.id).collect::<Vec<_>>(), [last]);
        assert_eq!((log.after(last), *log.last().borrow()), ((vec![], 0), last));
    }

    #[test]
    fn every_kind_has_a_word_of_its_own() {
        let words: std::collections::BTreeSet<_> = EventKind::ALL.map(EventKind::as_str).into();
        assert_eq!(words.len(), EventKind::ALL.len());
    }
}
