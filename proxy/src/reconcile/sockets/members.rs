//! Which workers listen at an address?

use super::Sockets;
use crate::reconcile::{bind_failure::BindFailure, listener_group::Member};
use std::hash::{DefaultHasher, Hash, Hasher};
use weir_core::Frontend;

impl Sockets {
    /// The workers that listen at an address: all while there are few addresses, fewer when there are many. Each socket of
    /// another weir has one, some of them several: none is closed, as clients wait in its queue.
    pub(super) fn choose_workers(
        &self,
        listen: Frontend,
        planned: usize,
    ) -> Result<Vec<Member>, BindFailure> {
        let share = self.budget / planned.max(1);
        let free = self.budget.saturating_sub(self.open_descriptors).min(self.descriptors.free());
        let count = self.workers.len().min(share.max(1)).min(free);
        if count == 0 {
            return Err(BindFailure::ListenerBudget { budget: self.budget });
        }
        let count = count.max(self.inherited.count(listen));
        let mut hasher = DefaultHasher::new();
        listen.hash(&mut hasher);
        let first = (hasher.finish() % self.workers.len() as u64) as usize;
        let member = |(number, id)| Member { worker: (first + number) % self.workers.len(), id };
        Ok((0..count).zip(self.next_id..).map(member).collect())
    }
}
