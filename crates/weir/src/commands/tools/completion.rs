//! Which words may come next on a command line? Shells ask the program itself, through a script that it prints.

mod names;

use crate::{
    cli::{self, CompletionOptions},
    output::stdout,
};
use anyhow::Context;
use clap_complete::env::Shells;
use std::{
    env,
    ffi::{OsStr, OsString},
    process::ExitCode,
};

/// Variable in which a shell that wants words says its name. Not one of `WEIR_*`: those stand for flags.
const ASKED_BY: &str = "_WEIR_COMPLETE";

/// Name of the program on the command lines that are completed, and as the scripts start it.
const PROGRAM: &str = "weir";

/// Prints the script of a shell.
pub(crate) fn completion(options: CompletionOptions) -> anyhow::Result<ExitCode> {
    let shells = Shells::builtins();
    let shell = shells.completer(options.shell.as_str()).context("no such shell")?;
    let mut script = Vec::new();
    shell.write_registration(ASKED_BY, PROGRAM, PROGRAM, PROGRAM, &mut script)?;
    stdout::print(&String::from_utf8(script).context("the script is not UTF-8")?)?;
    Ok(ExitCode::SUCCESS)
}

/// Name of the shell that wants words instead of a command to be run.
pub fn is_asked_by_shell() -> Option<OsString> {
    env::var_os(ASKED_BY).filter(|shell| !shell.is_empty())
}

/// Prints the words that may come next, for the script that `weir completion` printed: after `--` among the arguments comes the
/// command line so far. Where there is nothing to say, nothing is said: the user is typing.
pub fn answer_shell(shell: &OsStr, arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match words(shell, arguments.into_iter().collect()) {
        Some(words) if stdout::print(&words).is_ok() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn words(shell: &OsStr, arguments: Vec<OsString>) -> Option<String> {
    let shells = Shells::builtins();
    let shell = shells.completer(shell.to_str()?)?;
    let start = arguments.iter().position(|argument| argument == "--")?;
    let line: Vec<OsString> = arguments.into_iter().skip(start + 1).collect();
    if line.is_empty() {
        return None;
    }
    let mut words = Vec::new();
    let mut weir = names::with_names(cli::command(), &line);
    shell.write_complete(&mut weir, line, env::current_dir().ok().as_deref(), &mut words).ok()?;
    String::from_utf8(words).ok()
}
