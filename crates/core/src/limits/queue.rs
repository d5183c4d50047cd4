//! May a client wait until an endpoint has room for it, and for how long?

use std::{
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// The clients of one Service port that wait because all its endpoints are full.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: AtomicU32,
}

/// A place in the queue; it is free again when this is dropped.
#[derive(Debug)]
pub struct Waiting<'a> {
    queue: &'a Queue,
    deadline: Instant,
}

impl Queue {
    /// Takes a place for a client that came at `now`; `None` if `most` are waiting already.
    pub fn enter(&self, most: u32, now: Instant, timeout: Duration) -> Option<Waiting<'_>> {
        let entered =
            self.waiting.try_update(Relaxed, Relaxed, |waiting| (waiting < most).then_some(waiting + 1));
        entered.is_ok().then(|| Waiting { queue: self, deadline: now + timeout })
    }

    /// How many wait.
    pub fn len(&self) -> u32 {
        self.waiting.load(Relaxed)
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Waiting<'_> {
    /// The time left; `None` when the client has waited for long enough.
    pub fn left(&self, now: Instant) -> Option<Duration> {
        let left = self.deadline.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.queue.waiting.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_is_bounded_and_whoever_leaves_makes_room() {
        let (queue, now) = (Queue::default(), Instant::now());
        let enter = || queue.enter(2, now, Duration::from_secs(5));
        let (first, _second) = (enter().unwrap(), enter().unwrap());
        assert!(enter().is_none());
        drop(first);
        assert!(enter().is_some());
        assert_eq!(queue.len(), 1);
    }

    #[test]
    fn waiting_ends_with_the_deadline() {
        let (queue, now) = (Queue::default(), Instant::now());
        let waiting = queue.enter(1, now, Duration::from_secs(5)).unwrap();
        assert_eq!(waiting.left(now + Duration::from_secs(3)), Some(Duration::from_secs(2)));
        assert_eq!(waiting.left(now + Duration::from_secs(5)), None);
    }

    #[test]
    fn without_a_queue_nobody_waits() {
        assert!(Queue::default().enter(0, Instant::now(), Duration::from_secs(1)).is_none());
    }
}
