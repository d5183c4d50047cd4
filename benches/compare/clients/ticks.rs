//! When is the next request due in an open loop?

use rustix::{
    thread::clock_nanosleep_absolute,
    time::{ClockId, Timespec, clock_gettime},
};
use std::{io, thread, time::Duration};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// The time between two ticks.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// A tick each millisecond, from a thread that sleeps until it is due. tokio's own timers round up to the next millisecond
/// of a grid of their own, which would be most of the latency that is measured.
#[derive(Debug)]
pub(crate) struct Ticks {
    due: UnboundedReceiver<Timespec>,
}

impl Ticks {
    /// The first tick is due in one millisecond. They end when this is dropped.
    pub(crate) fn start() -> io::Result<Self> {
        let (sender, due) = unbounded_channel();
        let tick = Timespec::try_from(TICK).map_err(io::Error::other)?;
        let mut next = clock_gettime(ClockId::Monotonic) + tick;
        thread::Builder::new().name("ticks".into()).spawn(move || {
            // Nothing interrupts it: all signals of this process are left to the kernel.
            while clock_nanosleep_absolute(ClockId::Monotonic, &next).is_ok() && sender.send(next).is_ok() {
                next += tick;
            }
        })?;
        Ok(Self { due })
    }

    /// Waits for the next tick, and returns when it was due. Ticks that were missed follow at once.
    pub(crate) async fn next(&mut self) -> io::Result<Timespec> {
        self.due.recv().await.ok_or_else(|| io::Error::other("the thread that waits for ticks ended"))
    }
}

/// Spreads a rate over ticks, of which each is a whole number of requests.
#[derive(Debug)]
pub(crate) struct Due {
    per_tick: f64,
    owed: f64,
}

impl Due {
    /// A rate of requests (1/s).
    pub(crate) fn at_rate(per_second: f64) -> Self {
        Self { per_tick: per_second * TICK.as_secs_f64(), owed: 0.0 }
    }

    /// Number of requests that are due at the next tick.
    pub(crate) fn tick(&mut self) -> usize {
        self.owed += self.per_tick;
        let due = self.owed.floor();
        self.owed -= due;
        due as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_met_over_many_ticks_without_bursts() {
        for rate in [1.0, 999.0, 1000.0, 12_345.0] {
            let mut due = Due::at_rate(rate);
            let counts: Vec<usize> = (0..1000).map(|_| due.tick()).collect();
            let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
            assert!(most - least <= 1, "{rate}: {least} to {most}");
            assert!((counts.iter().sum::<usize>() as f64 - rate).abs() <= 1.0, "{rate}");
        }
    }
}
