//! Which Kubernetes Events about Services are due, who writes each, and in which words?

mod draft;
mod entry;
mod findings;
mod ledger;
mod reason;
mod writers;

pub use draft::EventDraft;
pub use findings::{FindingKey, Findings, Sentences};
pub use ledger::EventLedger;
pub use reason::{EventReason, EventWriter};
pub use writers::EventWriters;
