//! What is this node called?

use std::{env, fs};

/// Name of the node: the flag, else `$NODE_NAME`, else the host name.
pub(crate) fn node_name(flag: Option<&str>) -> String {
    let variable = env::var("NODE_NAME").ok();
    let host = || fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    first_of(flag, variable.as_deref(), host)
}

fn first_of(flag: Option<&str>, variable: Option<&str>, host: impl FnOnce() -> String) -> String {
    let given = [flag, variable].into_iter().flatten().map(normalized).find(|name| !name.is_empty());
    given.unwrap_or_else(|| normalized(&host()))
}

/// Converts a name to the form of node names in the API, as kube-proxy does with host names.
pub(crate) fn normalized(name: &str) -> String {
    name.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_beats_the_variable_beats_the_host_name() {
        let host = || "Host-1\n".to_owned();
        assert_eq!(first_of(Some(" Node-A "), Some("node-b"), host), "node-a");
        assert_eq!(first_of(None, Some("node-b"), host), "node-b");
        assert_eq!(first_of(Some(""), None, host), "host-1");
    }
}
