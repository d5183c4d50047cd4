//! Which of many flows has been idle for longest, and which for too long?

use std::{cmp::Reverse, collections::BinaryHeap, time::Instant};

/// A queue of flows ordered by their last known activity. The true activity is looked up only when it matters: a flow that was
/// active meanwhile goes back with its true time. So the answer is exact, although forwarding a datagram touches no queue.
#[derive(Debug, Default)]
pub struct OldestIdle {
    known: BinaryHeap<Reverse<(Instant, u64)>>,
}

impl OldestIdle {
    /// Adds a flow, by its number, that was active at `at`.
    pub fn push(&mut self, at: Instant, flow: u64) {
        self.known.push(Reverse((at, flow)));
    }

    /// Takes out the flow that has been idle for longest. `last_active` gives `None` for a flow that has ended.
    pub fn pop(&mut self, last_active: impl Fn(u64) -> Option<Instant>) -> Option<u64> {
        while let Some(Reverse((at, flow))) = self.known.pop() {
            match last_active(flow) {
                Some(last) if last > at => self.push(last, flow),
                Some(_) => return Some(flow),
                None => {}
            }
        }
        None
    }

    /// Takes out a flow whose deadline has passed, for a queue that was filled with deadlines instead of activities: they,
    /// too, may move later unseen. A flow whose deadline moves earlier has to be pushed again.
    pub fn pop_due(&mut self, now: Instant, deadline: impl Fn(u64) -> Option<Instant>) -> Option<u64> {
        while let Some(&Reverse((at, flow))) = self.known.peek().filter(|Reverse((at, _))| *at <= now) {
            self.known.pop();
            match deadline(flow) {
                Some(later) if later > at => self.push(later, flow),
                Some(_) => return Some(flow),
                None => {}
            }
        }
        None
    }

    /// Drops flows that have ended once they are more than two thirds of the queue, so that memory follows the number of live
    /// flows.
    pub fn compact(&mut self, live: usize, is_live: impl Fn(u64) -> bool) {
        if self.known.len() > 64 + 2 * live {
            self.known.retain(|&Reverse((_, flow))| is_live(flow));
        }
    }

    /// Number of entries, those of ended flows included.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether the queue has no entry.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{collections::HashMap, time::Duration};

    proptest! {
        #[test]
        fn the_flow_idle_for_longest_goes_first(steps in prop::collection::vec((0u64..20, 0u8..4), 1..200)) {
            let start = Instant::now();
            let mut queue = OldestIdle::default();
            let mut last = HashMap::new();
            for (tick, (flow, action)) in steps.into_iter().enumerate() {
                let now = start + Duration::from_millis(tick as u64);
                match action {
                    0 => {
                        let expected = last.iter().min_by_key(|&(_, at)| *at).map(|(&flow, _)| flow);
                        prop_assert_eq!(queue.pop(|flow| last.get(&flow).copied()), expected);
                        expected.and_then(|flow| last.remove(&flow));
                    }
                    1 => { last.remove(&flow); }
                    _ => if last.insert(flow, now).is_none() { queue.push(now, flow) },
                }
                queue.compact(last.len(), |flow| last.contains_key(&flow));
                prop_assert!(queue.len() <= 64 + 2 * last.len());
            }
        }

        #[test]
        fn exactly_those_whose_deadline_has_passed_are_due(steps in prop::collection::vec((0u64..20, 0u64..60), 1..200)) {
            let start = Instant::now();
            let mut queue = OldestIdle::default();
            let mut deadlines = HashMap::new();
            for (tick, (flow, after)) in steps.into_iter().enumerate() {
                let now = start + Duration::from_millis(tick as u64);
                let deadline = now + Duration::from_millis(after);
                // A deadline that moves later is not pushed.
                if deadlines.insert(flow, deadline).is_none_or(|before| deadline < before) {
                    queue.push(deadline, flow);
                }
                while let Some(due) = queue.pop_due(now, |flow| deadlines.get(&flow).copied()) {
                    prop_assert!(deadlines.remove(&due).is_some_and(|deadline| deadline <= now));
                }
                prop_assert!(deadlines.values().all(|&deadline| deadline > now), "one that is due was not given");
            }
        }
    }
}
