use super::*;
use crate::{Object, driver::pace::INTERVAL, translate::Translation};
use std::{
    io,
    num::NonZeroU16,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::{advance, timeout};
use weir_core::{
    EndpointSlice, Family, Protocol, Service,
    endpoint::{Conditions, SliceEndpoint, SlicePort},
    service::PortSpec,
};

struct Rig {
    inputs: Inputs,
    snapshots: watch::Receiver<Snapshot>,
    status: watch::Receiver<Status>,
    changes: mpsc::Receiver<Brought>,
}

impl Rig {
    fn start() -> Self {
        let (inputs, received) = channel();
        let (publish, snapshots) = watch::channel(Snapshot::default());
        let (tell, status) = watch::channel(Status::default());
        let (bring, changes) = mpsc::channel(1);
        tokio::spawn(Driver::new(Store::new("node"), publish, tell, bring).run(received));
        Self { inputs, snapshots, status, changes }
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

    async fn send(&self, event: Event) {
        self.inputs.send(heard(event)).await.unwrap();
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

fn heard(event: Event) -> Input {
    Input::Object(Translation { event, problems: Vec::new(), triggered: None }, Moment::now())
}

/// A slice of a Service that [`put`] makes, with one endpoint.
fn put_slice(number: u16, address: [u8; 4]) -> Event {
    let service = ServiceKey::new("default", format!("web-{number}"));
    let endpoint = SliceEndpoint {
        ip: address.into(),
        conditions: Conditions { ready: true, serving: true, terminating: false },
        node: None,
        zone: None,
        hints: Arc::default(),
    };
    let port = SlicePort { name: "".into(), protocol: Protocol::Tcp, port: NonZeroU16::new(80).unwrap() };
    let name: Arc<str> = format!("web-{number}-a").into();
    let slice = EndpointSlice {
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
async fn the_first_change_is_published_at_once_and_a_burst_in_one_go_afterwards() {
    let mut rig = Rig::ready().await;
    rig.send(put(1)).await;
    assert_eq!(rig.published().await, Duration::ZERO);
    let first = Instant::now();
    for number in 2..20 {
        rig.send(put(number)).await;
        advance(Duration::from_millis(1)).await;
    }
    assert!(!rig.snapshots.has_changed().unwrap(), "a burst is not published change by change");
    rig.published().await;
    assert_eq!(first.elapsed(), INTERVAL);
    assert_eq!((rig.services(), rig.snapshots.borrow().generation), (19, 2));
}

#[tokio::test(start_paused = true)]
async fn all_that_waits_goes_into_one_commit() {
    let mut rig = Rig::ready().await;
    for number in 0..1000 {
        rig.inputs.try_send(heard(put(number))).unwrap();
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
            if inputs.send(heard(event)).await.is_err() {
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
    let mut rig = Rig::ready().await;
    rig.send(put(1)).await;
    rig.published().await;
    advance(Duration::from_millis(10)).await;
    let arrived = Instant::now();
    rig.send(put(2)).await;
    let waiting = rig.status.wait_for(|status| status.oldest_unapplied.is_some()).await.unwrap().clone();
    assert_eq!(waiting.oldest_unapplied, Some(arrived));
    rig.published().await;
    assert_eq!(rig.status.borrow().oldest_unapplied, None);
}

#[tokio::test(start_paused = true)]
async fn changes_of_endpoints_come_with_the_generation_that_brings_them() {
    let mut rig = Rig::ready().await;
    rig.send(put(1)).await;
    rig.published().await;
    let start = Instant::now();
    rig.send(put_slice(1, [10, 0, 0, 1])).await;
    let brought = rig.changes.recv().await.unwrap();
    assert_eq!(brought.generation, 2);
    let since: Vec<_> = brought.changes.iter().map(|change| change.since_received(Instant::now())).collect();
    assert_eq!(since, [start.elapsed()], "the time until the commit counts");
    assert_eq!(start.elapsed(), INTERVAL);
    rig.send(put_slice(1, [10, 0, 0, 1])).await;
    rig.send(put_slice(7, [10, 0, 0, 7])).await;
    rig.send(put_slice(1, [10, 0, 0, 2])).await;
    let brought = rig.changes.recv().await.unwrap();
    assert_eq!(
        (brought.generation, brought.changes.len()),
        (3, 2),
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

/// What is logged on this thread until it is dropped.
struct Log {
    lines: Arc<Lines>,
    _guard: tracing::subscriber::DefaultGuard,
}

#[derive(Default)]
struct Lines(Mutex<Vec<u8>>);

impl Lines {
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl io::Write for &Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn begin() -> Self {
        let lines = Arc::<Lines>::default();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(Arc::clone(&lines)).finish();
        Self { lines, _guard: tracing::subscriber::set_default(subscriber) }
    }

    fn count(&self, words: &str) -> usize {
        String::from_utf8_lossy(&self.lines.lock()).matches(words).count()
    }
}

/// Tells the driver the state of the watches without which nothing can be served, and waits until it knows.
async fn watches(rig: &mut Rig, state: &WatchState) {
    for kind in [Kind::Service, Kind::EndpointSlice] {
        rig.inputs.send(Input::Watch(kind, state.clone())).await.unwrap();
    }
    rig.status.wait_for(|status| status.watches.get(&Kind::EndpointSlice) == Some(state)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn since_when_the_api_server_is_away_is_in_the_status_and_the_log_until_it_is_back() {
    let log = Log::begin();
    let mut rig = Rig::ready().await;
    rig.send(put(1)).await;
    rig.published().await;
    watches(&mut rig, &WatchState::Connected).await;
    assert_eq!(rig.status.borrow().away_since, None);
    let gone = Instant::now();
    watches(&mut rig, &WatchState::Failing("refused".into())).await;
    assert_eq!(rig.status.borrow().away_since, Some(gone));
    let words = "the API server has been away since 2";
    for (seconds, lines) in [(9, 0), (2, 1), (58, 1), (2, 2), (600, 12)] {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        assert_eq!(log.count(words), lines, "after {:?}", gone.elapsed());
    }
    assert_eq!(log.count("; serving what is known"), 12);
    assert_eq!(rig.status.borrow().away_since, Some(gone));
    assert_eq!(rig.services(), 1);
    watches(&mut rig, &WatchState::Connected).await;
    assert_eq!(rig.status.borrow().away_since, None);
    assert_eq!(log.count("the API server is back after 11m 11s"), 1);
    watches(&mut rig, &WatchState::Failing("refused".into())).await;
    watches(&mut rig, &WatchState::Connected).await;
    assert_eq!(log.count("is back"), 1, "what was too short to be told is over without a word");
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_was_never_reached_is_away_from_the_start() {
    let log = Log::begin();
    let mut rig = Rig::start();
    let start = Instant::now();
    watches(&mut rig, &WatchState::Connecting).await;
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(rig.status.borrow().away_since, Some(start));
    assert_eq!(log.count("; nothing is known to serve"), 1);
}
