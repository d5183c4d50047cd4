//! When are lines of the connection log written, and what is said of those that are not?

use super::{line, output::Output};
use crate::{
    metrics::{CONNECTION_LOG_LINES, CONNECTION_LOG_LOST},
    output::logging::LogFormat,
};
use metrics::Counter;
use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::RecvTimeoutError,
    },
    thread,
    time::{Duration, Instant},
};
use tracing::{info, warn};
use weir_proxy::{EndedSession, EndedSessions, LeftOut};

/// Time for which lines are gathered before they are written together: workers wake nobody meanwhile.
const GATHER: Duration = Duration::from_millis(100);

/// Bytes after which lines are written without gathering more.
const MAX_BATCH_BYTES: usize = 64 << 10;

/// Time between two looks at what else there is to do.
const LOOK: Duration = Duration::from_secs(1);

/// Time between two log lines about lines that were left out.
const SAY: Duration = Duration::from_secs(1);

/// The work of the thread that writes.
pub(super) struct Writer {
    sessions: EndedSessions,
    output: Output,
    format: LogFormat,
    /// Whether the file is to be opened again.
    reopen: Arc<AtomicBool>,
    /// Lines that are not written yet.
    batch: String,
    lines: u64,
    /// Whether the last batch could not be written.
    is_failing: bool,
    looked: Instant,
    unsaid: LeftOut,
    said: Option<Instant>,
    counts: Counts,
}

/// Counters of lines, by what became of them.
struct Counts {
    written: Counter,
    over_rate: Counter,
    no_room: Counter,
    failed: Counter,
}

impl Counts {
    fn register() -> Self {
        let lost = |reason: &'static str| metrics::counter!(CONNECTION_LOG_LOST.name, "reason" => reason);
        Self {
            written: metrics::counter!(CONNECTION_LOG_LINES.name),
            over_rate: lost("rate"),
            no_room: lost("room"),
            failed: lost("failed"),
        }
    }
}

impl Writer {
    pub(super) fn new(
        sessions: EndedSessions,
        output: Output,
        format: LogFormat,
        reopen: Arc<AtomicBool>,
    ) -> Self {
        Self {
            sessions,
            output,
            format,
            reopen,
            batch: String::new(),
            lines: 0,
            is_failing: false,
            looked: Instant::now(),
            unsaid: LeftOut::default(),
            said: None,
            counts: Counts::register(),
        }
    }

    /// Writes lines until the data plane has ended and its last line is written.
    pub(super) fn run(mut self) {
        let mut many = false;
        loop {
            match self.sessions.next(LOOK) {
                Ok(session) => {
                    if !many {
                        thread::park_timeout(GATHER);
                    }
                    many = self.write_batch(&session);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.look(Instant::now());
        }
        self.said = None;
        self.count_left_out(Instant::now());
    }

    /// Writes the line of a session with those that wait; returns whether there may be more, which are not waited for.
    fn write_batch(&mut self, first: &EndedSession) -> bool {
        if self.reopen.swap(false, Relaxed) {
            self.output.close();
        }
        self.add(first);
        while self.batch.len() < MAX_BATCH_BYTES
            && let Ok(session) = self.sessions.next_waiting()
        {
            self.add(&session);
        }
        let is_full = self.batch.len() >= MAX_BATCH_BYTES;
        let (batch, lines) = (mem::take(&mut self.batch), mem::take(&mut self.lines));
        match self.output.write(batch.as_bytes()) {
            Ok(()) => {
                self.counts.written.increment(lines);
                if mem::take(&mut self.is_failing) {
                    info!("lines of the connection log are written again");
                }
            }
            Err(error) => {
                self.counts.failed.increment(lines);
                if !mem::replace(&mut self.is_failing, true) {
                    warn!(
                        %error, lines,
                        "cannot write lines of the connection log, which are lost; is the disk full, or does nobody read? \
                         weir_connection_log_lost_total counts them, and writing is tried again"
                    );
                }
            }
        }
        // What was allocated for one batch is used for the next.
        self.batch = batch;
        self.batch.clear();
        is_full
    }

    fn add(&mut self, session: &EndedSession) {
        line::write(&mut self.batch, session, self.format);
        self.lines += 1;
    }

    /// Does, at most once a second, what else there is to do.
    fn look(&mut self, now: Instant) {
        if now.saturating_duration_since(self.looked) < LOOK {
            return;
        }
        self.looked = now;
        if self.reopen.swap(false, Relaxed) {
            self.output.close();
        }
        self.output.close_if_moved();
        self.count_left_out(now);
    }

    fn count_left_out(&mut self, now: Instant) {
        let LeftOut { over_rate, no_room } = self.sessions.take_left_out();
        self.counts.over_rate.increment(over_rate);
        self.counts.no_room.increment(no_room);
        self.unsaid.over_rate += over_rate;
        self.unsaid.no_room += no_room;
        let may_say = self.said.is_none_or(|said| now.saturating_duration_since(said) >= SAY);
        if self.unsaid == LeftOut::default() || !may_say {
            return;
        }
        let LeftOut { over_rate, no_room } = mem::take(&mut self.unsaid);
        self.said = Some(now);
        warn!(
            over_rate,
            no_room,
            "lines of the connection log were left out: beyond --connection-log-rate, or because writing does not keep up; \
             a smaller --connection-log-sample shows a fair part of all"
        );
    }
}
