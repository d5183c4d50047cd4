//! Which headers prove who weir is? Made and checked before any request; a bad value is an error, never a panic.

mod authorization;
mod header;
mod plugin;
mod plugin_answer;
mod token_file;

pub(super) use authorization::Authorization;
pub(super) use header::{Impersonation, basic, bearer};
pub(super) use plugin::{Plugin, PluginCluster};
pub(super) use plugin_answer::PluginCredentials;
pub(super) use token_file::TokenFile;
