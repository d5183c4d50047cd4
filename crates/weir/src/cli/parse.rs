//! What can be said on weir's command line?

mod notes;

use super::{
    client::{
        ConfigArgs, ConfigOptions, ConnsArgs, ConnsOptions, DrainArgs, EndpointsArgs, EndpointsOptions,
        EventsArgs, EventsOptions, KillArgs, KillOptions, LogLevelArgs, LogLevelOptions, RuntimeDirArgs,
        ServicesArgs, ServicesOptions, StatusArgs, StatusOptions, SteeringChange, SteeringOptions, TopArgs,
        TopOptions, WeightArgs,
    },
    doctor::{DoctorArgs, DoctorOptions},
    explain::{ExplainArgs, ExplainOptions, RunningExplainOptions, is_about_objects},
    layers::{
        Layer, Variables,
        config_file::{self, CONFIG},
    },
    options::{
        CleanupOptions, CompletionOptions, DemoOptions, ManArgs, ManOptions, ResolveArgs, ResolveOptions,
        VersionOptions,
    },
    run::{EffectiveSettings, RunArgs, RunOptions},
    values::usage,
};
use crate::version;
use clap::{Args, CommandFactory, Error, FromArgMatches, Parser, Subcommand};
use notes::{
    COMPLETION_NOTES, CONNS_NOTES, DOCTOR_NOTES, DRAIN_NOTES, ENDPOINTS_NOTES, EVENTS_NOTES, EXAMPLES,
    EXPLAIN_NOTES, KILL_NOTES, LOG_LEVEL_NOTES, MAN_NOTES, RESOLVE_NOTES, RUN_NOTES, STATUS_NOTES, TOP_NOTES,
    WEIGHT_NOTES,
};
use std::{ffi::OsString, path::PathBuf};

/// A load balancer for Kubernetes Services that runs as an ordinary process.
///
/// weir reads Services and EndpointSlices from an API server or from files, listens at the Services' addresses, and
/// spreads TCP connections and UDP flows over their endpoints. Only node mode needs privileges.
#[derive(Debug, Parser)]
#[command(name = "weir", version = version::line(), arg_required_else_help = true, after_help = EXAMPLES, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Run the proxy: serve Services.
    #[command(after_help = RUN_NOTES)]
    Run(Box<RunArgs>),
    /// Show how weir works: a Service with endpoints inside this process, and a command to try.
    Demo(DemoOptions),
    /// Print what a node would serve for given objects, and why not the rest.
    #[command(after_help = RESOLVE_NOTES)]
    Resolve(Box<ResolveArgs>),
    /// Explain what a flow gets, and why: at the weir of this host, or for given objects.
    #[command(after_help = EXPLAIN_NOTES)]
    Explain(Box<ExplainArgs>),
    /// Tell how the weir of this host is, what is wrong first.
    #[command(after_help = STATUS_NOTES)]
    Status(StatusArgs),
    /// Watch the weir of this host in a terminal: Services, endpoints, connections, events.
    #[command(after_help = TOP_NOTES)]
    Top(TopArgs),
    /// List the Services that the weir of this host serves, and how they are.
    Services(ServicesArgs),
    /// List the endpoints that the weir of this host knows, and why some get no connections.
    #[command(after_help = ENDPOINTS_NOTES)]
    Endpoints(EndpointsArgs),
    /// List connections of the weir of this host, live or closed, or follow them.
    #[command(after_help = CONNS_NOTES)]
    Conns(Box<ConnsArgs>),
    /// List what happened lately at the weir of this host, or follow it.
    #[command(after_help = EVENTS_NOTES)]
    Events(EventsArgs),
    /// List the settings of the weir of this host, and where each was made.
    Config(ConfigArgs),
    /// Tell or set the log filter of the weir of this host.
    #[command(after_help = LOG_LEVEL_NOTES)]
    LogLevel(LogLevelArgs),
    /// Give an endpoint, or those on a node, no new connections at the weir of this host; what there is goes on.
    #[command(after_help = DRAIN_NOTES)]
    Drain(DrainArgs),
    /// Give an endpoint or a node that was drained new connections again.
    Undrain(DrainArgs),
    /// Set how large a share of new connections an endpoint gets at the weir of this host.
    #[command(after_help = WEIGHT_NOTES)]
    Weight(WeightArgs),
    /// End connections of the weir of this host with a reset.
    #[command(after_help = KILL_NOTES)]
    Kill(Box<KillArgs>),
    /// Check whether this host is fit for node mode; changes nothing.
    #[command(after_help = DOCTOR_NOTES)]
    Doctor(Box<DoctorArgs>),
    /// Remove weir's nftables rules, policy routes, interfaces and files from this node; needs root.
    Cleanup(CleanupOptions),
    /// Print a script with which a shell completes weir's command lines.
    #[command(after_help = COMPLETION_NOTES)]
    Completion(CompletionOptions),
    /// Print a page for man(1), or write all of them to a folder.
    #[command(after_help = MAN_NOTES)]
    Man(ManArgs),
    /// Print the version, the commit that it was built from, and how.
    Version(VersionOptions),
}

