//! Which peers is the kernel asked about, and how do connections of dead ones end?

use super::*;
use crate::shared::{
    command::{Command, Side},
    peer_question::PeerQuestion,
};
use std::sync::mpsc::{Receiver, sync_channel};
use tokio::sync::mpsc::UnboundedSender;
use weir_core::PeerReport;

/// A relay whose worker asks a test instead of the kernel.
struct Asking {
    pair: Pair,
    asked: Receiver<PeerQuestion>,
    /// Keeps the worker's commands open.
    _commands: UnboundedSender<Command>,
    questions: usize,
}

/// What the kernel says of a peer that acknowledged everything.
const IDLE_PEER: PeerReport = PeerReport {
    outstanding: false,
    established: true,
    silence: Duration::ZERO,
    retransmitted: 0,
    probes: 0,
};

async fn asking() -> Asking {
    let (questions, asked) = sync_channel(16);
    let (fixture, _, commands) = fixture::frontend_asking(Settings::default(), questions);
    Asking { pair: pair_of(fixture).await, asked, _commands: commands, questions: 0 }
}

impl Asking {
    /// Runs the relay for `ticks`, answering questions. Returns the close reason if it ends.
    async fn run(
        &mut self,
        ticks: u32,
        mut each: impl AsyncFnMut(&mut TcpStream, &mut TcpStream),
        mut answer: impl FnMut(Side, Duration) -> PeerReport,
    ) -> Option<Closed> {
        let start = Instant::now();
        for _ in 0..ticks {
            tokio::time::advance(TICK).await;
            let Pair { relay, client, endpoint, cx } = &mut self.pair;
            fixture::tick(&cx.worker);
            let turn = async {
                each(client, endpoint).await;
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! {
                reason = relay.run(cx) => return Some(reason),
                () = turn => {}
            }
            for question in self.asked.try_iter() {
                self.questions += 1;
                let PeerQuestion { connection, side, written, .. } = question;
                let (at, report) = (cx.worker.clock.get().into_std(), answer(side, start.elapsed()));
                cx.worker.judge_peer(connection, side, written, at, &report);
            }
        }
        None
    }

    /// Sends a message each way.
    async fn talk(client: &mut TcpStream, endpoint: &mut TcpStream) {
        client.write_all(b"x").await.unwrap();
        endpoint.read_u8().await.unwrap();
        endpoint.write_all(b"y").await.unwrap();
        client.read_u8().await.unwrap();
    }

    fn is_watched(&self) -> bool {
        !self.pair.cx.worker.peer_watch.borrow().is_empty()
    }
}

#[tokio::test(start_paused = true)]
async fn the_kernel_is_asked_once_about_each_side_that_fell_silent_and_never_about_idle_ones() {
    let mut asking = asking().await;
    assert_eq!(asking.run(300, async |_, _| {}, |_, _| IDLE_PEER).await, None);
    assert_eq!(asking.questions, 0, "nothing was ever written");
    for talks in 1..=3 {
        assert_eq!(asking.run(1, Asking::talk, |_, _| IDLE_PEER).await, None);
        assert!(asking.is_watched());
        assert_eq!(asking.run(300, async |_, _| {}, |_, _| IDLE_PEER).await, None);
        assert_eq!(asking.questions, 2 * talks);
        assert!(!asking.is_watched());
    }
}

#[tokio::test(start_paused = true)]
async fn peers_that_answer_each_other_cost_no_question() {
    let mut asking = asking().await;
    assert_eq!(asking.run(300, Asking::talk, |_, _| IDLE_PEER).await, None);
    assert_eq!(asking.questions, 0);
}

#[tokio::test(start_paused = true)]
async fn a_side_that_answers_nothing_ends_the_connection_as_its_own_time_out() {
    for (dead, reason) in [(Side::Client, Closed::ClientTimeout), (Side::Endpoint, Closed::EndpointTimeout)] {
        let mut asking = asking().await;
        let vanished = |side, silence: Duration| match side == dead {
            true => PeerReport {
                outstanding: true,
                silence,
                retransmitted: silence.as_secs() as u32,
                ..IDLE_PEER
            },
            false => IDLE_PEER,
        };
        assert_eq!(asking.run(3, Asking::talk, vanished).await, None);
        let start = Instant::now();
        assert_eq!(asking.run(300, async |_, _| {}, vanished).await, Some(reason));
        let timeout = Settings::default().dead_peer_timeout;
        let late = start.elapsed().checked_sub(timeout - TICK).unwrap();
        assert!(late <= Duration::from_secs(7), "{late:?}");
        assert!(asking.questions < 20, "{} questions", asking.questions);
    }
}

#[tokio::test(start_paused = true)]
async fn a_side_that_only_pauses_lives_until_the_idle_time_out() {
    let mut asking = asking().await;
    let paused = |_, silence: Duration| PeerReport {
        outstanding: true,
        established: false,
        silence: Duration::from_secs(silence.as_secs() % 60),
        ..IDLE_PEER
    };
    assert_eq!(asking.run(3, Asking::talk, paused).await, None);
    let idle = Settings::default().idle_timeout;
    let start = Instant::now();
    let ticks = idle.as_secs() as u32 + 10;
    assert_eq!(asking.run(ticks, async |_, _| {}, paused).await, Some(Closed::IdleTimeout));
    assert!(start.elapsed() >= idle);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_was_passed_on_is_watched_until_it_is_acknowledged() {
    let mut asking = asking().await;
    assert_eq!(asking.run(5, async |_, _| {}, |_, _| IDLE_PEER).await, None);
    let end = async |client: &mut TcpStream, _: &mut TcpStream| client.shutdown().await.unwrap();
    assert_eq!(asking.run(1, end, |_, _| IDLE_PEER).await, None);
    assert!(asking.is_watched());
    assert_eq!(asking.run(60, async |_, _| {}, |_, _| IDLE_PEER).await, None);
    assert!(!asking.is_watched() && asking.questions == 2, "{} questions", asking.questions);
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_client_was_named_late_is_watched_as_well() {
    let mut asking = asking().await;
    for _ in 0..3 {
        fixture::tick(&asking.pair.cx.worker);
    }
    asking.pair.cx.speak_for(([203, 0, 113, 7], 4711).into());
    assert_eq!(asking.run(1, Asking::talk, |_, _| IDLE_PEER).await, None);
    assert!(asking.is_watched());
}
