//! What is counted about saving the state?

use super::folder::WriteError;
use crate::metric_families::{STATE_BYTES, STATE_SAVED, STATE_SAVES};
use metrics::{Counter, Gauge, counter, gauge};
use std::time::{SystemTime, UNIX_EPOCH};

/// Handles of the metrics of saving, registered once.
pub(super) struct Metrics {
    saved: Gauge,
    bytes: Gauge,
    ok: Counter,
    failed: Counter,
    in_use: Counter,
}

impl Metrics {
    pub(super) fn register() -> Self {
        Self {
            saved: gauge!(STATE_SAVED.name),
            bytes: gauge!(STATE_BYTES.name),
            ok: counter!(STATE_SAVES.name, "result" => "ok"),
            failed: counter!(STATE_SAVES.name, "result" => "failed"),
            in_use: counter!(STATE_SAVES.name, "result" => "in_use"),
        }
    }

    /// Sets the time and the size, in bytes, of the state on disk.
    pub(super) fn on_disk(&self, saved: SystemTime, bytes: usize) {
        self.saved.set(saved.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64());
        self.bytes.set(bytes as f64);
    }

    /// Counts an attempt to save: bytes written, or why it failed.
    pub(super) fn attempt(&self, outcome: &Result<usize, WriteError>) {
        let counter = match outcome {
            Ok(_) => &self.ok,
            Err(WriteError::InUse(_)) => &self.in_use,
            Err(WriteError::Failed { .. }) => &self.failed,
        };
        counter.increment(1);
    }
}
