//! Which Service ports are in use? Those with a client or a check since weir began, until they are gone.

use super::{port_series::PortSeries, totals::PortTotals};
use std::{
    collections::HashMap,
    num::NonZeroU16,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use weir_core::{PortKey, Protocol};

/// Time for which the last counts of a port that is gone can still be read: long enough for workers to flush them, and less
/// than the ten seconds after which nothing of it may be shown.
const LAST_READINGS: Duration = Duration::from_secs(5);

/// The ports in use, shared by the data plane and those that read its counts.
#[derive(Debug, Default)]
pub(crate) struct PortDirectory {
    ports: Mutex<Ports>,
}

#[derive(Debug, Default)]
struct Ports {
    entries: HashMap<PortKey, Entry>,
    /// Ports that have joined so far.
    joined: u64,
    /// What TCP and UDP ports have served that are forgotten.
    gone: [PortTotals; 2],
}

#[derive(Debug)]
struct Entry {
    series: Arc<PortSeries>,
    /// Members that have not left: one for each family.
    members: usize,
    /// When the last member left.
    left_at: Option<Instant>,
    /// Position among all ports by the time of their first use.
    order: u64,
}

/// The part of a port's series in one family. Dropping it leaves the directory.
#[derive(Debug)]
pub(crate) struct Member {
    directory: Arc<PortDirectory>,
    series: Arc<PortSeries>,
    has_left: AtomicBool,
}

impl PortDirectory {
    /// Lists a port in one family as in use. Counts go on if the port was listed lately.
    pub(crate) fn join(self: &Arc<Self>, key: &PortKey, number: NonZeroU16) -> Member {
        let mut ports = self.ports();
        let order = ports.joined;
        ports.joined += 1;
        let entry = ports.entries.entry(key.clone()).or_insert_with(|| {
            let series = Arc::new(PortSeries::new(key, number));
            Entry { series, members: 0, left_at: None, order }
        });
        entry.members += 1;
        entry.left_at = None;
        let series = Arc::clone(&entry.series);
        Member { directory: Arc::clone(self), series, has_left: AtomicBool::new(false) }
    }

    fn leave(&self, key: &PortKey, now: Instant) {
        if let Some(entry) = self.ports().entries.get_mut(key) {
            entry.members = entry.members.saturating_sub(1);
            if entry.members == 0 {
                entry.left_at = Some(now);
            }
        }
    }

    /// Series of all ports in use, those first that were in use first, and of those that were a moment before `now`.
    pub(crate) fn list(&self, now: Instant) -> Vec<Arc<PortSeries>> {
        let mut ports = self.ports();
        ports.forget_gone(now);
        let mut listed: Vec<_> =
            ports.entries.values().map(|entry| (entry.order, Arc::clone(&entry.series))).collect();
        drop(ports);
        listed.sort_unstable_by_key(|(order, _)| *order);
        listed.into_iter().map(|(_, series)| series).collect()
    }

    /// Series of a port, of both families; `None` if it is not in use.
    pub(crate) fn series_of(&self, key: &PortKey) -> Option<Arc<PortSeries>> {
        self.ports().entries.get(key).map(|entry| Arc::clone(&entry.series))
    }

    /// What all TCP ports and all UDP ports have served, also those that are gone.
    pub(crate) fn totals(&self) -> [PortTotals; 2] {
        let ports = self.ports();
        let mut totals = ports.gone;
        ports.entries.values().for_each(|entry| add_totals(&mut totals, &entry.series));
        totals
    }

    /// Forgets ports that are gone, for the case that nobody lists.
    pub(crate) fn sweep(&self, now: Instant) {
        self.ports().forget_gone(now);
    }

    fn ports(&self) -> MutexGuard<'_, Ports> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ports {
    fn forget_gone(&mut self, now: Instant) {
        let is_kept = |left: Instant| now.saturating_duration_since(left) < LAST_READINGS;
        let Self { entries, gone, .. } = self;
        entries.retain(|_, entry| {
            let stays = entry.left_at.is_none_or(is_kept);
            if !stays {
                add_totals(gone, &entry.series);
            }
            stays
        });
    }
}

fn add_totals([tcp, udp]: &mut [PortTotals; 2], series: &PortSeries) {
    *(if series.protocol() == Protocol::Udp { udp } else { tcp }) += series.totals();
}

impl Member {
    /// The series of the port.
    pub(crate) fn series(&self) -> &Arc<PortSeries> {
        &self.series
    }

    /// Leaves the directory; what is counted later is soon shown nowhere.
    pub(crate) fn leave(&self) {
        if !self.has_left.swap(true, Relaxed) {
            self.directory.leave(self.series.key(), Instant::now());
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::{super::port_series::PortCount, *};
    use weir_core::{Protocol, ServiceKey};

    fn key(name: &str) -> PortKey {
        PortKey { service: ServiceKey::new("default", name), name: "".into(), protocol: Protocol::Tcp }
    }

    fn names(directory: &PortDirectory, now: Instant) -> Vec<String> {
        directory.list(now).iter().map(|series| series.key().service.name.to_string()).collect()
    }

    #[test]
    fn a_port_is_listed_from_its_first_use_until_a_moment_after_both_families_are_gone() {
        let directory = Arc::<PortDirectory>::default();
        let join = |name| directory.join(&key(name), NonZeroU16::MIN);
        let (b, v4, v6) = (join("b"), join("a"), join("a"));
        v4.series().add(PortCount::Opened, 2);
        assert_eq!(v6.series().count(PortCount::Opened), 2, "both families are one port");
        let opened = |name| directory.series_of(&key(name)).map(|series| series.totals().opened);
        assert_eq!([opened("a"), opened("c")], [Some(2), None]);
        let now = Instant::now();
        assert_eq!(names(&directory, now), ["b", "a"], "in the order of their first use");
        v4.leave();
        v4.leave();
        drop(b);
        assert_eq!(names(&directory, now + LAST_READINGS * 2), ["a"], "one family is left");
        drop(v6);
        assert_eq!(names(&directory, Instant::now()), ["a"]);
        assert_eq!(names(&directory, Instant::now() + LAST_READINGS), [""; 0]);
    }

    #[test]
    fn a_port_that_comes_back_at_once_goes_on_counting_and_later_it_begins_anew() {
        let directory = Arc::<PortDirectory>::default();
        let counted = || {
            let member = directory.join(&key("web"), NonZeroU16::MIN);
            member.series().add(PortCount::Opened, 1);
            member.series().count(PortCount::Opened)
        };
        assert_eq!([counted(), counted()], [1, 2]);
        directory.sweep(Instant::now() + LAST_READINGS);
        assert_eq!(counted(), 1);
    }

    #[test]
    fn what_ports_have_served_stays_in_the_totals_when_they_are_forgotten() {
        let directory = Arc::<PortDirectory>::default();
        for _ in 0..2 {
            let member = directory.join(&key("web"), NonZeroU16::MIN);
            member.series().add(PortCount::Opened, 2);
            drop(member);
            directory.sweep(Instant::now() + LAST_READINGS);
        }
        assert_eq!(directory.totals().map(|totals| totals.opened), [4, 0]);
    }

    #[test]
    fn nothing_of_a_port_that_is_gone_is_shown_ten_seconds_later() {
        assert!(LAST_READINGS * 2 <= Duration::from_secs(10));
    }
}
