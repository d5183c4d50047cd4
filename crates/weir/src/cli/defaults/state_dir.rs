//! Where is the last known state kept, if no flag says?

use std::{env, ffi::OsString, path::PathBuf};

/// Folder of the state: as root `/var/lib/weir`, else by the XDG base directory specification; `None` without a home.
pub(crate) fn default() -> Option<PathBuf> {
    default_for(rustix::process::geteuid().is_root(), |name| env::var_os(name))
}

fn default_for(root: bool, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    if root {
        return Some("/var/lib/weir".into());
    }
    // The specification has relative paths ignored.
    let folder = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")));
    Some(base?.join("weir"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_has_the_systems_folder_and_others_their_own() {
        let of = |root, variables: &[(&str, &str)]| {
            let variable = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
            };
            default_for(root, variable).map(|path| path.display().to_string())
        };
        let (home, xdg) = (("HOME", "/home/ada"), ("XDG_STATE_HOME", "/state"));
        assert_eq!(of(true, &[home, xdg]).as_deref(), Some("/var/lib/weir"));
        assert_eq!(of(false, &[home, xdg]).as_deref(), Some("/state/weir"));
        assert_eq!(of(false, &[home]).as_deref(), Some("/home/ada/.local/state/weir"));
        for xdg in ["", "state"] {
            let found = of(false, &[home, ("XDG_STATE_HOME", xdg)]);
            assert_eq!(found.as_deref(), Some("/home/ada/.local/state/weir"));
        }
        assert_eq!(of(false, &[("HOME", "")]), None);
    }
}