/// Command that weir was given, with its settings.
#[derive(Debug)]
pub enum Command {
    /// `weir run`: serve Services.
    Run(Box<RunOptions>),
    /// `weir demo`: show how weir works.
    Demo(DemoOptions),
    /// `weir resolve`: print what would be served.
    Resolve(Box<ResolveOptions>),
    /// `weir explain`: explain what flows get.
    Explain(Box<ExplainOptions>),
    /// `weir explain`: explain what a flow gets at the running weir.
    ExplainRunning(Box<RunningExplainOptions>),
    /// `weir status`: tell how the running weir is.
    Status(StatusOptions),
    /// `weir top`: watch the running weir.
    Top(TopOptions),
    /// `weir services`: list Service ports.
    Services(ServicesOptions),
    /// `weir endpoints`: list endpoints.
    Endpoints(EndpointsOptions),
    /// `weir conns`: list connections.
    Conns(Box<ConnsOptions>),
    /// `weir events`: list what happened.
    Events(EventsOptions),
    /// `weir config`: list settings.
    Config(ConfigOptions),
    /// `weir log-level`: tell or set the log filter.
    LogLevel(LogLevelOptions),
    /// `weir drain`, `weir undrain` and `weir weight`: steer endpoints.
    Steer(SteeringOptions),
    /// `weir kill`: end connections.
    Kill(Box<KillOptions>),
    /// `weir doctor`: check this host.
    Doctor(Box<DoctorOptions>),
    /// `weir cleanup`: remove rules and routes.
    Cleanup(CleanupOptions),
    /// `weir completion`: print a script for a shell.
    Completion(CompletionOptions),
    /// `weir man`: print pages for man(1).
    Man(ManOptions),
    /// `weir version`: print the version.
    Version(VersionOptions),
}

