//! weir: a userspace L4 load balancer for Kubernetes Services. This file parses, dispatches and says how it ended.

mod cli;
mod commands;
#[cfg(test)]
mod deploy;
mod health;
mod http;
mod metrics;
mod node;
mod output;

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
        Command::Run(options) => commands::run(*options),
        Command::Demo(options) => commands::demo(options),
        Command::Resolve(options) => commands::resolve(&options),
        Command::Explain(options) => commands::explain(&options),
        Command::Cleanup(options) => commands::cleanup(&options),
        Command::Doctor(options) => commands::doctor(&options),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
