//! How does desired state reach the data plane? API server or files in, [`weir_core::Snapshot`]s out.
//!
//! ```text
//! source -> api_server | file -> translate -> driver (store) -> watch::Receiver<Snapshot>
//!                                  disk  <->  driver -> events -> api_server
//! ```

pub mod api_server;
mod blocking;
pub mod disk;
mod driver;
mod events;
pub mod file;
mod metric_families;
mod model;
mod overrides;
pub mod source;
pub mod store;
pub mod translate;

pub use api_server::{
    ConfigError, Examination, KubeSource, ListError, Need, PluginError, Right, UrlError, examine_api_server,
    load_api_server,
};
pub use driver::{ClockReading, EndpointChange, PublishedChanges, Status, WatchState};
pub use file::{FileSource, Loaded, Report, load_manifests, load_manifests_with};
pub use metric_families::METRIC_FAMILIES;
pub use model::{
    Event, FileProblem, Kind, LabelSelector, LeftOut, MAX_SELECTOR_BYTES, Object, ObjectKey, Problem,
    SERVICE_PROXY_NAME, Scope, Selection, SelectorError,
};
pub use overrides::{Changed, Ended, Kept, OperatorOverrides};
pub use source::{Control, Credentials, HostAddresses, ServiceFindings, Source, StartError, start};
pub use store::{Commit, Objects, Refusals, State, Store};
