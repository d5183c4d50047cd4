//! Is a paused peer told from a vanished one, in simulated time?

use super::*;
use proptest::prelude::*;

const TIMEOUT: Duration = Duration::from_secs(30);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What the peer's host does at some moment after bytes were written to it.
#[derive(Clone, Copy, Debug)]
enum Peer {
    /// Reads nothing; its kernel answers until `vanishes`.
    Pauses { vanishes: Duration },
    /// Acknowledges nothing from the start: its host is gone.
    Gone,
}

/// A kernel that retransmits or probes with doubling waits, and a peer.
struct Simulated {
    peer: Peer,
    start: Instant,
    next: Duration,
    wait: Duration,
    max_wait: Duration,
    last_ack: Duration,
    retransmitted: u32,
    probes: u32,
    can_probe: bool,
}

impl Simulated {
    fn new(peer: Peer, max_wait: Duration, can_probe: bool) -> Self {
        let (wait, start) = (ms(200), Instant::now());
        Self {
            peer,
            start,
            next: wait,
            wait,
            max_wait,
            last_ack: Duration::ZERO,
            retransmitted: 0,
            probes: 0,
            can_probe,
        }
    }

    fn answers(&self, at: Duration) -> bool {
        matches!(self.peer, Peer::Pauses { vanishes } if at < vanishes)
    }

    /// What the kernel does by itself until `at`.
    fn advance(&mut self, at: Duration) {
        while self.next <= at {
            match self.peer {
                Peer::Gone => self.retransmitted += 1,
                Peer::Pauses { .. } if self.answers(self.next) => {
                    (self.probes, self.last_ack) = (0, self.next)
                }
                Peer::Pauses { .. } => self.probes += 1,
            }
            self.wait = (self.wait * 2).min(self.max_wait);
            self.next += self.wait;
        }
    }

    /// Looks at the peer until it is judged dead or `end`; returns when it was, and the number of looks.
    fn run(&mut self, timeout: Duration, end: Duration) -> (Option<Duration>, usize) {
        let (start, mut liveness) = (self.start, Liveness::new(timeout));
        let (mut at, mut looks) = (Liveness::look_interval(timeout), 0);
        while at < end {
            self.advance(at);
            if liveness.wants_probe(start + at) && self.can_probe {
                liveness.probed();
                if self.answers(at) {
                    (self.probes, self.last_ack) = (0, at);
                }
            }
            let report = PeerReport {
                outstanding: true,
                established: true,
                silence: at - self.last_ack,
                retransmitted: self.retransmitted,
                probes: self.probes,
            };
            looks += 1;
            match liveness.judge(start + at, start, &report) {
                PeerVerdict::Dead => return (Some(at), looks),
                PeerVerdict::Alive(again) => at = again - start,
                PeerVerdict::Idle => panic!("bytes wait"),
            }
        }
        (None, looks)
    }
}

#[test]
fn a_peer_that_pauses_for_a_day_is_alive_with_and_without_probes_on_demand() {
    for can_probe in [true, false] {
        for timeout in [seconds(2), TIMEOUT, seconds(3600)] {
            let peer = Peer::Pauses { vanishes: Duration::MAX };
            let day = seconds(86_400);
            let (dead, looks) = Simulated::new(peer, seconds(120), can_probe).run(timeout, day);
            assert_eq!(dead, None, "{timeout:?}");
            let most = (day.as_secs_f64() / Liveness::look_interval(timeout).as_secs_f64()) as usize;
            assert!(looks <= most + 1, "{looks} looks with {timeout:?}");
        }
    }
}

#[test]
fn a_peer_that_is_gone_when_bytes_are_written_is_dead_after_the_time_out_and_never_before() {
    for (timeout, late) in [(seconds(2), seconds(2)), (TIMEOUT, seconds(4))] {
        let dead = Simulated::new(Peer::Gone, seconds(120), true).run(timeout, seconds(600)).0.unwrap();
        assert!(dead >= timeout && dead <= timeout + late, "{dead:?} with {timeout:?}");
    }
}

#[test]
fn a_paused_peer_that_vanishes_is_dead_a_time_out_after_its_last_answer() {
    for paused in [ms(100), seconds(3), seconds(20), seconds(100), seconds(1000)] {
        let peer = Peer::Pauses { vanishes: paused };
        let mut simulated = Simulated::new(peer, seconds(120), true);
        let dead = simulated.run(TIMEOUT, seconds(3000)).0.unwrap();
        assert!(dead >= simulated.last_ack + TIMEOUT, "{dead:?} after {paused:?}");
        assert!(dead <= paused + TIMEOUT + seconds(4), "{dead:?} after {paused:?}");
    }
}

