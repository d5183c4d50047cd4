//! How are sockets opened, and what if they cannot be?

use super::Sockets;
use crate::{
    reconcile::{
        bind_failure::BindFailure,
        listener_group::{ListenerGroup, WantedListener},
        report::{self, Applied, FrontendRow, FrontendState},
    },
    shared::command::ListenerId,
};
use std::{sync::Arc, time::Instant};

impl Sockets {
    /// Opens sockets, and reports which could not be opened.
    pub(super) fn open_all(
        &mut self,
        opening: Vec<WantedListener<'_>>,
        planned: usize,
        applied: &mut Applied,
    ) {
        let now = Instant::now();
        let mut failures = Vec::new();
        for wanted in opening {
            let listen = wanted.binding.listen;
            match self.open(&wanted, planned) {
                Ok(()) => {
                    self.retries.forget(listen);
                    applied.rows.push(wanted.row());
                }
                Err(failure) => {
                    if self.retries.fail(listen, now, failure) {
                        let row = FrontendRow::of(wanted.binding, FrontendState::Failed(failure));
                        applied.rows.push(row.clone());
                        failures.push((row, failure));
                    }
                }
            }
        }
        let (waiting, failures): (Vec<_>, Vec<_>) =
            failures.into_iter().partition(|(_, why)| self.waits_for_another(why));
        report::waiting(waiting.len());
        report::warn(failures);
    }

    fn open(&mut self, wanted: &WantedListener<'_>, planned: usize) -> Result<(), BindFailure> {
        let listen = wanted.binding.listen;
        let members = self.choose_workers(listen, planned)?;
        let Some(permit) = self.descriptors.acquire(members.len()) else {
            return Err(BindFailure::DescriptorBudget);
        };
        let inherited = self.inherited.take(listen);
        // Another weir that runs here may hold the port, and is about to let go of it.
        let may_stand_in = !self.retries.is_quick();
        let group = ListenerGroup::open(
            wanted,
            &self.workers,
            members,
            inherited,
            may_stand_in,
            self.options,
            permit,
        )
        .map_err(|error| BindFailure::of(&error, wanted.binding.kind))?;
        self.next_id += group.descriptors() as ListenerId;
        self.open_descriptors += group.descriptors();
        if let Some(port) = group.stand_in_port {
            Arc::make_mut(&mut self.stand_in_ports).insert(listen, port);
        }
        self.open.insert(listen, group);
        Ok(())
    }
}
