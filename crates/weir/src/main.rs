//! weir: a userspace L4 load balancer for Kubernetes Services. This file starts the process and says how it ended.

use std::{env, process::ExitCode};
use weir::{cli, commands};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit codes: 0 ok, 1 failure, 2 usage.
fn main() -> ExitCode {
    // Two crates that each pick a provider panic at the first TLS handshake; whoever comes first decides.
    let _ = rustls::crypto::ring::default_provider().install_default();
    if let Some(shell) = commands::is_asked_by_shell() {
        return commands::answer_shell(&shell, env::args_os());
    }
    match cli::parse(env::args_os(), env::vars_os()) {
        Ok(command) => commands::execute(command),
        Err(error) => {
            let _ = error.print();
            u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
        }
    }
}
