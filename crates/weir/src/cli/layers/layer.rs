//! What takes the place of flags that were not given? Values from variables or from the `--config` file.

use clap::{Arg, Command};
use std::ffi::OsString;

/// Values for some flags, each checked as if it were given as a flag.
#[derive(Debug, Default)]
pub(in crate::cli) struct Layer {
    values: Vec<(clap::Id, Vec<OsString>)>,
}

impl Layer {
    /// Adds the values of one flag, if clap accepts them.
    pub(super) fn add(&mut self, run: &Command, arg: &Arg, values: Vec<OsString>) -> Result<(), String> {
        check(run, arg, &values)?;
        if !values.is_empty() {
            self.values.push((arg.get_id().clone(), values));
        }
        Ok(())
    }

    /// First value of a flag.
    pub(in crate::cli) fn get(&self, id: &str) -> Option<&OsString> {
        self.values.iter().find(|(known, _)| known == id)?.1.first()
    }

    /// Replaces the defaults of `run` by the values.
    pub(in crate::cli) fn apply(&self, run: Command) -> Command {
        self.values.iter().fold(run, |run, (id, values)| {
            run.mut_arg(id, |arg| arg.default_values(values.iter().map(clap::builder::OsStr::from)))
        })
    }
}

/// Long flags of a command, without `--help`.
pub(super) fn flags(run: &Command) -> impl Iterator<Item = (&str, &Arg)> {
    run.get_arguments().filter_map(|arg| Some((arg.get_long()?, arg))).filter(|(long, _)| *long != "help")
}

/// Checks the values of one flag by clap. Without this a bad default would panic in debug builds.
fn check(run: &Command, arg: &Arg, values: &[OsString]) -> Result<(), String> {
    let arguments = values.iter().map(|value| {
        let mut argument = OsString::from(format!("--{}=", arg.get_long().unwrap_or_default()));
        argument.push(value);
        argument
    });
    let parsed = run.clone().no_binary_name(true).try_get_matches_from(arguments);
    parsed.map(drop).map_err(|error| {
        let rendered = error.to_string();
        let first = rendered.split("\n\n").next().unwrap_or_default();
        first.trim_start_matches("error: ").split_whitespace().collect::<Vec<_>>().join(" ")
    })
}
