//! Which datagrams of a batch belong together? Pure: sorts gro_batches by flow and keeps the order within each.

use super::gso::GroBatch;

/// The gro_batches of one batch, flow by flow. Keeps its memory from batch to batch.
#[derive(Debug, Default)]
pub(in crate::udp) struct ByFlow {
    /// Where the gro_batches of each flow end.
    ends: Vec<usize>,
    sorted: Vec<GroBatch>,
}

impl ByFlow {
    /// Sorts gro_batches that come with the number of their flow, which is less than `flows`.
    pub(in crate::udp) fn sort(&mut self, gro_batches: &[(usize, GroBatch)], flows: usize) {
        self.ends.clear();
        self.ends.resize(flows, 0);
        for &(flow, _) in gro_batches {
            self.ends[flow] += 1;
        }
        let mut start = 0;
        for end in &mut self.ends {
            // Until its gro_batches are in index, the end of a flow is where its next gro_batch goes.
            start += std::mem::replace(end, start);
        }
        self.sorted.clear();
        self.sorted.extend(gro_batches.iter().map(|&(_, gro_batch)| gro_batch));
        for &(flow, gro_batch) in gro_batches {
            self.sorted[self.ends[flow]] = gro_batch;
            self.ends[flow] += 1;
        }
    }

    /// The gro_batches of a flow, in the order in which they came.
    pub(in crate::udp) fn of(&mut self, flow: usize) -> &mut [GroBatch] {
        let start = flow.checked_sub(1).map_or(0, |previous| self.ends[previous]);
        &mut self.sorted[start..self.ends[flow]]
    }
}
