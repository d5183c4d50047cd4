//! Do status and log say since when the API server is away, and when it is back?

use super::*;
use weir_testkit::LoggedText;

/// What is logged on this thread until it is dropped.
pub(super) struct Log {
    lines: Arc<LoggedText>,
    _guard: tracing::subscriber::DefaultGuard,
}

impl Log {
    pub(super) fn begin() -> Self {
        let lines = Arc::<LoggedText>::default();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(Arc::clone(&lines)).finish();
        Self { lines, _guard: tracing::subscriber::set_default(subscriber) }
    }

    pub(super) fn text(&self) -> String {
        self.lines.text()
    }

    fn count(&self, words: &str) -> usize {
        self.text().matches(words).count()
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
    assert_eq!(rig.status.borrow().outage_since, None);
    let gone = Instant::now();
    watches(&mut rig, &WatchState::Failing("refused".into())).await;
    assert_eq!(rig.status.borrow().outage_since, Some(gone));
    let words = "the API server has been away since 2";
    for (seconds, lines) in [(9, 0), (2, 1), (58, 1), (2, 2), (600, 12)] {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        assert_eq!(log.count(words), lines, "after {:?}", gone.elapsed());
    }
    assert_eq!(log.count("; serving what is known"), 12);
    assert_eq!(rig.status.borrow().outage_since, Some(gone));
    assert_eq!(rig.services(), 1);
    watches(&mut rig, &WatchState::Connected).await;
    assert_eq!(rig.status.borrow().outage_since, None);
    assert_eq!(log.count("the API server is back after 11m 11s"), 1);
    watches(&mut rig, &WatchState::Failing("refused".into())).await;
    watches(&mut rig, &WatchState::Connected).await;
    assert_eq!(log.count("is back"), 1, "what was too short to be logged is over without a word");
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_was_never_reached_is_away_from_the_start() {
    let log = Log::begin();
    let mut rig = Rig::start();
    let start = Instant::now();
    watches(&mut rig, &WatchState::Connecting).await;
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(rig.status.borrow().outage_since, Some(start));
    assert_eq!(log.count("; nothing is known to serve"), 1);
}
