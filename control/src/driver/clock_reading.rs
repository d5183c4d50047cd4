//! What time is it, on the clock that never jumps and on the one that people read?

use std::{
    ops::Add,
    time::{Duration, SystemTime},
};
use tokio::time::Instant;

/// One moment on the monotonic clock and on the time of day.
#[derive(Clone, Copy, Debug)]
pub struct ClockReading {
    /// Time on the monotonic clock, which never jumps.
    pub monotonic: Instant,
    /// Time of day.
    pub wall: SystemTime,
}

impl ClockReading {
    /// Reads both clocks now.
    pub fn now() -> Self {
        Self { monotonic: Instant::now(), wall: SystemTime::now() }
    }
}

impl Add<Duration> for ClockReading {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self { monotonic: self.monotonic + duration, wall: self.wall + duration }
    }
}
