//! What does a Kubernetes API server do to its clients, on a good day and on a bad one?
//!
//! ```text
//! test -> ApiServer -> State (store, pages, faults, requests, signals)
//!                        ^
//! client -> http::listener -> answer -> list | watch
//! ```

mod authority;
mod failures;
mod faults;
mod http;
mod real;
mod requests;
mod resource;
mod server;
mod sighting;
mod state;
mod status;
mod store;

pub use authority::Authority;
pub use failures::Backup;
pub use faults::{EndlessList, Misbehaviour};
pub use real::RealApiServer;
pub use requests::{Parameters, Requests};
pub use resource::Resource;
pub use server::ApiServer;
pub use sighting::Sighting;
