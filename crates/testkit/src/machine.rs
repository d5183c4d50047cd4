//! What does a test get of the machine that it runs on?

mod folder;
mod namespace;
mod scale;
mod service_account;
mod skip;

pub(crate) use folder::Folder;
pub use namespace::Namespace;
pub use scale::{scaled, scaled_connections};
pub use service_account::{UNKNOWN_AUTHORITY, in_a_pod};
pub use skip::installed;
pub(crate) use skip::skipped;
