//! Which datagrams of a batch belong together? Pure: sorts GRO batches by flow and keeps the order within each.

use super::gso::GroBatch;

/// GRO batches, flow by flow. Keeps its memory from batch to batch.
#[derive(Debug, Default)]
pub(in crate::udp) struct ByFlow {
    /// End of each flow in `sorted`.
    ends: Vec<usize>,
    sorted: Vec<GroBatch>,
}

impl ByFlow {
    /// Sorts GRO batches that come with the index of their flow, which is less than `flows`.
    pub(in crate::udp) fn sort(&mut self, gro_batches: &[(usize, GroBatch)], flows: usize) {
        self.ends.clear();
        self.ends.resize(flows, 0);
        for &(flow, _) in gro_batches {
            self.ends[flow] += 1;
        }
        let mut start = 0;
        for end in &mut self.ends {
            // Until its GRO batches are sorted in, the end of a flow is where its next one goes.
            start += std::mem::replace(end, start);
        }
        self.sorted.clear();
        self.sorted.extend(gro_batches.iter().map(|&(_, gro_batch)| gro_batch));
        for &(flow, gro_batch) in gro_batches {
            self.sorted[self.ends[flow]] = gro_batch;
            self.ends[flow] += 1;
        }
    }

    /// The GRO batches of a flow, in the order in which they came.
    pub(in crate::udp) fn of(&mut self, flow: usize) -> &mut [GroBatch] {
        let start = flow.checked_sub(1).map_or(0, |previous| self.ends[previous]);
        &mut self.sorted[start..self.ends[flow]]
    }
}
