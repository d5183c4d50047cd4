//! What can be said on weir's command line?

use super::{
    doctor::{DoctorArgs, DoctorOptions},
    explain::{ExplainArgs, ExplainOptions},
    layers::{
        Layer, Variables,
        config_file::{self, CONFIG},
    },
    options::{CleanupOptions, DemoOptions, ResolveArgs, ResolveOptions},
    run::{EffectiveSettings, RunArgs, RunOptions},
    values::usage,
};
use clap::{Args, CommandFactory, Error, FromArgMatches, Parser, Subcommand};
use std::{ffi::OsString, path::PathBuf};

/// A load balancer for Kubernetes Services that runs as an ordinary process.
///
/// weir reads Services and EndpointSlices from an API server or from files, listens at the Services' addresses, and
/// spreads TCP connections and UDP flows over their endpoints. Only node mode needs privileges.
#[derive(Debug, Parser)]
#[command(name = "weir", version, arg_required_else_help = true, after_help = EXAMPLES, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Subcommands,
}

const EXAMPLES: &str = "\
Examples:
  weir demo                                             see it work, with nothing else needed
  weir run --kubeconfig ~/.kube/config --map loopback   reach a cluster's Services from here
  weir run --manifests ./manifests                      serve what files say
  weir resolve --manifests ./manifests                  print what would be served

'weir run --help' explains every flag.";

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
    /// Explain what a flow gets on a node, and why, for given objects.
    #[command(after_help = EXPLAIN_NOTES)]
    Explain(Box<ExplainArgs>),
    /// Check whether this host is fit for node mode; changes nothing.
    #[command(after_help = DOCTOR_NOTES)]
    Doctor(Box<DoctorArgs>),
    /// Remove weir's nftables rules, policy routes, interfaces and files from this node; needs root.
    Cleanup(CleanupOptions),
}

const RUN_NOTES: &str = "\
Instead of --drain-timeout 25s you can set WEIR_DRAIN_TIMEOUT=25s, or write 'drain-timeout: 25s' into the --config file; \
so for each flag. Flags override variables, variables override the file.

SIGTERM and SIGINT let connections finish and end weir, a second one ends it at once. SIGHUP reads the --config file and the \
credentials again, and opens the connection log again. Exit codes: 0 ended by a signal, 1 failed, 2 wrong usage.

Examples:
  weir run --kubeconfig ~/.kube/config --map loopback
  weir run --manifests ./manifests --service-proxy-name weir
  weir run --mode node --kubeconfig weir.conf --cluster-cidr 10.244.0.0/16";

const RESOLVE_NOTES: &str = "\
What is wrong goes to standard error. 'error' is an object, a document or a file that is lost, which makes the exit code 1; \
'warning' is what would be served in part, or not as it is written: with --strict these make the exit code 1, too, and so \
does an object of a kind that weir reads which would not be served (headless, for another proxy). Endpoints that are not \
ready, on other nodes or not there yet are no problem.

Examples:
  weir resolve --manifests ./manifests --strict         to check manifests in CI
  weir resolve --kubeconfig ~/.kube/config              what a node would serve
  weir resolve --manifests ./manifests --map loopback   and at which addresses";

const EXPLAIN_NOTES: &str = "\
The answer is for weir in node mode; with --map loopback for 'weir run --map loopback' on this host. Verdicts: ACCEPT (one \
of the eligible endpoints), REJECT (a refusal), DROP (silence), NONE (no address of a Service: the host's own rules decide). \
For each endpoint SOURCE says whether it would see the client's address (kept) or the node's (replaced).

With --flows each line that is not blank gets one line: {\"verdict\":\"REJECT\"} and so on, for ACCEPT also the endpoints: \
\"masq\" with the source replaced, \"plain\" with the source kept. A line that cannot be read gets {\"error\":\"...\"} and \
makes the exit code 1.

Examples:
  weir explain --manifests ./manifests --cluster-cidr 10.244.0.0/16 \\
      --from 10.244.1.7 --to 10.96.0.10:80/TCP
  weir explain --kubeconfig ~/.kube/config --node-name node-a \\
      --from 10.244.1.7 --to 10.96.0.10:80/TCP
  kubectl get services,endpointslices,nodes -A -o yaml |
      weir explain --manifests - --node-name node-a \\
      --from 203.0.113.9 --to 192.168.0.2:30080/TCP";

const DOCTOR_NOTES: &str = "\
Each line is ok, warn (it works, but mind this) or fail (node mode would not work). The exit code is 1 if anything failed. \
Run it as weir will run: as root, with the network of the host, and with the flags of 'weir run' that it knows. Their WEIR_* \
variables count, too, as in weir's Pod. It changes nothing, and asks the API server for no more than weir does.

Examples:
  weir doctor --kubeconfig weir.conf --cluster-cidr 10.244.0.0/16
  kubectl -n kube-system exec POD -- weir doctor";

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
    /// `weir doctor`: check this host.
    Doctor(Box<DoctorOptions>),
    /// `weir cleanup`: remove rules and routes.
    Cleanup(CleanupOptions),
}

/// Definition of all commands and flags.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Parses the command line, for `weir run` also the `WEIR_*` variables and the `--config` file, and for `weir doctor` the
/// variables that concern it.
pub fn parse(
    arguments: impl IntoIterator<Item = impl Into<OsString>>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Command, Error> {
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let mut command = Cli::command();
    let mut matches = command.try_get_matches_from_mut(&arguments)?;
    let mut settings = EffectiveSettings::default();
    if let Some(given) = matches.subcommand_matches(RUN) {
        let run = RunArgs::augment_args(clap::Command::new(RUN));
        let variables = Variables::of(environment).layer(&run).map_err(usage)?;
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
        let doctor = DoctorArgs::augment_args(clap::Command::new(DOCTOR));
        let variables = Variables::of(environment).layer_of_known(&doctor).map_err(usage)?;
        command = Cli::command().mut_subcommand(DOCTOR, |doctor| variables.apply(doctor));
        matches = command.try_get_matches_from_mut(&arguments)?;
    }
    match Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?.command {
        Subcommands::Run(args) => Ok(Command::Run(Box::new(args.options(settings)?))),
        Subcommands::Demo(options) => Ok(Command::Demo(options)),
        Subcommands::Doctor(args) => Ok(Command::Doctor(Box::new(args.options()?))),
        Subcommands::Cleanup(options) => Ok(Command::Cleanup(options)),
        Subcommands::Resolve(args) => Ok(Command::Resolve(Box::new(args.options()?))),
        Subcommands::Explain(args) => Ok(Command::Explain(Box::new(args.options()?))),
    }
}

const RUN: &str = "run";

const DOCTOR: &str = "doctor";

#[cfg(test)]
mod tests;
