//! Which flags does the connection log have?

use crate::{
    connection_log::{ConnectionLogOptions, Destination},
    output::logging::LogFormat,
};
use clap::Args;
use std::num::NonZeroU32;
use weir_control::translate::did_you_mean;

/// The flags of the connection log.
#[derive(Args, Debug)]
#[command(next_help_heading = "Connection log")]
pub(super) struct ConnectionLogArgs {
    /// Log each TCP connection and UDP flow when it has ended: off, stdout, or a file to add lines to, which is opened again
    /// at SIGHUP
    #[arg(long, value_name = "off|stdout|PATH", default_value = "off", value_parser = destination)]
    connection_log: Choice,

    /// Format of lines of the connection log
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    connection_log_format: LogFormat,

    /// Part of all connections and flows that is logged, chosen by chance, as in 0.01 or 1%
    #[arg(long, value_name = "RATIO", default_value = "1", value_parser = sample)]
    connection_log_sample: f64,

    /// Lines of the connection log in a second at most; those beyond are counted
    #[arg(long, value_name = "N/s", default_value = "1000/s", value_parser = rate)]
    connection_log_rate: NonZeroU32,
}

/// Whether there is a log, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Choice(Option<Destination>);

impl ConnectionLogArgs {
    pub(super) fn options(self) -> ConnectionLogOptions {
        ConnectionLogOptions {
            destination: self.connection_log.0,
            format: self.connection_log_format,
            sample: self.connection_log_sample,
            rate: self.connection_log_rate,
        }
    }
}

/// Parses the value of `--connection-log`. A path has a slash, so that a slip of the pen makes no file.
fn destination(text: &str) -> Result<Choice, String> {
    match text {
        "off" => Ok(Choice(None)),
        "stdout" => Ok(Choice(Some(Destination::Stdout))),
        path if path.contains('/') => Ok(Choice(Some(Destination::File(path.into())))),
        word => Err(format!(
            "must be off, stdout or the path of a file, with a slash, as in /var/log/weir/connections or ./{}{}",
            if word.is_empty() { "connections" } else { word },
            did_you_mean(word, &["off", "stdout"])
        )),
    }
}

/// Parses a part of all, as in `0.01` or `1%`.
fn sample(text: &str) -> Result<f64, &'static str> {
    let (number, of) = text.trim().strip_suffix('%').map_or((text.trim(), 1.0), |number| (number, 100.0));
    let part = number.trim().parse::<f64>().ok().map(|number| number / of);
    part.filter(|part| *part > 0.0 && *part <= 1.0).ok_or(
        "must be a part of all, as in 0.01 or 1%: more than 0 and at most 1 (--connection-log off logs none)",
    )
}

/// Parses a number of lines in a second, as in `1000/s`.
fn rate(text: &str) -> Result<NonZeroU32, &'static str> {
    let number = text.trim().strip_suffix("/s").unwrap_or(text.trim());
    let rate = number.trim().parse().ok().filter(|rate: &NonZeroU32| rate.get() <= 1_000_000);
    rate.ok_or("must be a number of lines in a second, as in 1000/s, from 1 to 1000000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_goes_to_standard_output_or_to_a_path_and_a_word_is_no_path() {
        assert_eq!(destination("off"), Ok(Choice(None)));
        assert_eq!(destination("stdout"), Ok(Choice(Some(Destination::Stdout))));
        for path in ["/var/log/weir.log", "./off", "logs/stdout"] {
            assert_eq!(destination(path), Ok(Choice(Some(Destination::File(path.into())))), "{path}");
        }
        for (wrong, parts) in [
            ("stduot", ["did you mean \"stdout\"?", "./stduot"]),
            ("connections.log", ["off, stdout or the path", "./connections.log"]),
            ("", ["with a slash", "./connections"]),
        ] {
            let error = destination(wrong).unwrap_err();
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        }
    }

    #[test]
    fn a_sample_is_a_part_or_a_percentage() {
        for (text, part) in [("1", 1.0), ("0.01", 0.01), ("1%", 0.01), (" 12.5 % ", 0.125), ("100%", 1.0)] {
            assert_eq!(sample(text), Ok(part), "{text}");
        }
        for wrong in ["0", "0%", "1.01", "101%", "-1", "", "%", "NaN", "inf", "1/2"] {
            assert!(sample(wrong).unwrap_err().contains("0.01 or 1%"), "{wrong}");
        }
    }

    #[test]
    fn a_rate_is_in_a_second() {
        for (text, lines) in [("1000/s", 1000), ("1", 1), (" 5 /s", 5), ("1000000/s", 1_000_000)] {
            assert_eq!(rate(text).map(NonZeroU32::get), Ok(lines), "{text}");
        }
        for wrong in ["0", "1000001", "10/m", "", "/s", "-1", "1e3"] {
            assert!(rate(wrong).unwrap_err().contains("1000/s"), "{wrong}");
        }
    }
}
