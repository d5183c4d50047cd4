//! Which of many flows has been idle for longest, and which for too long? Exact, although no flow reports its activity
//! here.

use std::{cmp::Reverse, collections::BinaryHeap, time::Instant};

/// A queue ordered by last known activity. Activity is looked up only when it matters: a flow that was active since
/// goes back with its true time, so forwarding a datagram touches nothing in here.
#[derive(Debug, Default)]
pub struct OldestIdle {
    known: BinaryHeap<Reverse<(Instant, u64)>>,
}

impl OldestIdle {
    /// Adds a flow that was active at `at`.
    pub fn push(&mut self, at: Instant, flow: u64) {
        self.known.push(Reverse((at, flow)));
    }

    /// Takes out the flow that has been idle for longest. `last_active` is `None` for flows that have ended.
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

    /// Takes out a flow whose time has come, if times are deadlines instead of activities: those move later by themselves
    /// as well. One that moves to an earlier time has to be pushed again.
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

    /// Drops flows that have ended once they are the larger part, so that memory follows the number of live flows.
    pub fn compact(&mut self, live: usize, is_live: impl Fn(u64) -> bool) {
        if self.known.len() > 64 + 2 * live {
            self.known.retain(|&Reverse((_, flow))| is_live(flow));
        }
    }

    /// How many entries are held, ended flows included.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether nothing is held.
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
                // A deadline that moves later is not told.
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
