//! Which datagrams of a batch belong together? Pure: sorts trains by flow and keeps the order within each.

use super::gso::Train;

/// The trains of one batch, flow by flow. Keeps its memory from batch to batch.
#[derive(Debug, Default)]
pub(in crate::udp) struct ByFlow {
    /// Where the trains of each flow end.
    ends: Vec<usize>,
    sorted: Vec<Train>,
}

impl ByFlow {
    /// Sorts trains that come with the number of their flow, which is less than `flows`.
    pub(in crate::udp) fn sort(&mut self, trains: &[(usize, Train)], flows: usize) {
        self.ends.clear();
        self.ends.resize(flows, 0);
        for &(flow, _) in trains {
            self.ends[flow] += 1;
        }
        let mut start = 0;
        for end in &mut self.ends {
            // Until its trains are in place, the end of a flow is where its next train goes.
            start += std::mem::replace(end, start);
        }
        self.sorted.clear();
        self.sorted.extend(trains.iter().map(|&(_, train)| train));
        for &(flow, train) in trains {
            self.sorted[self.ends[flow]] = train;
            self.ends[flow] += 1;
        }
    }

    /// The trains of a flow, in the order in which they came.
    pub(in crate::udp) fn of(&mut self, flow: usize) -> &mut [Train] {
        let start = flow.checked_sub(1).map_or(0, |previous| self.ends[previous]);
        &mut self.sorted[start..self.ends[flow]]
    }
}
