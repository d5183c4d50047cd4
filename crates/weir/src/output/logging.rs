//! Where do log lines go, and how do they look?

use anyhow::anyhow;
use clap::ValueEnum;
use std::{
    env,
    ffi::OsStr,
    io::{self, IsTerminal, Write},
};
use tracing_subscriber::{
    EnvFilter, Layer, Registry, filter::ParseError, layer::SubscriberExt, reload, util::SubscriberInitExt,
};
use weir_core::{Printable, is_unprintable};

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
#[derive(Clone, Debug)]
pub(crate) struct LogFilter(reload::Handle<EnvFilter, Registry>);

impl LogFilter {
    /// A filter of nothing, for tests.
    #[cfg(test)]
    pub(crate) fn detached() -> Self {
        Self(reload::Layer::new(EnvFilter::default()).1)
    }

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
        .with_writer(move || OneLine { writer: io::stderr(), colours })
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

/// Writes each event as one line that steers no terminal, whatever is in its texts: names in manifests are anything, and an
/// error of another program may have several lines. The formatter writes an event as a whole.
struct OneLine<W> {
    writer: W,
    /// Whether the formatter's own colours are left as they are.
    colours: bool,
}

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        if !line.contains(is_unprintable) {
            self.writer.write_all(event)?;
        } else if self.colours {
            let mut parts = line.split(ESCAPE);
            let mut shown = parts.next().map(|part| Printable(part).to_string()).unwrap_or_default();
            for part in parts {
                let begins_colour = COLOURS.iter().any(|colour| part.starts_with(colour));
                shown.push_str(if begins_colour { "\u{1b}" } else { r"\u{1b}" });
                shown.push_str(&Printable(part).to_string());
            }
            self.writer.write_all((shown + "\n").as_bytes())?;
        } else {
            self.writer.write_all(format!("{}\n", Printable(line)).as_bytes())?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Character that begins a command to a terminal.
const ESCAPE: char = '\u{1b}';

/// Colours and styles of the formatter (ECMA-48, SGR), after the escape character.
const COLOURS: [&str; 9] = ["[0m", "[1m", "[2m", "[3m", "[31m", "[32m", "[33m", "[34m", "[35m"];

/// Whether log lines have colours: on terminals whose user did not refuse them (no-color.org: any non-empty value).
fn coloured(no_color: Option<&OsStr>, terminal: bool) -> bool {
    terminal && no_color.is_none_or(OsStr::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// What is written of an event by the subscriber that logs.
    fn written(colours: bool, event: impl FnOnce()) -> String {
        let lines = Arc::<Mutex<Vec<u8>>>::default();
        let writer = Arc::clone(&lines);
        let make = move || OneLine { writer: Locked(Arc::clone(&writer)), colours };
        let subscriber = tracing_subscriber::fmt().with_ansi(colours).with_writer(make).finish();
        tracing::subscriber::with_default(subscriber, event);
        String::from_utf8(lines.lock().unwrap().clone()).unwrap()
    }

    struct Locked(Arc<Mutex<Vec<u8>>>);

    impl Write for Locked {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_name_with_a_newline_forges_no_line_in_the_message_or_a_field() {
        let name = "web\n2026-11-29T17:00:00Z  WARN weir: forged\r\u{1b}[2J\u{85}\u{2028}";
        for colours in [false, true] {
            let text = written(colours, || {
                tracing::warn!(service = %name, debug = ?name, text = name, "cannot serve {name}");
            });
            assert_eq!(text.lines().count(), 1, "{text}");
            assert!(text.ends_with('\n') && !text.contains(['\r', '\u{85}', '\u{2028}']), "{text:?}");
            assert!(!text.contains("\u{1b}[2J"), "{text:?}");
            assert_eq!(text.matches(r"web\n2026").count(), 4, "{text}");
        }
    }

    #[test]
    fn an_event_without_anything_of_that_is_written_as_it_is() {
        let event = || tracing::info!("Zürich");
        assert!(written(false, event).ends_with("Zürich\n"));
        assert!(written(true, event).contains("\u{1b}["), "colours stay");
    }

    #[test]
    fn only_a_terminal_gets_colours_and_only_without_no_color() {
        assert!(coloured(None, true));
        assert!(coloured(Some(OsStr::new("")), true));
        assert!(!coloured(Some(OsStr::new("1")), true));
        assert!(!coloured(None, false));
    }
}
