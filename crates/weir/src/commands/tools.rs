//! What does weir tell about itself? Its version, its pages for man(1), and its words to shells.

mod completion;
mod man;
mod version;

pub(crate) use completion::completion;
pub use completion::{answer_shell, is_asked_by_shell};
pub(crate) use man::man;
pub(crate) use version::version;
