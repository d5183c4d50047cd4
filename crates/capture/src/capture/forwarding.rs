//! Do packets to endpoints take the way of forwarded packets now? That depends on the operator, and on what else is in
//! nftables.

use super::{Capture, Disturbance, desired::Desired};
use crate::{
    forwarding::Forwarding,
    host::{legacy_tables, refusing},
};
use std::{sync::Arc, time::Instant};
use tracing::{info, warn};

impl Capture {
    /// Decides, by what is on this host now, whether packets to endpoints are to take the way of forwarded ones, and says
    /// so when that changes. Returns whether it has.
    pub(super) async fn decide_forwarding(&mut self) -> bool {
        let is_first = self.forwards.is_none();
        let (forwards, why) = match self.options.forwarding {
            Forwarding::Always => (true, "--forwarding=always".to_owned()),
            Forwarding::Never => (false, "--forwarding=never".to_owned()),
            Forwarding::Auto => match refusing().await {
                Ok(refusing) if refusing.is_empty() => {
                    (false, "nothing on this host could refuse forwarded packets".to_owned())
                }
                Ok(refusing) => (true, format!("{} could refuse them", refusing.join(", "))),
                Err(error) => {
                    warn!(%error, "cannot see whether something on this host could refuse forwarded packets");
                    // As before. At the start that is unknown, and the safe way is the forwarded one.
                    (self.forwards.unwrap_or(true), "what could refuse them cannot be listed".to_owned())
                }
            },
        };
        self.forward_check.done(Instant::now());
        let changed = self.forwards.replace(forwards) != Some(forwards);
        if changed && forwards {
            info!("packets to endpoints take the way of forwarded packets: {why}");
        } else if changed {
            info!("packets to endpoints do not take the way of forwarded packets: {why}");
        }
        changed && !is_first
    }

    /// Asks for another look at this host's chains, if these decide.
    pub(super) fn request_forward_check(&mut self) {
        if self.options.forwarding == Forwarding::Auto {
            self.forward_check.request(Instant::now(), self.forwards == Some(true));
        }
    }

    /// Looks at this host's chains if it is time to. Tables of iptables-legacy are announced by nobody.
    pub(super) async fn check_forwarding(&mut self) {
        if self.forward_check.is_due(Instant::now()) && self.decide_forwarding().await {
            self.note_disturbance(Disturbance::Forwarding);
        }
    }

    /// Looks for what nobody announces: tables of iptables-legacy.
    pub(super) fn check_legacy(&mut self) {
        let is_news = self.forwards == Some(false) && !legacy_tables().is_empty();
        if is_news {
            self.request_forward_check();
        }
    }

    /// Makes the desired rules follow the last decision.
    pub(super) fn follow_forwarding(&mut self) {
        if let (Some(desired), Some(forwards)) = (&self.desired, self.forwards) {
            let mut desired = Desired::clone(desired);
            desired.table.forwards = forwards;
            self.desired = Some(Arc::new(desired));
        }
    }
}
