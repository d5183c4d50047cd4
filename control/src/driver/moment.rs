//! What time is it, on the clock that never jumps and on the one that people read?

use std::{
    ops::Add,
    time::{Duration, SystemTime},
};
use tokio::time::Instant;

/// One moment on the steady clock and on the time of day.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Time on the steady clock, which never jumps.
    pub steady: Instant,
    /// Time of day.
    pub wall: SystemTime,
}

impl Moment {
    /// Reads both clocks.
    pub fn now() -> Self {
        Self { steady: Instant::now(), wall: SystemTime::now() }
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self { steady: self.steady + duration, wall: self.wall + duration }
    }
}
