//! How large is a test that takes long at full size?

use std::env;

/// Environment variable for tests at full size.
const FULL: &str = "WEIR_FULL";

/// The part of the full size that is tested otherwise: a twentieth, so that a run of all tests stays short.
const SHARE: usize = 20;

/// The size of a test: `full` when the environment variable `WEIR_FULL` is set, else a twentieth.
pub fn scaled(full: usize) -> usize {
    if env::var_os(FULL).is_some() { full } else { full.div_ceil(SHARE) }
}

/// The number of connections in a test that take `descriptors` each in this process: [`scaled`], but no more than the limit
/// of descriptors allows, which is raised as far as possible.
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
