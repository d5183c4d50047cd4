//! Which weir captures here, and which one made the table? One captures in a network namespace; a newcomer may take over.
//!
//! A weir that runs holds a lock on a file in a [`RuntimeDir`], which no other user can write to; the kernel lets go of it
//! with the process, however that ends. Besides it holds a name in the kernel, by which it is found from other folders. The
//! name of a chain in the table tells which weir made the table, so that an older weir notices that the table is another's,
//! and that no transaction of the older weir changes the table of the newer one.

mod lock;
mod marker;
mod runtime_dir;
mod table_owner;

pub(crate) use lock::CaptureLock;
pub use runtime_dir::{RuntimeDir, RuntimeDirError, is_trusted_peer};
pub(crate) use table_owner::TableOwner;

use crate::Error;
use marker::{MARKER, Marker, MarkerState};
use std::path::Path;

/// Name of the socket in the runtime directory through which a weir hands over to a newcomer.
pub const TAKEOVER_SOCKET: &str = "takeover";

/// Whether a weir captures in this network namespace. A running weir puts back rules that are removed.
///
/// # Errors
/// When no Unix socket can be opened.
pub fn is_running() -> Result<bool, Error> {
    is_running_with(RuntimeDir::default_path().as_deref())
}

/// Whether a weir captures in this network namespace that uses this runtime directory, or can be found without one.
///
/// # Errors
/// When no Unix socket can be opened.
pub fn is_running_with(runtime_dir: Option<&Path>) -> Result<bool, Error> {
    let folder = runtime_dir.and_then(RuntimeDir::find);
    let answers = folder.is_some_and(|folder| folder.connect(TAKEOVER_SOCKET).is_ok());
    Ok(answers || matches!(Marker::acquire(MARKER)?, MarkerState::Held))
}
