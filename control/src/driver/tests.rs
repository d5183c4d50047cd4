//! When does the driver publish, and what?

mod flood;
mod outage;
mod restored;

use super::*;
use crate::{
    Kind, Object, ObjectKey,
    driver::commit_limiter::{BURST, INTERVAL},
    translate::Translation,
};
use std::{net::IpAddr, num::NonZeroU16, time::Duration};
use tokio::time::{advance, timeout};
use weir_core::{
    Conditions, EndpointSlice, Family, PortSpec, Protocol, ResolvedService, Service, ServiceKey,
    SliceEndpoint, SlicePort, Weight,
};

struct Rig {
    inputs: Inputs,
    snapshots: watch::Receiver<Snapshot>,
    status: watch::Receiver<Status>,
    changes: mpsc::Receiver<PublishedChanges>,
    states: watch::Receiver<State>,
}

impl Rig {
    fn start() -> Self {
        let (inputs, inbox) = channel();
        let (publish, snapshots) = watch::channel(Snapshot::default());
        let (report, status) = watch::channel(Status::default());
        let (bring, changes) = mpsc::channel(1);
        let (save, states) = watch::channel(State::default());
        tokio::spawn(Driver::new(Store::new("node"), publish, report, bring, Some(save)).run(inbox));
        Self { inputs, snapshots, status, changes, states }
    }

    /// Both lists are complete and hold nothing, and some quiet time has passed.
    async fn ready() -> Self {
        let mut rig = Self::start();
        for kind in [Kind::Service, Kind::EndpointSlice] {
            rig.send(Event::Begin(kind)).await;
            rig.send(Event::Complete(kind)).await;
        }
        rig.status.wait_for(|status| status.ready).await.unwrap();
        advance(Duration::from_secs(1)).await;
        rig
    }

    /// The same after so many changes that the next one has to wait for an interval.
    async fn busy() -> Self {
        let mut rig = Self::ready().await;
        for number in 1..=BURST as u16 {
            rig.send(put(number)).await;
            assert_eq!(rig.published().await, Duration::ZERO);
        }
        rig
    }

    async fn send(&self, event: Event) {
        self.inputs.send(received(event)).await.unwrap();
    }

    /// Waits for a published Snapshot; returns after how long it came.
    async fn published(&mut self) -> Duration {
        let start = Instant::now();
        timeout(Duration::from_secs(60), self.snapshots.changed()).await.unwrap().unwrap();
        start.elapsed()
    }

    fn services(&self) -> usize {
        self.snapshots.borrow().services().count()
    }
}

fn received(event: Event) -> Input {
    Input::Object(
        Translation { event, problems: Vec::new(), triggered: None, uid: None },
        ClockReading::now(),
    )
}

/// A slice of a Service that [`put`] makes, with one endpoint.
fn put_slice(number: u16, address: [u8; 4]) -> Event {
    let service = ServiceKey::new("default", format!("web-{number}"));
    let endpoint = SliceEndpoint {
        ip: address.into(),
        conditions: Conditions { ready: true, serving: true, terminating: false },
        is_pod: false,
        node: None,
        zone: None,
        hints: Arc::default(),
    };
    let port = SlicePort { name: "".into(), protocol: Protocol::Tcp, port: NonZeroU16::new(80).unwrap() };
    let name: Arc<str> = format!("web-{number}-a").into();
    let slice = EndpointSlice {
        weight: Weight::DEFAULT,
        name: Arc::clone(&name),
        service,
        family: Family::V4,
        ports: vec![port],
        endpoints: vec![endpoint],
    };
    Event::Put(ObjectKey::new(Kind::EndpointSlice, "default", name), Object::EndpointSlice(slice))
}

fn put(number: u16) -> Event {
    let key = ServiceKey::new("default", format!("web-{number}"));
    let port = NonZeroU16::new(80).unwrap();
    let port = PortSpec { name: "".into(), protocol: Protocol::Tcp, port, node_port: None };
    let service = Service::new(key.clone(), [10, 96, 0, 1].into(), vec![port]);
    Event::Put(ObjectKey::new(Kind::Service, key.namespace, key.name), Object::Service(Box::new(service)))
}

#[tokio::test(start_paused = true)]
async fn nothing_is_published_before_both_lists_are_complete() {
    let mut rig = Rig::start();
    rig.send(Event::Begin(Kind::Service)).await;
    rig.send(put(1)).await;
    rig.send(Event::Complete(Kind::Service)).await;
    rig.send(Event::Begin(Kind::EndpointSlice)).await;
    assert!(timeout(Duration::from_secs(3600), rig.snapshots.changed()).await.is_err());
    assert_eq!(*rig.status.borrow(), Status::default());
    rig.send(Event::Complete(Kind::EndpointSlice)).await;
    rig.published().await;
    assert_eq!((rig.services(), rig.snapshots.borrow().generation), (1, 1));
    assert!(rig.status.borrow().ready);
}

#[tokio::test(start_paused = true)]
async fn single_changes_are_published_at_once_and_a_flood_in_one_go_afterwards() {
    let mut rig = Rig::busy().await;
    let last = Instant::now();
    for number in 100..130 {
        rig.send(put(number)).await;
        advance(Duration::from_millis(1)).await;
    }
    assert!(!rig.snapshots.has_changed().unwrap(), "a flood is not published change by change");
    rig.published().await;
    assert_eq!(last.elapsed(), INTERVAL);
    let commits = rig.snapshots.borrow().generation;
    assert_eq!((rig.services(), commits), (BURST as usize + 30, u64::from(BURST) + 1));
}

