//! Do manifests know the node that this weir is for?

use std::{collections::BTreeSet, sync::Arc};
use tracing::warn;
use weir_control::translate::did_you_mean;
use weir_core::Printable;

/// Names of Nodes that are told at most.
const MAX_NAMES: usize = 10;

/// Warns if no Node of manifests has this name.
pub(super) fn warn_if_unknown(name: &str, known: &BTreeSet<Arc<str>>) {
    if !known.contains(name) {
        warn!(
            "the manifests have no Node named {name:?}{}, which zone hints, local endpoints and node ports need; is \
             --node-name right?",
            meant(name, known)
        );
    }
}

/// The name that is nearest to one that is not known, else those that are.
fn meant(name: &str, known: &BTreeSet<Arc<str>>) -> String {
    let names: Vec<&str> = known.iter().map(|known| &**known).collect();
    let near = did_you_mean(name, &names);
    if names.is_empty() || !near.is_empty() {
        return near;
    }
    let told: Vec<String> = names.iter().take(MAX_NAMES).map(|name| Printable(name).to_string()).collect();
    let more = match names.len() - told.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(" (they have {}{more})", told.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_told_else_a_few_of_those_that_there_are() {
        let known = |names: &[String]| names.iter().map(|name| name.as_str().into()).collect();
        let two = known(&["node-a".to_owned(), "worker\n1".to_owned()]);
        assert_eq!(meant("node-b", &two), " (did you mean \"node-a\"?)");
        assert!(meant("else", &two).starts_with(" (they have node-a, worker"), "{}", meant("else", &two));
        assert!(!meant("else", &two).contains('\n'));
        assert_eq!(meant("node-a", &known(&[])), "");
        let many: Vec<String> = (1_000..2_000).map(|number| format!("host-{number}")).collect();
        assert!(meant("something-else", &known(&many)).ends_with("host-1009 and 990 more)"));
    }
}
