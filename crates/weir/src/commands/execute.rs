//! Which command runs, and how is its failure reported?

use super::{cleanup::cleanup, demo::demo, doctor::doctor, explain::explain, resolve::resolve, run::run};
use crate::cli::Command;
use std::process::ExitCode;
use weir_core::Printable;

/// Runs a command to its end. An error goes to standard error, as one line.
pub fn execute(command: Command) -> ExitCode {
    let outcome = match command {
        Command::Run(options) => run(*options),
        Command::Demo(options) => demo(options),
        Command::Resolve(options) => resolve(&options),
        Command::Explain(options) => explain(&options),
        Command::Cleanup(options) => cleanup(&options),
        Command::Doctor(options) => doctor(&options),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {}", Printable(format_args!("{error:#}")));
        ExitCode::FAILURE
    })
}
