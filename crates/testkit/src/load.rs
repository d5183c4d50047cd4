//! Which objects does a large cluster have, and how do they change? Pure and seeded: the same in every run.
//!
//! ```text
//! Fleet ── workload(index) ──> Workload ── objects() ──> JSON of a Service and its EndpointSlices
//!   └── Churn (seed) ── next() ──> Write ── apply() ──> ApiServer
//! ```
//!
//! Objects look like those of a cluster of the usual controllers: labels and annotations of a package manager, the
//! metadata of the EndpointSlice controller, and `managedFields`, which make up much of what an API server sends.

mod churn;
mod cluster_state;
mod fleet;
mod metadata;
mod operation;
mod pod;
mod random;
mod workload;
mod write;

pub use churn::Churn;
pub use fleet::{Fleet, Shares};
pub use pod::{ENDPOINT_PORT, POD_NETWORKS, Phase, Pod};
pub use workload::{SLICE_CAPACITY, Workload};
pub use write::Write;
