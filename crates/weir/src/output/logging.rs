//! Where do log lines go, and how do they look?

use anyhow::anyhow;
use clap::ValueEnum;
use std::{
    env,
    ffi::OsStr,
    io::{self, IsTerminal},
};
use tracing_subscriber::{
    EnvFilter, Layer, Registry, filter::ParseError, layer::SubscriberExt, reload, util::SubscriberInitExt,
};

/// Format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Text for people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

/// Filter of log lines, which can be changed while weir runs.
#[derive(Debug)]
pub(crate) struct LogFilter(reload::Handle<EnvFilter, Registry>);

impl LogFilter {
    /// Logs from now on what passes `level`, a checked value of `--log-level`.
    pub(crate) fn set(&self, level: &str) -> anyhow::Result<()> {
        Ok(self.0.reload(filter(level)?)?)
    }
}

/// Filter that silences the API client, which logs every failed attempt; weir logs in its own words what fails.
const QUIET: &str = "kube_client=off,kube_runtime=off";

fn filter(level: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::try_new(format!("{QUIET},{level}"))
}

/// Sends log lines that pass `level` to standard error from now on. Standard output is for results.
pub(crate) fn init(level: &str, format: LogFormat) -> anyhow::Result<LogFilter> {
    let colours = coloured(env::var_os("NO_COLOR").as_deref(), io::stderr().is_terminal());
    let (filter, handle) = reload::Layer::new(filter(level)?);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        // A line that cannot be written, as to a terminal that was closed, is lost: saying so there would panic.
        .log_internal_errors(false)
        .with_ansi(colours);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_ansi(false).boxed(),
    };
    let started = tracing_subscriber::registry().with(filter).with(lines).try_init();
    started.map_err(|error| anyhow!("cannot start logging: {error}"))?;
    Ok(LogFilter(handle))
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