#[test]
fn a_paused_peer_that_vanishes_is_noticed_by_the_kernels_own_probes_where_none_can_be_asked_for() {
    let peer = Peer::Pauses { vanishes: seconds(1000) };
    let dead = Simulated::new(peer, seconds(120), false).run(TIMEOUT, seconds(3000)).0.unwrap();
    assert!(dead > seconds(1000) && dead <= seconds(1000 + 2 * 120 + 30), "{dead:?}");
}

#[test]
fn one_lost_probe_kills_nobody() {
    let start = Instant::now();
    let mut liveness = Liveness::new(TIMEOUT);
    let mut report = PeerReport {
        outstanding: true,
        established: false,
        silence: seconds(100),
        retransmitted: 7,
        probes: 1,
    };
    let now = start + seconds(200);
    assert!(matches!(liveness.judge(now, start, &report), PeerVerdict::Alive(_)));
    report.silence += seconds(60);
    assert!(matches!(liveness.judge(now + seconds(60), start, &report), PeerVerdict::Alive(_)));
    report.silence += seconds(60);
    report.probes = 2;
    assert_eq!(liveness.judge(now + seconds(120), start, &report), PeerVerdict::Dead);
}

#[test]
fn bytes_that_were_written_after_a_long_silence_get_the_whole_time_out() {
    let start = Instant::now();
    let written = start + seconds(3600);
    let mut liveness = Liveness::new(TIMEOUT);
    let report = |after: u64, retransmitted| PeerReport {
        outstanding: true,
        established: true,
        silence: seconds(3600 + after),
        retransmitted,
        probes: 0,
    };
    for after in [15, 20, 29] {
        let verdict = liveness.judge(written + seconds(after), written, &report(after, after as u32));
        assert!(matches!(verdict, PeerVerdict::Alive(_)), "{after} s after the write");
    }
    assert_eq!(liveness.judge(written + seconds(30), written, &report(30, 30)), PeerVerdict::Dead);
}

#[test]
fn a_peer_that_vanishes_while_more_and_more_is_written_is_found_in_time() {
    let start = Instant::now();
    let (mut liveness, vanishes) = (Liveness::new(TIMEOUT), seconds(100));
    let mut at = Liveness::look_interval(TIMEOUT);
    loop {
        let last_ack = at.min(vanishes);
        let retransmitted = (at - last_ack).as_secs() as u32;
        let report = PeerReport {
            outstanding: true,
            established: true,
            silence: at - last_ack,
            retransmitted,
            probes: 0,
        };
        match liveness.judge(start + at, start + at, &report) {
            PeerVerdict::Alive(again) => at = again - start,
            PeerVerdict::Dead => break,
            PeerVerdict::Idle => panic!("bytes wait"),
        }
    }
    let late = at - vanishes - TIMEOUT;
    assert!(late <= 2 * Liveness::look_interval(TIMEOUT), "{late:?}");
}

#[test]
fn a_peer_that_acknowledged_everything_need_not_be_looked_at() {
    let now = Instant::now();
    let report = PeerReport {
        outstanding: false,
        established: true,
        silence: seconds(1000),
        retransmitted: 100,
        probes: 9,
    };
    let mut liveness = Liveness::new(TIMEOUT);
    assert_eq!(liveness.judge(now, now, &report), PeerVerdict::Idle);
    assert!(!liveness.wants_probe(now + TIMEOUT));
}

#[test]
fn an_answer_shortly_after_another_one_counts_as_well() {
    let (timeout, vanishes) = (seconds(9), ms(501_001));
    let mut simulated = Simulated::new(Peer::Pauses { vanishes }, seconds(45), true);
    let dead = simulated.run(timeout, seconds(4000)).0.unwrap();
    assert!(dead >= simulated.last_ack + timeout, "{dead:?} after an answer at {:?}", simulated.last_ack);
}

proptest! {
    #[test]
    fn whoever_answers_lives_and_whoever_does_not_is_found(
        timeout in 2u64..120,
        paused in 0u64..2_000_000,
        max_wait in 1u64..121,
    ) {
        let (timeout, paused) = (seconds(timeout), ms(paused));
        let mut simulated = Simulated::new(Peer::Pauses { vanishes: paused }, seconds(max_wait), true);
        let dead = simulated.run(timeout, seconds(4000)).0;
        let late = 2 * Liveness::look_interval(timeout);
        prop_assert!(dead.is_some_and(|dead| dead >= simulated.last_ack + timeout), "{dead:?}");
        prop_assert!(dead.is_some_and(|dead| dead <= paused.max(ms(1)) + timeout + late + seconds(1)), "{dead:?}");
    }
}
