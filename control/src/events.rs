//! Which Kubernetes Events about Services are to be written? What the control plane and the data plane find wrong comes in,
//! Events for the API server go out.
//!
//! ```text
//! driver ─> findings ─> desk (core: EventLedger) ─> EventPost ··> api_server/event_writer
//! ```

mod desk;
mod findings;
mod metrics;
mod post;
mod uids;

pub(crate) use desk::EventDesk;
pub(crate) use findings::{reason_of, reason_of_refusal};
pub(crate) use metrics::{EventCounters, EventResult};
pub(crate) use post::EventPost;
