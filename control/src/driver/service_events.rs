//! When does the driver hand on an Event about a Service?

use super::Driver;
use crate::events::{EventDesk, EventPost};
use tokio::sync::mpsc::OwnedPermit;
use weir_core::Findings;

impl Driver {
    /// Has Events about Services written, if there is a desk.
    #[must_use]
    pub(crate) fn writing_events(self, events: Option<EventDesk>) -> Self {
        Self { events, ..self }
    }

    /// Waits until an Event may be written: not while the API server is away. What is wrong then is still known later.
    pub(super) fn until_event(&self) -> impl Future<Output = OwnedPermit<EventPost>> + use<> {
        let is_away = self.outage.since().is_some();
        let due = self.events.as_ref().filter(|_| !is_away).map(EventDesk::until_due);
        async move {
            match due {
                Some(due) => due.await,
                None => std::future::pending().await,
            }
        }
    }

    /// Hands on the Event that is due.
    pub(super) fn send_event(&mut self, permit: OwnedPermit<EventPost>) {
        if let Some(events) = &mut self.events {
            events.send(permit);
        }
    }

    pub(super) fn receive_findings(&mut self, findings: Findings) {
        if let Some(events) = &mut self.events {
            events.found(findings, &self.store);
        }
    }
}
