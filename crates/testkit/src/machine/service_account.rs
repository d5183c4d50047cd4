//! How does a program run as in a Pod? With a service account's files where a Pod has them; needs root.

use super::skip::or_skip;
use std::{io, process::Command};

/// A script that puts the files on a file system that only the program sees, then becomes the program.
const SCRIPT: &str = r#"
set -e
mount -t tmpfs none /run
account=/run/secrets/kubernetes.io/serviceaccount
mkdir -p "$account"
printf %s "$TEST_TOKEN" > "$account/token"
printf %s "$TEST_AUTHORITY" > "$account/ca.crt"
printf default > "$account/namespace"
unset TEST_TOKEN TEST_AUTHORITY
exec "$@"
"#;

/// A command that runs `program` with a service account that has this token. `None`, said loudly, where this process
/// may not mount anything.
///
/// # Panics
/// Where it may not although the environment variable `WEIR_REQUIRE_NETNS` is set.
pub fn in_a_pod(program: &str, token: &str) -> Option<Command> {
    let mount = || {
        let output =
            Command::new("unshare").args(["--mount", "mount", "-t", "tmpfs", "none", "/run"]).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(()) } else { Err(io::Error::other(said.trim().to_owned())) }
    };
    or_skip("a Pod's files need root and unshare(1)", mount())?;
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", SCRIPT, "sh", program]);
    command.env("TEST_TOKEN", token).env("TEST_AUTHORITY", UNKNOWN_AUTHORITY);
    Some(command)
}

/// The certificate (PEM) of an authority that has signed nothing.
pub const UNKNOWN_AUTHORITY: &str = include_str!("unknown_authority.pem");
