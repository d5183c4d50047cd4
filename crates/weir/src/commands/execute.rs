//! Which command runs, and how is its failure reported?

use super::{
    cleanup::cleanup, demo::demo, doctor::doctor, explain::explain, names::UnknownName, resolve::resolve,
    run::run, tools,
};
use crate::cli::Command;
use std::process::ExitCode;
use weir_core::Printable;

/// Exit code of wrong usage, as clap has it.
const WRONG_USAGE: u8 = 2;

/// Runs a command to its end. An error goes to standard error, as one line.
pub fn execute(command: Command) -> ExitCode {
    let outcome = match command {
        Command::Run(options) => run(*options),
        Command::Demo(options) => demo(options),
        Command::Resolve(options) => resolve(&options),
        Command::Explain(options) => explain(&options),
        Command::Cleanup(options) => cleanup(&options),
        Command::Doctor(options) => doctor(&options),
        Command::Completion(options) => tools::completion(options),
        Command::Man(options) => tools::man(&options),
        Command::Version(options) => tools::version(&options),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {}", Printable(format_args!("{error:#}")));
        if error.is::<UnknownName>() { WRONG_USAGE.into() } else { ExitCode::FAILURE }
    })
}
