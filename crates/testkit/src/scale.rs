//! How large is a test that takes long at full size?

use std::env;

/// Set for tests at full size.
const FULL: &str = "WEIR_FULL";

/// A twentieth, so that a run of all tests stays short.
const SHARE: usize = 20;

/// `full` when the environment variable `WEIR_FULL` is set, else a twentieth of it.
pub fn scaled(full: usize) -> usize {
    if env::var_os(FULL).is_some() { full } else { full.div_ceil(SHARE) }
}

/// The same for connections of which this process holds both ends: no more than descriptors allow.
///
/// # Panics
/// When the limit of descriptors cannot be raised to its hard limit.
pub fn scaled_connections(full: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let hard = getrlimit(Resource::Nofile).maximum;
    let raised = setrlimit(Resource::Nofile, Rlimit { current: hard, maximum: hard });
    assert!(raised.is_ok(), "the limit of open files cannot be raised to its hard limit");
    let most = hard.map_or(usize::MAX, |hard| (hard as usize).saturating_sub(512) / 2);
    scaled(full).min(most)
}
