//! Which ports stand in for those of bound frontends that a process of this host holds?

use super::edit::Edit;
use std::{collections::BTreeMap, sync::Arc};
use weir_core::Frontend;

/// Frontends, and the ports of their addresses at which weir listens instead.
pub(crate) type StandInPorts = Arc<BTreeMap<Frontend, u16>>;

/// A frontend with another port.
pub(crate) fn with_port(frontend: Frontend, port: u16) -> Frontend {
    Frontend { address: (frontend.address.ip(), port).into(), ..frontend }
}

/// What differs between two states. Costs nothing where nothing can differ.
pub(crate) fn differences(before: &StandInPorts, after: &StandInPorts) -> Vec<Edit<Frontend, u16>> {
    if Arc::ptr_eq(before, after) {
        return Vec::new();
    }
    let gone = before.keys().filter(|frontend| !after.contains_key(frontend));
    let edit = |frontend: &Frontend| Edit {
        key: *frontend,
        before: before.get(frontend).copied(),
        after: after.get(frontend).copied(),
    };
    gone.chain(after.keys()).map(edit).filter(|edit| edit.before != edit.after).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_core::Protocol;

    fn at(port: u16) -> Frontend {
        Frontend { protocol: Protocol::Tcp, address: ([10, 96, 0, 1], port).into() }
    }

    #[test]
    fn only_what_differs_is_changed() {
        let before = StandInPorts::new([(at(80), 1), (at(81), 2), (at(82), 3)].into());
        let after = StandInPorts::new([(at(80), 1), (at(82), 4), (at(83), 5)].into());
        let edit = |port, before, after| Edit { key: at(port), before, after };
        assert_eq!(
            differences(&before, &after),
            [edit(81, Some(2), None), edit(82, Some(3), Some(4)), edit(83, None, Some(5))]
        );
        assert!(differences(&after, &StandInPorts::clone(&after)).is_empty());
    }
}
