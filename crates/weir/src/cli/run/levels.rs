//! Where was the source of objects set: by flags, variables or the file?

use crate::cli::layers::Layer;
use clap::ArgMatches;

/// Levels at which files and an API server were set as the source. The higher level decides: `--manifests` beats
/// `$WEIR_KUBECONFIG`.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::cli) struct SettingLevels {
    pub(super) manifests: Option<Level>,
    pub(super) api_server: Option<Level>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    File,
    Variable,
    Flag,
}

impl SettingLevels {
    pub(in crate::cli) fn new(given: &ArgMatches, variables: &Layer, file: &Layer) -> Self {
        let level = |id: &str| {
            let flag = given.value_source(id).is_some().then_some(Level::Flag);
            let variable = || variables.get(id).map(|_| Level::Variable);
            flag.or_else(variable).or_else(|| file.get(id).map(|_| Level::File))
        };
        Self {
            manifests: level("manifests"),
            api_server: ["kubeconfig", "context", "api_server"].into_iter().filter_map(level).max(),
        }
    }
}
