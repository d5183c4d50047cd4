//! Which objects does the control plane read, for what, and what can be wrong with them?

mod object;
mod problem;
mod scope;

pub use object::{Event, Kind, Object, ObjectKey};
pub use problem::{FileProblem, Problem};
pub use scope::{SERVICE_PROXY_NAME, Scope, Selection};
