//! Where do log lines go, and how do they look?

use anyhow::anyhow;
use clap::ValueEnum;
use std::{
    env,
    ffi::OsStr,
    io::{self, IsTerminal},
};
use tracing_subscriber::EnvFilter;

/// Format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Text for people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

/// Filter that silences the API client, which logs every failed attempt; weir logs in its own words what fails.
const QUIET: &str = "kube_client=off,kube_runtime=off";

/// Sends log lines that pass `level` to standard error from now on. Standard output is for results.
pub(crate) fn init(level: &str, format: LogFormat) -> anyhow::Result<()> {
    let colours = coloured(env::var_os("NO_COLOR").as_deref(), io::stderr().is_terminal());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(format!("{QUIET},{level}"))?)
        .with_writer(io::stderr)
        .with_ansi(colours);
    let outcome = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_ansi(false).try_init(),
    };
    outcome.map_err(|error| anyhow!("cannot start logging: {error}"))
}

/// Whether log lines have colours: on terminals whose user did not refuse them (no-color.org: any non-empty value).
fn coloured(no_color: Option<&OsStr>, terminal: bool) -> bool {
    terminal && no_color.is_none_or(OsStr::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_terminal_gets_colours_and_only_without_no_color() {
        assert!(coloured(None, true));
        assert!(coloured(Some(OsStr::new("")), true));
        assert!(!coloured(Some(OsStr::new("1")), true));
        assert!(!coloured(None, false));
    }
}
