//! What has been counted of one Service port in use?

use super::{
    close_reason::Closed,
    endpoint_reading::{EndpointReading, ReadPort},
    histogram::{CONNECT_TIMES, CONNECTIONS, HistogramReading, SharedHistogram},
    totals::PortTotals,
};
use std::{
    borrow::Cow,
    num::NonZeroU16,
    sync::{
        Mutex, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};
use weir_core::{ConnectFailure, PortKey, Protocol};

/// Things that are counted of a Service port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortCount {
    /// TCP connections accepted, or UDP flows begun.
    Opened,
    /// Clients that waited because of the accept rate.
    Delayed,
    /// Bytes relayed to endpoints.
    BytesToEndpoint,
    /// Bytes relayed to clients.
    BytesToClient,
    /// Datagrams relayed to endpoints.
    DatagramsToEndpoint,
    /// Datagrams relayed to clients.
    DatagramsToClient,
    /// Datagrams that could not be relayed.
    DatagramsDropped,
    /// Attempts to connect begun after all earlier ones of the client had failed.
    Retried,
    /// Attempts to connect begun while an earlier one had no answer yet.
    Hedged,
    /// Ejections of endpoints.
    Ejections,
}

/// Things that are counted of a Service port by reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasonCount {
    /// TCP connections or UDP flows that ended.
    Closed,
    /// Clients that were refused at a limit.
    Rejected,
    /// Attempts to connect that failed.
    NotConnected,
}

/// Result of an active check of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckResult {
    /// The endpoint accepted.
    Succeeded,
    /// The endpoint failed.
    Failed(ConnectFailure),
    /// The check was not made for want of descriptors, ports or memory.
    LocalLimit,
}

impl CheckResult {
    /// All results.
    pub fn all() -> impl Iterator<Item = Self> {
        let failures = ConnectFailure::ALL.into_iter().map(Self::Failed);
        [Self::Succeeded, Self::LocalLimit].into_iter().chain(failures)
    }

    /// The word in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::LocalLimit => "local_limit",
            Self::Failed(failure) => failure.as_str(),
        }
    }

    fn position(self) -> usize {
        match self {
            Self::Succeeded => 0,
            Self::LocalLimit => 1,
            Self::Failed(failure) => 2 + failure as usize,
        }
    }
}

const COUNTS: usize = PortCount::Ejections as usize + 1;
const REASONS: usize = Closed::ALL.len();
const CHECKS: usize = ConnectFailure::ALL.len() + 2;

/// Counts of one Service port, of both families, since its first client or check.
#[derive(Debug)]
pub struct PortSeries {
    key: PortKey,
    number: NonZeroU16,
    /// Whether the port has had a client.
    has_clients: AtomicBool,
    counts: [AtomicU64; COUNTS],
    reasons: [[AtomicU64; REASONS]; 3],
    checks: [AtomicU64; CHECKS],
    pub(super) connect_times: SharedHistogram,
    pub(super) durations: SharedHistogram,
    /// The port as it is now, in each family.
    views: Mutex<Vec<Weak<dyn ReadPort>>>,
}

impl PortSeries {
    pub(super) fn new(key: &PortKey, number: NonZeroU16) -> Self {
        Self {
            key: key.clone(),
            number,
            has_clients: AtomicBool::new(false),
            counts: Default::default(),
            reasons: [const { [const { AtomicU64::new(0) }; REASONS] }; 3],
            checks: Default::default(),
            connect_times: SharedHistogram::new(CONNECT_TIMES),
            durations: SharedHistogram::new(CONNECTIONS),
            views: Mutex::default(),
        }
    }

    /// Key of the Service port.
    pub fn key(&self) -> &PortKey {
        &self.key
    }

    /// Protocol of the Service port.
    pub fn protocol(&self) -> Protocol {
        self.key.protocol
    }

