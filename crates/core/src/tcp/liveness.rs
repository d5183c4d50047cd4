//! Is a peer that leaves bytes unacknowledged still there?
//!
//! A peer that only pauses reading closes its window, and its kernel goes on to answer probes (RFC 9293 3.8.6.1, RFC 1122
//! 4.2.2.17), for hours if need be. A peer that has vanished answers nothing. How long ago the last answer came does not tell
//! the two apart: the kernel probes a closed window ever more rarely, up to two minutes apart. What does tell is what was asked
//! since and got no answer.

use std::time::{Duration, Instant};

/// Unanswered retransmissions and probes that a peer is granted: one of them may have been lost on the way.
const MIN_UNANSWERED: u32 = 2;

/// Shortest time between two looks at a peer.
const MIN_LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Inexactness of the time of an acknowledgement, in two reports about one socket.
const INEXACTNESS: Duration = Duration::from_millis(100);

/// What the kernel knows of the peer of one socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerReport {
    /// Whether bytes, or the end, are sent or still to be sent and not acknowledged.
    pub outstanding: bool,
    /// Whether neither side has ended. The kernel probes on demand only then.
    pub established: bool,
    /// Time since the last segment of the peer, which all acknowledge something.
    pub silence: Duration,
    /// Segments that were retransmitted since the connection began.
    pub retransmitted: u32,
    /// Probes of a closed window since the last segment of the peer.
    pub probes: u32,
}

/// Judgement of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerVerdict {
    /// Nothing waits for the peer: keepalive watches it, and nobody need look.
    Idle,
    /// The peer is alive, or not yet known to be dead; look again at this time.
    Alive(Instant),
    /// The peer has vanished.
    Dead,
}

/// A peer that bytes wait for: what it was asked, and since when it has not answered.
#[derive(Clone, Copy, Debug)]
pub struct Liveness {
    timeout: Duration,
    /// Last acknowledgement, and the beginning of the wait for the next; `None` before the first report.
    waiting: Option<Waiting>,
    /// Whether the peer may be probed on demand.
    established: bool,
    /// Probes on demand since the last acknowledgement.
    asked: u32,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    last_ack: Instant,
    since: Instant,
    /// Retransmissions that were answered, or may have been.
    retransmitted: u32,
    last_written: Instant,
}

impl Liveness {
    /// A peer of which nothing is known yet, and that counts as dead after `timeout` without an answer.
    pub fn new(timeout: Duration) -> Self {
        Self { timeout, waiting: None, established: false, asked: 0 }
    }

    /// Time from a write to the first look at the peer, and between two looks while more is written or no answer comes.
    pub fn look_interval(timeout: Duration) -> Duration {
        (timeout / 8).max(MIN_LOOK_INTERVAL)
    }

    /// Whether the peer should be probed now, if that is possible: it has been silent for half of the time-out, and the next
    /// probe of the kernel's own may be far.
    pub fn wants_probe(&self, now: Instant) -> bool {
        self.established && self.waiting.is_some_and(|waiting| waiting.silence(now) >= self.timeout / 2)
    }

    /// Records a probe on demand.
    pub fn probed(&mut self) {
        self.asked = self.asked.saturating_add(1);
    }

    /// Judges a report of `now`. `last_written` is the last moment at which bytes can have been written to the peer.
    pub fn judge(&mut self, now: Instant, last_written: Instant, report: &PeerReport) -> PeerVerdict {
        if !report.outstanding {
            *self = Self::new(self.timeout);
            return PeerVerdict::Idle;
        }
        self.established = report.established;
        let last_ack = now.checked_sub(report.silence).unwrap_or(now);
        let is_written = self.waiting.is_none_or(|before| last_written > before.last_written);
        let waiting = match self.waiting {
            // The same acknowledgement, or one that came so shortly after it that it answers nothing that was asked since.
            Some(before) if last_ack <= before.last_ack + INEXACTNESS => {
                let (last_ack, since) = (last_ack.max(before.last_ack), last_ack.max(before.since));
                Waiting { last_ack, since, last_written, ..before }
            }
            _ => {
                self.asked = 0;
                // What waits may have been written long after the last acknowledgement, of bytes before.
                let since = last_ack.max(last_written.min(now));
                Waiting { last_ack, since, retransmitted: report.retransmitted, last_written }
            }
        };
        self.waiting = Some(waiting);
        let silence = waiting.silence(now);
        let retransmitted = report.retransmitted.wrapping_sub(waiting.retransmitted);
        let unanswered = retransmitted.saturating_add(report.probes).saturating_add(self.asked);
        if silence >= self.timeout && unanswered >= MIN_UNANSWERED {
            return PeerVerdict::Dead;
        }
        let interval = Self::look_interval(self.timeout);
        let until_probe = (self.timeout / 2).saturating_sub(silence);
        // While bytes are written, what waits may be younger than the last acknowledgement: the longer between two looks, the
        // later the wait is known to have begun.
        PeerVerdict::Alive(now + if is_written { interval } else { interval.max(until_probe) })
    }
}

impl Waiting {
    fn silence(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }
}

#[cfg(test)]
mod tests;
