//! Which Service addresses are served, and since when? As the data plane reports it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};
use weir_core::{Frontend, ServiceKey};
use weir_proxy::{EventKind, EventLog, FrontendRow, FrontendState, Occurrence, ServedPort};

/// State of every frontend, by Service. A clone is another handle to the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frontends(Arc<Mutex<HashMap<ServiceKey, Vec<KnownFrontend>>>>);

/// A frontend and its state.
#[derive(Clone, Debug)]
pub(crate) struct KnownFrontend {
    pub(crate) row: FrontendRow,
    pub(crate) since: SystemTime,
}

impl Frontends {
    /// Notes frontends whose state has changed at `now`, and remembers those that fail or work again.
    pub(crate) fn note(&self, rows: &[FrontendRow], events: Option<&EventLog>, now: SystemTime) {
        let mut known = self.known();
        for row in rows {
            let of_service = known.entry(row.port.service.clone()).or_default();
            let is_same = |known: &KnownFrontend| key(&known.row) == key(row);
            let at = of_service.iter().position(is_same);
            let before = at.map(|at| of_service.swap_remove(at));
            let had_failed = before.is_some_and(|known| has_failed(&known.row));
            if let Some(events) = events.filter(|_| has_failed(row) || had_failed) {
                tell(events, row, had_failed);
            }
            if row.state != FrontendState::Removed {
                of_service.push(KnownFrontend { row: row.clone(), since: now });
            } else if of_service.is_empty() {
                known.remove(&row.port.service);
            }
        }
    }

    /// Frontends of a Service, sorted.
    pub(crate) fn of(&self, service: &ServiceKey) -> Vec<KnownFrontend> {
        let mut found = self.known().get(service).cloned().unwrap_or_default();
        found.sort_by(|a, b| {
            let key =
                |known: &KnownFrontend| (known.row.port.clone(), known.row.kind as u8, known.row.listen);
            key(a).cmp(&key(b))
        });
        found
    }

    fn known(&self) -> MutexGuard<'_, HashMap<ServiceKey, Vec<KnownFrontend>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(row: &FrontendRow) -> Frontend {
    Frontend { protocol: row.port.protocol, address: row.listen }
}

fn has_failed(row: &FrontendRow) -> bool {
    matches!(row.state, FrontendState::Failed(_))
}

fn tell(events: &EventLog, row: &FrontendRow, had_failed: bool) {
    let kind = match &row.state {
        FrontendState::Failed(_) if had_failed => return,
        FrontendState::Failed(_) => EventKind::FrontendFailed,
        FrontendState::Listening(_) | FrontendState::NoEndpoints => EventKind::FrontendListening,
        FrontendState::Removed => return,
    };
    let number = std::num::NonZeroU16::new(row.frontend.port()).unwrap_or(std::num::NonZeroU16::MIN);
    let port = ServedPort { key: row.port.clone(), number };
    let message = format!("{} {}: {}", row.kind.as_str(), row.listen, row.state);
    events.record(Occurrence { address: Some(row.listen), ..Occurrence::of_port(kind, port, message) });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use weir_core::{Audience, FrontendKind, PortKey, Protocol};
    use weir_proxy::BindFailure;

    fn row(state: FrontendState) -> FrontendRow {
        let service = ServiceKey::new("default", "web");
        let address = ([10, 96, 0, 10], 80).into();
        let port = PortKey { service, name: "".into(), protocol: Protocol::Tcp };
        FrontendRow { port, kind: FrontendKind::ClusterIp, frontend: address, listen: address, state }
    }

    #[test]
    fn a_frontend_that_fails_and_works_again_is_remembered_and_one_that_is_gone_forgotten() {
        let (frontends, events) = (Frontends::default(), EventLog::default());
        let start = SystemTime::UNIX_EPOCH;
        let service = ServiceKey::new("default", "web");
        let steps = [
            FrontendState::Failed(BindFailure::AddressInUse),
            FrontendState::Listening(Audience::Everyone),
            FrontendState::NoEndpoints,
        ];
        for (seconds, state) in (0..).zip(steps) {
            frontends.note(&[row(state)], Some(&events), start + Duration::from_secs(seconds));
        }
        let of = frontends.of(&service);
        assert_eq!((of.len(), of[0].since), (1, start + Duration::from_secs(2)));
        let kinds: Vec<_> = events.after(0).0.iter().map(|event| event.occurrence.kind).collect();
        assert_eq!(kinds, [EventKind::FrontendFailed, EventKind::FrontendListening]);
        frontends.note(&[row(FrontendState::Removed)], Some(&events), start);
        assert!(frontends.known().is_empty());
    }
}
