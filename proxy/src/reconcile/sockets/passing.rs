//! How do open sockets pass to another weir, or come from it?

use super::Sockets;
use crate::{
    reconcile::bind_failure::BindFailure,
    shared::{
        command::{Command, ListenerId},
        hand_over::ListeningSocket,
    },
    worker::handle::answers,
};
use std::{collections::HashMap, time::Instant};
use weir_core::Frontend;

impl Sockets {
    /// Duplicates all open sockets for another weir. Their clients wait until [`Self::resume`], or for the other weir.
    pub(in crate::reconcile) async fn pass(&self) -> Vec<ListeningSocket> {
        let listen: HashMap<ListenerId, Frontend> =
            self.open.iter().flat_map(|(&listen, group)| group.ids().map(move |id| (id, listen))).collect();
        let asked = self.workers.iter().map(|worker| worker.call(|done| Command::Pass { done })).collect();
        let passed = answers(asked).await.into_iter().flatten();
        // A socket without an address is one that is just being closed.
        let known = |(id, socket)| Some(ListeningSocket { listen: *listen.get(&id)?, socket });
        passed.filter_map(known).collect()
    }

    /// Serves clients through passed sockets again.
    pub(in crate::reconcile) async fn resume(&self) {
        let resume =
            |worker: &crate::worker::handle::WorkerHandle| worker.call(|done| Command::Resume { done });
        answers(self.workers.iter().map(resume).collect()).await;
    }

    /// Takes in sockets of another weir, for the addresses that are opened from now on.
    pub(in crate::reconcile) fn inherit(&mut self, sockets: Vec<ListeningSocket>) {
        self.inherited.extend(sockets);
    }

    /// Sets whether another weir runs on this host. Once none does, what it handed over and nobody wants is closed.
    pub(in crate::reconcile) fn set_accompanied(&mut self, accompanied: bool) {
        self.retries.set_quick(accompanied, Instant::now());
        if !accompanied {
            let retries = &self.retries;
            self.inherited.retain(|listen| retries.contains(listen));
        }
    }

    /// Whether another weir is at fault for a failure, and about to let go.
    pub(super) fn waits_for_another(&self, why: &BindFailure) -> bool {
        self.retries.is_quick() && *why == BindFailure::AddressInUse
    }
}
