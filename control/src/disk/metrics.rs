//! What is counted about saving the state?

use super::folder::WriteError;
use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};
use std::time::{SystemTime, UNIX_EPOCH};

const SAVED: &str = "weir_state_saved_timestamp_seconds";
const SAVES: &str = "weir_state_saves_total";
const BYTES: &str = "weir_state_bytes";

/// Handles of the metrics of saving, registered once.
#[derive(Clone)]
pub(super) struct Metrics {
    saved: Gauge,
    bytes: Gauge,
    ok: Counter,
    failed: Counter,
    in_use: Counter,
}

impl Metrics {
    pub(super) fn register() -> Self {
        describe_gauge!(
            SAVED,
            "Unix time at which the state on disk was saved; 0 without a state of this weir"
        );
        describe_counter!(SAVES, "Attempts to save the state, by result");
        describe_gauge!(BYTES, "Size of the state on disk, in bytes");
        Self {
            saved: gauge!(SAVED),
            bytes: gauge!(BYTES),
            ok: counter!(SAVES, "result" => "ok"),
            failed: counter!(SAVES, "result" => "failed"),
            in_use: counter!(SAVES, "result" => "in_use"),
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

    /// Touches every series: a recorder that drops series without changes would cut their handles off.
    pub(super) fn touch(&self) {
        [&self.ok, &self.failed, &self.in_use].into_iter().for_each(|counter| counter.increment(0));
        [&self.saved, &self.bytes].into_iter().for_each(|gauge| gauge.increment(0.0));
    }
}
