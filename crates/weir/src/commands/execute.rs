//! Which command runs, and how is its failure reported?

use super::{
    cleanup::cleanup,
    demo::demo,
    doctor::doctor,
    explain::explain,
    names::UnknownName,
    operate,
    resolve::resolve,
    run::run,
    tools,
    top::{NoTerminal, top},
};
use crate::{cli::Command, client::Failure};
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
        Command::ExplainRunning(options) => operate::explain_running(&options),
        Command::Status(options) => operate::status(&options),
        Command::Top(options) => top(&options),
        Command::Services(options) => operate::services(&options),
        Command::Endpoints(options) => operate::endpoints(&options),
        Command::Conns(options) => operate::conns(&options),
        Command::Events(options) => operate::events(&options),
        Command::Config(options) => operate::config(&options),
        Command::LogLevel(options) => operate::log_level(&options),
        Command::Steer(options) => operate::steer(&options),
        Command::Kill(options) => operate::kill(&options),
        Command::Completion(options) => tools::completion(options),
        Command::Man(options) => tools::man(&options),
        Command::Version(options) => tools::version(&options),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {}", Printable(format_args!("{error:#}")));
        let is_wrong_usage = error.is::<UnknownName>()
            || error.is::<NoTerminal>()
            || error.downcast_ref::<Failure>().is_some_and(Failure::is_wrong_usage);
        if is_wrong_usage { WRONG_USAGE.into() } else { ExitCode::FAILURE }
    })
}
