//! Which flags of `weir run` mean something in node mode only?

use super::{arguments::CaptureArgs, settings::EffectiveSettings};
use crate::cli::{network::NetworkArgs, values};
use clap::{Args, Command};

/// Refuses flags of node mode that are set, wherever that may be, although weir binds: nobody would follow them.
pub(super) fn check_bind_mode(settings: &EffectiveSettings) -> Result<(), clap::Error> {
    let set: Vec<String> = flags().iter().filter_map(|flag| settings.named_if_set(flag)).collect();
    let verb = if set.len() == 1 { "is" } else { "are" };
    match set.is_empty() {
        true => Ok(()),
        false => Err(values::usage(format_args!(
            "{} {verb} for --mode node: --mode bind captures nothing, and endpoints always see this host's address",
            set.join(", ")
        ))),
    }
}

/// Flags of node mode: all of the groups that only node mode reads, so that a new flag of these groups is among them.
fn flags() -> Vec<String> {
    let groups = CaptureArgs::augment_args(NetworkArgs::augment_args(Command::new("node mode")));
    groups.get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)).collect()
}
