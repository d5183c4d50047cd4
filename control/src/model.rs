//! Which objects does the control plane read, for what, and what can be wrong with them?

mod label_selector;
mod left_out;
mod object;
mod problem;
mod scope;
mod text;

pub use label_selector::{LabelSelector, MAX_SELECTOR_BYTES, SelectorError};
pub use left_out::LeftOut;
pub use object::{Event, Kind, Object, ObjectKey};
pub(crate) use problem::grouped;
pub use problem::{FileProblem, Problem};
pub use scope::{SERVICE_PROXY_NAME, Scope, Selection};
pub(crate) use text::{MAX_TEXT_CHARS, quoted, shown};