/// Definition of all commands and flags.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Parses the command line, for `weir run` also the `WEIR_*` variables and the `--config` file, and for other commands the
/// variables that concern them.
pub fn parse(
    arguments: impl IntoIterator<Item = impl Into<OsString>>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Command, Error> {
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let variables = Variables::of(environment);
    let mut command = Cli::command();
    let mut matches = command.try_get_matches_from_mut(&arguments)?;
    let mut settings = EffectiveSettings::default();
    let asking = matches.subcommand_name().and_then(|name| ASKING.into_iter().find(|known| *known == name));
    if let Some(given) = matches.subcommand_matches(RUN) {
        let run = RunArgs::augment_args(clap::Command::new(RUN));
        let variables = variables.layer(&run).map_err(usage)?;
        let file = match given.get_one(CONFIG).cloned().or_else(|| variables.get(CONFIG).map(PathBuf::from)) {
            Some(path) => config_file::read(&path, &run)?,
            None => Layer::default(),
        };
        command = Cli::command().mut_subcommand(RUN, |run| variables.apply(file.apply(run)));
        let effective = command.try_get_matches_from_mut(&arguments)?;
        if let Some(effective) = effective.subcommand_matches(RUN) {
            settings = EffectiveSettings::new(&run, given, (&variables, &file), effective);
        }
        matches = effective;
    } else if matches.subcommand_matches(DOCTOR).is_some() {
        command = with_variables(DOCTOR, &variables, DoctorArgs::augment_args)?;
        matches = command.try_get_matches_from_mut(&arguments)?;
    } else if let Some(asking) = asking {
        command = with_variables(asking, &variables, RuntimeDirArgs::augment_args)?;
        matches = command.try_get_matches_from_mut(&arguments)?;
    }
    let about_objects = matches.subcommand_matches(EXPLAIN).map(is_about_objects).transpose()?;
    let parsed = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?.command;
    checked(parsed, &command, settings, about_objects == Some(true))
}

/// All commands, one of which has the variables of some of its flags in place of defaults.
fn with_variables(
    name: &'static str,
    variables: &Variables,
    flags: fn(clap::Command) -> clap::Command,
) -> Result<clap::Command, Error> {
    let variables = variables.layer_of_known(&flags(clap::Command::new(name))).map_err(usage)?;
    Ok(Cli::command().mut_subcommand(name, |command| variables.apply(command)))
}

/// Checks the flags of a command together.
fn checked(
    parsed: Subcommands,
    command: &clap::Command,
    settings: EffectiveSettings,
    about_objects: bool,
) -> Result<Command, Error> {
    Ok(match parsed {
        Subcommands::Run(args) => Command::Run(Box::new(args.options(settings)?)),
        Subcommands::Demo(options) => Command::Demo(options),
        Subcommands::Resolve(args) => Command::Resolve(Box::new(args.options()?)),
        Subcommands::Explain(args) if about_objects => Command::Explain(Box::new(args.options()?)),
        Subcommands::Explain(args) => Command::ExplainRunning(Box::new(args.running()?)),
        Subcommands::Status(args) => Command::Status(args.options()?),
        Subcommands::Top(args) => Command::Top(args.options()?),
        Subcommands::Services(args) => Command::Services(args.options()?),
        Subcommands::Endpoints(args) => Command::Endpoints(args.options()?),
        Subcommands::Conns(args) => Command::Conns(Box::new(args.options()?)),
        Subcommands::Events(args) => Command::Events(args.options()?),
        Subcommands::Config(args) => Command::Config(args.options()?),
        Subcommands::LogLevel(args) => Command::LogLevel(args.options()?),
        Subcommands::Drain(args) => Command::Steer(args.options(SteeringChange::Drain)?),
        Subcommands::Undrain(args) => Command::Steer(args.options(SteeringChange::Undrain)?),
        Subcommands::Weight(args) => Command::Steer(args.options()?),
        Subcommands::Kill(args) => Command::Kill(Box::new(args.options()?)),
        Subcommands::Doctor(args) => Command::Doctor(Box::new(args.options()?)),
        Subcommands::Cleanup(options) => Command::Cleanup(options),
        Subcommands::Completion(options) => Command::Completion(options),
        Subcommands::Man(args) => Command::Man(args.options(command)?),
        Subcommands::Version(options) => Command::Version(options),
    })
}

const RUN: &str = "run";

const DOCTOR: &str = "doctor";

const EXPLAIN: &str = "explain";

/// Commands that ask a running weir.
const ASKING: [&str; 13] = [
    "status",
    "top",
    "services",
    "endpoints",
    "conns",
    EXPLAIN,
    "events",
    "config",
    "log-level",
    "drain",
    "undrain",
    "weight",
    "kill",
];

#[cfg(test)]
mod tests;
