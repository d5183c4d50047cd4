//! Which log lines are asked for? A level, or parts of weir with a level each: `info`, `warn,weir_proxy=debug`.

use tracing_subscriber::filter::{EnvFilter, LevelFilter};
use weir_control::translate::did_you_mean;

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// Crates that log: weir's own, and libraries whose lines help where the network is at fault.
const TARGETS: [&str; 11] = [
    "weir",
    "weir_core",
    "weir_proxy",
    "weir_control",
    "weir_capture",
    "kube_client",
    "kube_runtime",
    "hyper",
    "hyper_util",
    "rustls",
    "tower",
];

const FORM: &str = "write it as in info or warn,weir_proxy=debug";

/// Parses the value of `--log-level`.
///
/// # Errors
/// Says which word is not known, and which is most like it: a filter of unknown words would silence everything.
pub(crate) fn log_filter(text: &str) -> Result<String, String> {
    let directives: Vec<&str> = text.split(',').map(str::trim).collect();
    for directive in &directives {
        check(directive)?;
    }
    let filter = directives.join(",");
    EnvFilter::try_new(&filter).map(|_| filter).map_err(|error| format!("{error}; {FORM}"))
}

fn check(directive: &str) -> Result<(), String> {
    let Some((target, wanted)) = directive.split_once('=') else { return level(directive) };
    level(wanted)?;
    let name = target.split("::").next().unwrap_or_default();
    match TARGETS.contains(&name) {
        true => Ok(()),
        false => Err(format!(
            "{name:?} is no part of weir that logs{}; parts are {}",
            did_you_mean(name, &TARGETS),
            TARGETS.join(", ")
        )),
    }
}

fn level(word: &str) -> Result<(), String> {
    match LEVELS.contains(&word.to_lowercase().as_str()) && word.parse::<LevelFilter>().is_ok() {
        true => Ok(()),
        false => Err(format!(
            "{word:?} is not a log level{}; levels are {}; {FORM}",
            did_you_mean(word, &LEVELS),
            LEVELS.join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_parts_with_levels_are_accepted_in_any_case() {
        for text in ["info", "WARN", "off", "warn, weir_proxy=debug", "weir_control::driver=trace,error"] {
            assert!(log_filter(text).is_ok(), "{text}");
        }
        assert_eq!(log_filter("warn, weir_proxy=debug").unwrap(), "warn,weir_proxy=debug");
    }

    #[test]
    fn an_unknown_word_names_the_nearest_known_one() {
        for (text, parts) in [
            ("inof", ["\"inof\" is not a log level", "did you mean \"info\"?"]),
            ("weir_proxy=deubg", ["\"deubg\" is not a log level", "did you mean \"debug\"?"]),
            ("info,weir_prxy=debug", ["\"weir_prxy\" is no part of weir", "did you mean \"weir_proxy\"?"]),
            ("weir_proxy", ["\"weir_proxy\" is not a log level", "weir_proxy=debug"]),
            ("", ["\"\" is not a log level", "levels are error, warn"]),
            ("info,", ["\"\" is not a log level", "levels are error, warn"]),
            ("5", ["\"5\" is not a log level", "levels are error, warn"]),
            ("[span]=debug", ["\"[span]\" is no part of weir", "parts are weir,"]),
        ] {
            let problem = log_filter(text).unwrap_err();
            assert!(parts.iter().all(|part| problem.contains(part)), "{text}: {problem}");
        }
    }
}
