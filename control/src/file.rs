//! Which objects do manifests on disk hold, now and after each change?
//!
//! ```text
//! paths (which files, what changed) -> parse (documents) -> objects -> contents (last good state) -> manifests -> events
//! ```

mod contents;
mod document;
mod kinds;
mod load;
mod loaded;
mod location;
mod manifests;
mod objects;
mod parse;
mod paths;
mod report;
mod source;
mod watch;

pub use load::{load_manifests, load_manifests_with};
pub use loaded::Loaded;
pub use report::Report;
pub use source::FileSource;
pub(crate) use watch::start;
