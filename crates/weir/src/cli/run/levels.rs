//! Where was the source of objects set: by flags, variables or the file?

use crate::cli::layers::Layer;
use clap::ArgMatches;

/// Where the two kinds of source were set. The stronger origin decides: `--manifests` beats `$WEIR_KUBECONFIG`.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::cli) struct Origins {
    pub(super) manifests: Option<Origin>,
    pub(super) api_server: Option<Origin>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    File,
    Variable,
    Flag,
}

impl Origins {
    pub(in crate::cli) fn new(given: &ArgMatches, variables: &Layer, file: &Layer) -> Self {
        let origin = |id: &str| {
            let flag = given.value_source(id).is_some().then_some(Origin::Flag);
            let variable = || variables.get(id).map(|_| Origin::Variable);
            flag.or_else(variable).or_else(|| file.get(id).map(|_| Origin::File))
        };
        Self {
            manifests: origin("manifests"),
            api_server: ["kubeconfig", "context", "api_server"].into_iter().filter_map(origin).max(),
        }
    }
}
