//! Where does one Service port of one family count? In a series that begins with its first client or check.

use super::{
    close_reason::Closed,
    endpoint_reading::ReadPort,
    histogram::LocalHistogram,
    port_directory::{Member, PortDirectory},
    port_series::{PortCount, PortSeries, ReasonCount},
};
use std::{
    num::NonZeroU16,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};
use weir_core::{PortKey, ServicePort};

/// Metrics of one Service port in one family. Nothing is looked up by label after the first use.
///
/// A cluster has many ports that hardly anybody uses, so a series is begun with the first client.
#[derive(Debug)]
pub(crate) struct PortMetrics {
    key: PortKey,
    number: NonZeroU16,
    directory: Arc<PortDirectory>,
    /// The port as it is now.
    view: OnceLock<Weak<dyn ReadPort>>,
    member: OnceLock<Member>,
    retired: AtomicBool,
}

impl PortMetrics {
    pub(crate) fn new(port: &ServicePort, directory: &Arc<PortDirectory>) -> Self {
        Self {
            key: port.key.clone(),
            number: port.port,
            directory: Arc::clone(directory),
            view: OnceLock::new(),
            member: OnceLock::new(),
            retired: AtomicBool::new(false),
        }
    }

    /// Key of the Service port.
    pub(crate) fn key(&self) -> &PortKey {
        &self.key
    }

    /// Number of the Service port.
    pub(crate) fn number(&self) -> NonZeroU16 {
        self.number
    }

    /// Series of the port, also if only the other family has had a client; `None` if neither has. Begins none.
    pub(crate) fn series(&self) -> Option<Arc<PortSeries>> {
        self.directory.series_of(&self.key)
    }

    /// Says how the port can be looked at. To be called before the port is in use.
    pub(crate) fn attach(&self, view: Weak<dyn ReadPort>) {
        let _ = self.view.set(view);
    }

    /// Lists the port as in use; returns its series.
    pub(crate) fn join(&self) -> &PortSeries {
        let member = self.member.get_or_init(|| {
            let member = self.directory.join(&self.key, self.number);
            if let Some(view) = self.view.get() {
                member.series().attach(Weak::clone(view));
            }
            member
        });
        if self.retired.load(SeqCst) {
            member.leave();
        }
        member.series()
    }

    /// Series of the port, which has a client.
    fn clients(&self) -> &PortSeries {
        let series = self.join();
        if !series.has_clients() {
            series.begin();
        }
        series
    }

    /// Ends the port's series: the port is gone.
    pub(crate) fn retire(&self) {
        self.retired.store(true, SeqCst);
        if let Some(member) = self.member.get() {
            member.leave();
        }
    }

    /// Adds to a count.
    pub(crate) fn add(&self, what: PortCount, count: u64) {
        if count > 0 {
            self.clients().add(what, count);
        }
    }

    /// Adds to a count for one reason.
    pub(crate) fn add_by_reason(&self, what: ReasonCount, reason: Closed, count: u64) {
        self.clients().add_by_reason(what, reason, count);
    }

    /// Moves times to connect to the series.
    pub(crate) fn flush_connect_times(&self, local: &LocalHistogram) {
        local.flush(&self.clients().connect_times);
    }

    /// Moves durations of connections to the series.
    pub(crate) fn flush_durations(&self, local: &LocalHistogram) {
        local.flush(&self.clients().durations);
    }
}
