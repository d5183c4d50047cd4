//! What happens at SIGHUP? Settings and credentials are read again; what can change while weir serves, changes.

use crate::{
    admin::Knowledge,
    cli::{self, Command, LIVE_SETTINGS, RunOptions},
    output::logging::LogFilter,
};
use std::{env, time::Duration};
use tracing::{info, warn};
use weir_control::Credentials;

/// Settings in force.
pub(super) struct Reload {
    options: RunOptions,
    log_filter: LogFilter,
    credentials: Credentials,
    knowledge: Knowledge,
}

impl Reload {
    pub(super) fn new(
        options: RunOptions,
        log_filter: LogFilter,
        credentials: Credentials,
        knowledge: Knowledge,
    ) -> Self {
        Self { options, log_filter, credentials, knowledge }
    }

    /// Time that open connections may go on at the end.
    pub(super) fn drain_timeout(&self) -> Duration {
        self.options.drain_timeout
    }

    /// Reads credentials, the command line, the variables and the config file again. What cannot be read changes
    /// nothing.
    pub(super) async fn run(&mut self) {
        self.credentials.read_again();
        // The config file may be on a disk that hangs, and probes have to be answered.
        let read = tokio::task::spawn_blocking(|| cli::parse(env::args_os(), env::vars_os())).await;
        match read {
            Ok(Ok(Command::Run(options))) => self.apply(*options),
            Ok(Err(error)) => {
                let rendered = error.to_string();
                let problem = rendered.trim_start_matches("error: ").lines().next().unwrap_or_default();
                warn!("SIGHUP: the settings stay as they were: {problem}");
            }
            Ok(Ok(_)) | Err(_) => warn!("SIGHUP: the settings stay as they were: they cannot be read"),
        }
    }

    fn apply(&mut self, new: RunOptions) {
        let changed: Vec<&str> = new.settings.differing(&self.options.settings).collect();
        let (live, later): (Vec<&str>, Vec<&str>) =
            changed.iter().partition(|flag| LIVE_SETTINGS.contains(flag));
        if let Err(error) = self.log_filter.set(&new.log_level) {
            warn!("SIGHUP: the log level stays {}: {error:#}", self.options.log_level);
        }
        match live[..] {
            [] => info!("SIGHUP: read again; no setting changed that can take effect now"),
            _ => info!("SIGHUP: read again; in force now: {}", live.join(", ")),
        }
        if !later.is_empty() {
            warn!("SIGHUP: changed, but in force only after a restart: {}", later.join(", "));
        }
        self.options.drain_timeout = new.drain_timeout;
        self.options.log_level = new.log_level;
        // What needs a restart is told as it is in force.
        let mut in_force = self.options.settings.clone();
        in_force.take_from(&new.settings, &LIVE_SETTINGS);
        self.knowledge.reconfigure(in_force, &self.options.log_level);
    }
}
