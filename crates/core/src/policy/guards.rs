//! Which addresses may be neither frontends nor endpoints?

mod external_ips;
mod objects;
mod refusal;

pub use external_ips::{ExternalIps, Holder};
pub use objects::{Refused, Role, guard_service, guard_slice};
pub use refusal::Refusal;
