//! weir: a userspace L4 load balancer for Kubernetes Services. This file parses, dispatches and says how it ended.

mod admin;
mod cleanup;
mod cli;
mod demo;
#[cfg(test)]
mod deploy;
mod doctor;
mod endpoint_counts;
mod explain;
mod frontends;
mod health;
mod health_check;
mod health_checks;
mod http;
mod logging;
mod metrics;
mod no_local_endpoints;
mod node;
mod node_name;
mod probes;
mod propagation;
mod resolve;
mod run;
mod signals;
mod state_dir;
mod stdout;
mod table;

use cli::Command;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit codes: 0 ok, 1 failure, 2 usage.
fn main() -> ExitCode {
    // Two crates that each pick a provider panic at the first TLS handshake; whoever comes first decides.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let command = match cli::parse(std::env::args_os(), |name| std::env::var_os(name)) {
        Ok(command) => command,
        Err(error) => {
            let _ = error.print();
            return u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
        }
    };
    let outcome = match command {
        Command::Run(options) => run::run(*options),
        Command::Demo(options) => demo::demo(options),
        Command::Resolve(options) => resolve::resolve(&options),
        Command::Explain(options) => explain::explain(&options),
        Command::Cleanup(options) => cleanup::cleanup(&options),
        Command::Doctor(options) => doctor::doctor(&options),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
