//! Which variables of a test reach the program that it runs?

use std::{env, process::Command};

/// Takes the variables out of a command that steer the tests themselves, such as `WEIR_FULL`: weir refuses `WEIR_*`
/// variables that it does not know. What the command sets itself stays.
pub fn without_test_settings(command: &mut Command) -> &mut Command {
    let set: Vec<_> = command.get_envs().map(|(name, _)| name.to_owned()).collect();
    for (name, _) in env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"WEIR_") && !set.contains(&name) {
            command.env_remove(name);
        }
    }
    command
}