    /// Name of the Service port; the number of one without a name.
    pub fn name(&self) -> Cow<'_, str> {
        match &*self.key.name {
            "" => self.number.to_string().into(),
            name => name.into(),
        }
    }

    /// Whether the port has had a client.
    pub fn has_clients(&self) -> bool {
        self.has_clients.load(Relaxed)
    }

    /// One count.
    pub fn count(&self, what: PortCount) -> u64 {
        self.counts.get(what as usize).map_or(0, |count| count.load(Relaxed))
    }

    /// One count for one reason.
    pub fn count_by_reason(&self, what: ReasonCount, reason: Closed) -> u64 {
        self.reason(what, reason).map_or(0, |count| count.load(Relaxed))
    }

    /// Connections or flows that are open.
    pub fn active(&self) -> u64 {
        self.totals().active()
    }

    /// What the port has served so far.
    pub fn totals(&self) -> PortTotals {
        let (mut closed, mut failed, mut rejected) = (0, 0, 0);
        // What has ended is read first: it was opened before.
        for reason in Closed::ALL {
            let ended = self.count_by_reason(ReasonCount::Closed, reason);
            closed += ended;
            failed += if reason.is_failure() { ended } else { 0 };
            rejected += self.count_by_reason(ReasonCount::Rejected, reason);
        }
        PortTotals {
            opened: self.count(PortCount::Opened),
            closed,
            failed,
            rejected,
            delayed: self.count(PortCount::Delayed),
            retried: self.count(PortCount::Retried),
            hedged: self.count(PortCount::Hedged),
            ejections: self.count(PortCount::Ejections),
            to_endpoint: self.count(PortCount::BytesToEndpoint),
            to_client: self.count(PortCount::BytesToClient),
            datagrams_to_endpoint: self.count(PortCount::DatagramsToEndpoint),
            datagrams_to_client: self.count(PortCount::DatagramsToClient),
            dropped: self.count(PortCount::DatagramsDropped),
        }
    }

    /// Active checks with one result.
    pub fn checks(&self, result: CheckResult) -> u64 {
        self.checks.get(result.position()).map_or(0, |count| count.load(Relaxed))
    }

    /// Times until endpoints accepted.
    pub fn connect_times(&self) -> HistogramReading {
        self.connect_times.read()
    }

    /// Durations of ended connections.
    pub fn durations(&self) -> HistogramReading {
        self.durations.read()
    }

    /// Clients that wait for an endpoint with room.
    pub fn waiting(&self) -> u64 {
        let mut waiting = 0;
        self.for_each_view(|view| waiting += u64::from(view.waiting()));
        waiting
    }

    /// Calls `look` with every endpoint that is in some state, in both families.
    pub fn for_each_endpoint(&self, look: &mut dyn FnMut(EndpointReading<'_>)) {
        self.for_each_view(|view| view.for_each_endpoint(look));
    }

    pub(crate) fn add(&self, what: PortCount, count: u64) {
        if count > 0
            && let Some(counter) = self.counts.get(what as usize)
        {
            counter.fetch_add(count, Relaxed);
        }
    }

    pub(crate) fn add_by_reason(&self, what: ReasonCount, reason: Closed, count: u64) {
        if let Some(counter) = self.reason(what, reason) {
            counter.fetch_add(count, Relaxed);
        }
    }

    pub(crate) fn add_check(&self, result: CheckResult) {
        if let Some(counter) = self.checks.get(result.position()) {
            counter.fetch_add(1, Relaxed);
        }
    }

    /// Records that the port has had a client.
    pub(super) fn begin(&self) {
        self.has_clients.store(true, Relaxed);
    }

    /// Adds the port as it is in one family, and forgets those that are gone.
    pub(super) fn attach(&self, view: Weak<dyn ReadPort>) {
        let mut views = self.views.lock().unwrap_or_else(PoisonError::into_inner);
        views.retain(|view| view.strong_count() > 0);
        views.push(view);
    }

    fn for_each_view(&self, mut look: impl FnMut(&dyn ReadPort)) {
        let views = self.views.lock().unwrap_or_else(PoisonError::into_inner).clone();
        views.iter().filter_map(Weak::upgrade).for_each(|view| look(&*view));
    }

    fn reason(&self, what: ReasonCount, reason: Closed) -> Option<&AtomicU64> {
        self.reasons.get(what as usize)?.get(reason as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_among_what_ended_and_the_rest_is_open() {
        let key = PortKey {
            service: weir_core::ServiceKey::new("default", "web"),
            name: "".into(),
            protocol: Protocol::Tcp,
        };
        let series = PortSeries::new(&key, NonZeroU16::MIN);
        series.add(PortCount::Opened, 5);
        series.add(PortCount::BytesToClient, 7);
        let attempts = [PortCount::Delayed, PortCount::Retried, PortCount::Hedged, PortCount::Ejections];
        (10..).zip(attempts).for_each(|(count, what)| series.add(what, count));
        series.add_by_reason(ReasonCount::Closed, Closed::Finished, 2);
        series.add_by_reason(ReasonCount::Closed, Closed::ConnectRefused, 1);
        series.add_by_reason(ReasonCount::Rejected, Closed::ClientLimit, 1);
        let totals = series.totals();
        assert_eq!((totals.opened, totals.closed, totals.failed, totals.rejected), (5, 3, 1, 1));
        assert_eq!((totals.to_client, totals.active()), (7, 2));
        assert_eq!((totals.delayed, totals.retried, totals.hedged, totals.ejections), (10, 11, 12, 13));
    }

    #[test]
    fn a_service_port_in_use_takes_little_memory() {
        assert!(size_of::<PortSeries>() <= 1280, "{}", size_of::<PortSeries>());
    }
}