#[tokio::test(start_paused = true)]
async fn all_that_waits_goes_into_one_commit() {
    let mut rig = Rig::ready().await;
    for number in 0..1000 {
        rig.inputs.try_send(received(put(number))).unwrap();
    }
    assert_eq!(rig.published().await, Duration::ZERO);
    assert_eq!((rig.services(), rig.snapshots.borrow().generation), (1000, 1));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_never_pauses_cannot_hold_changes_back() {
    let mut rig = Rig::ready().await;
    let inputs = rig.inputs.clone();
    let flood = tokio::spawn(async move {
        for number in (0..1000).cycle() {
            let event = put(number);
            if inputs.send(received(event)).await.is_err() {
                return;
            }
        }
    });
    rig.published().await;
    flood.abort();
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_changes_nothing_is_a_sync_but_publishes_nothing() {
    let mut rig = Rig::ready().await;
    rig.send(put(1)).await;
    rig.published().await;
    let synced = rig.status.borrow_and_update().last_synced;
    advance(Duration::from_secs(1)).await;
    rig.send(put(1)).await;
    let again = rig.status.wait_for(|status| status.last_synced != synced).await.unwrap().clone();
    assert_eq!((again.oldest_unapplied, again.generation), (None, 1));
    assert!(!rig.snapshots.has_changed().unwrap());
}

#[tokio::test(start_paused = true)]
async fn the_status_says_since_when_a_change_waits() {
    let mut rig = Rig::busy().await;
    advance(Duration::from_millis(10)).await;
    let arrived = Instant::now();
    rig.send(put(100)).await;
    let waiting = rig.status.wait_for(|status| status.oldest_unapplied.is_some()).await.unwrap().clone();
    assert_eq!(waiting.oldest_unapplied, Some(arrived));
    rig.published().await;
    assert_eq!(rig.status.borrow().oldest_unapplied, None);
}

#[tokio::test(start_paused = true)]
async fn changes_of_endpoints_come_with_the_generation_that_brings_them() {
    let mut rig = Rig::busy().await;
    let start = Instant::now();
    rig.send(put_slice(1, [10, 0, 0, 1])).await;
    let brought = rig.changes.recv().await.unwrap();
    let generation = u64::from(BURST) + 1;
    assert_eq!(brought.generation, generation);
    let since: Vec<_> = brought.changes.iter().map(|change| change.since_received(Instant::now())).collect();
    assert_eq!(since, [start.elapsed()], "the time until the commit counts");
    assert_eq!(start.elapsed(), INTERVAL);
    rig.send(put_slice(1, [10, 0, 0, 1])).await;
    rig.send(put_slice(77, [10, 0, 0, 7])).await;
    rig.send(put_slice(1, [10, 0, 0, 2])).await;
    let brought = rig.changes.recv().await.unwrap();
    assert_eq!(
        (brought.generation, brought.changes.len()),
        (generation + 1, 2),
        "that of an unknown Service does not count"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_there_at_the_start_and_what_a_new_list_repeats_is_no_change() {
    let mut rig = Rig::start();
    for event in [
        Event::Begin(Kind::Service),
        put(1),
        Event::Complete(Kind::Service),
        Event::Begin(Kind::EndpointSlice),
        put_slice(1, [10, 0, 0, 1]),
        Event::Complete(Kind::EndpointSlice),
    ] {
        rig.send(event).await;
    }
    rig.published().await;
    for event in [
        Event::Begin(Kind::EndpointSlice),
        put_slice(1, [10, 0, 0, 1]),
        Event::Complete(Kind::EndpointSlice),
        put(2),
    ] {
        rig.send(event).await;
    }
    rig.published().await;
    assert!(rig.changes.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn nobody_has_to_measure() {
    let mut rig = Rig::ready().await;
    rig.send(put(1)).await;
    for last in 1..10 {
        rig.send(put_slice(1, [10, 0, 0, last])).await;
        rig.published().await;
    }
    assert_eq!(rig.changes.len(), 1, "bounded");
}

#[tokio::test(start_paused = true)]
async fn of_ten_thousand_changes_in_a_second_none_is_lost_and_few_commits_are_made() {
    const SERVICES: u16 = 500;
    let mut rig = Rig::ready().await;
    for number in 0..SERVICES {
        rig.send(put(number)).await;
    }
    advance(Duration::from_secs(10)).await;
    let before = rig.snapshots.borrow_and_update().generation;
    let (mut changes, mut last) = (0u16, 0);
    for _ in 0..1000 {
        for _ in 0..10 {
            last = (changes / SERVICES) as u8;
            rig.send(put_slice(changes % SERVICES, [10, 0, 0, last])).await;
            changes += 1;
        }
        advance(Duration::from_millis(1)).await;
    }
    let newest = |service: &Arc<ResolvedService>| {
        let endpoints = service.ports[0].merged.iter();
        endpoints.map(|endpoint| endpoint.address.ip()).eq([IpAddr::from([10, 0, 0, last])])
    };
    let all_newest = |snapshot: &Snapshot| {
        snapshot.services().filter(|service| newest(service)).count() == usize::from(SERVICES)
    };
    let snapshot = rig.snapshots.wait_for(all_newest);
    let snapshot = timeout(Duration::from_secs(60), snapshot).await.expect("every change").unwrap().clone();
    assert_eq!(changes, 10_000);
    let commits = snapshot.generation - before;
    assert!((20..=20 + u64::from(BURST) + 1).contains(&commits), "{commits} commits");
}
