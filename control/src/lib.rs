//! How does desired state reach the data plane? API server or files in, [`weir_core::Snapshot`]s out.
//!
//! ```text
//! source (api_server | file) -> translate -> store -> watch::Receiver<Snapshot>
//! ```

pub mod api_server;
pub mod file;
pub mod object;
pub mod source;
pub mod store;
pub mod translate;

pub use api_server::{ConfigError, KubeSource};
pub use file::{FileProblem, FileSource, Loaded, Report, load_manifests, load_manifests_with};
pub use object::{Event, Kind, Object, ObjectKey, Problem};
pub use source::{Control, Scope, Source, StartError, Status, WatchState, start};
pub use store::{Commit, Store};
pub use translate::Selection;
