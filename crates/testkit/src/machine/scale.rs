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

/// The same for connections that take so many descriptors each in this process: no more than its limit allows, which is raised
/// as far as it may be.
///
/// # Panics
/// When the limit cannot be raised to its hard limit.
pub fn scaled_connections(full: usize, descriptors: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let hard = getrlimit(Resource::Nofile).maximum;
    let raised = setrlimit(Resource::Nofile, Rlimit { current: hard, maximum: hard });
    assert!(raised.is_ok(), "the limit of open files cannot be raised to its hard limit");
    let most = hard.map_or(usize::MAX, |hard| (hard as usize).saturating_sub(512) / descriptors);
    scaled(full).min(most)
}
