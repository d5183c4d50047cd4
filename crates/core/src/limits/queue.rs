//! May a client wait until an endpoint has room for it, and for how long?

use std::{
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// Counts the clients of one Service port that wait because all endpoints are full.
#[derive(Debug, Default)]
pub struct Queue {
    /// Number of clients that wait.
    waiting: AtomicU32,
}

/// A position in a [`Queue`], free again when this is dropped.
#[derive(Debug)]
pub struct QueuePosition<'a> {
    queue: &'a Queue,
    /// When the client has waited for long enough.
    deadline: Instant,
}

impl Queue {
    /// Takes a position for a client that came at `now` and may wait for `timeout`; `None` if `max_waiting` clients wait
    /// already.
    pub fn enter(&self, max_waiting: u32, now: Instant, timeout: Duration) -> Option<QueuePosition<'_>> {
        let entered = self
            .waiting
            .try_update(Relaxed, Relaxed, |waiting| (waiting < max_waiting).then_some(waiting + 1));
        entered.is_ok().then(|| QueuePosition { queue: self, deadline: now + timeout })
    }

    /// Number of clients that wait.
    pub fn len(&self) -> u32 {
        self.waiting.load(Relaxed)
    }

    /// Whether no client waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl QueuePosition<'_> {
    /// Time that the client may still wait; `None` when it has waited for long enough.
    pub fn left(&self, now: Instant) -> Option<Duration> {
        let left = self.deadline.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }
}

impl Drop for QueuePosition<'_> {
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
