//! What does the data plane find wrong with Services now? Told in Kubernetes Events, with the sentences of the log.

use super::Reconciler;
use crate::reconcile::report::{FrontendRow, FrontendState};
use std::sync::Arc;
use weir_core::{EventReason, FindingKey, Findings};

/// Findings of one reason that are told at most; of more the first.
const MAX_FINDINGS: usize = 256;

impl Reconciler {
    /// All that is wrong with Services now, as far as it was logged. Costs nothing where nothing is wrong.
    pub(crate) fn findings(&self) -> Findings {
        let mut findings = Findings::new();
        let mut failed = self.sockets.failures();
        // Always the same ones, so that nothing comes and goes.
        failed.sort_unstable_by_key(|&(listen, _)| listen);
        for (listen, why) in failed.into_iter().take(MAX_FINDINGS) {
            let Some(binding) = self.plan.winner(listen) else { continue };
            let row = FrontendRow::of(binding, FrontendState::Failed(why));
            let key = FindingKey {
                service: row.port.service.clone(),
                reason: EventReason::FrontendNotBound,
                subject: format!("{}/{}", listen.address, listen.protocol).into(),
            };
            findings.insert(key, row.failure(why).into());
        }
        for ((port, family), sentence) in self.health_report.failing().take(MAX_FINDINGS) {
            let key = FindingKey::of_port(port, *family, EventReason::EndpointsFailing);
            findings.insert(key, Arc::clone(sentence));
        }
        findings
    }
}
