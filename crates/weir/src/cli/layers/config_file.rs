//! What does a `--config` file say? It is a YAML map whose keys are the long flags of `weir run`.

use super::layer::{self, Layer};
use crate::cli::values::usage;
use clap::{Arg, ArgAction, Command, Error};
use serde_json::Value;
use std::{collections::BTreeMap, ffi::OsString, fs, path::Path};
use weir_control::translate::did_you_mean;

/// Id of the flag `--config`.
pub(in crate::cli) const CONFIG: &str = "config";

/// Reads the file and checks every value as if it were given as a flag.
pub(in crate::cli) fn read(path: &Path, run: &Command) -> Result<Layer, Error> {
    let text = fs::read_to_string(path)
        .map_err(|error| usage(format_args!("config file {}: cannot be read: {error}", path.display())))?;
    parse(&text, run).map_err(|problem| usage(format_args!("config file {}: {problem}", path.display())))
}

fn parse(text: &str, run: &Command) -> Result<Layer, String> {
    // What YAML 1.1 takes for booleans are words of flags: on, off.
    let options = serde_saphyr::options! { strict_booleans: true };
    let entries: Option<BTreeMap<String, Value>> = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| format!("is not a YAML map from flags to values: {}", error.without_snippet()))?;
    let mut layer = Layer::default();
    for (key, value) in entries.unwrap_or_default() {
        let Some(arg) = flag(run, &key) else {
            let known: Vec<&str> = keys(run).map(|(long, _)| long).collect();
            let meant = did_you_mean(&key, &known);
            return Err(format!("unknown key {key:?}{meant}; allowed are {}", allowed(run)));
        };
        let added = texts(arg, value).map_err(str::to_owned).and_then(|values| layer.add(run, arg, values));
        added.map_err(|problem| format!("{key}: {problem}"))?;
    }
    Ok(layer)
}

/// Keys that a file may have: it cannot name another file.
fn keys(run: &Command) -> impl Iterator<Item = (&str, &Arg)> {
    layer::flags(run).filter(|(_, arg)| arg.get_id() != CONFIG)
}

fn flag<'a>(run: &'a Command, key: &str) -> Option<&'a Arg> {
    keys(run).find(|(long, _)| *long == key).map(|(_, arg)| arg)
}

fn allowed(run: &Command) -> String {
    let mut names: Vec<&str> = keys(run).map(|(long, _)| long).collect();
    names.sort_unstable();
    names.join(", ")
}

/// Converts a value to the texts of a command line; none for null.
fn texts(arg: &Arg, value: Value) -> Result<Vec<OsString>, &'static str> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) if matches!(arg.get_action(), ArgAction::Append) => {
            items.into_iter().map(text).collect()
        }
        Value::Array(_) => Err("must be one value, not a list"),
        single => Ok(vec![text(single)?]),
    }
}

fn text(value: Value) -> Result<OsString, &'static str> {
    match value {
        Value::String(text) => Ok(text.into()),
        Value::Bool(flag) => Ok(flag.to_string().into()),
        // 1.10 and 1e3 would lose how they were written.
        Value::Number(number) if number.is_i64() || number.is_u64() => Ok(number.to_string().into()),
        Value::Number(_) => Err("is a number with a fraction; put it in quotes to mean the text"),
        Value::Null | Value::Array(_) | Value::Object(_) => Err("must be a text or a number"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::run::RunArgs;
    use clap::Args;

    fn run() -> Command {
        RunArgs::augment_args(Command::new("run"))
    }

    #[test]
    fn keys_are_long_flags_and_values_texts_numbers_or_lists() {
        let text = "workers: 4\ndrain-timeout: 30s\nhealth-address: ''\nmanifests: [a, b]\nmap: ~\n";
        let layer = parse(text, &run()).unwrap();
        let values =
            ["workers", "drain_timeout", "health_address", "manifests"].map(|id| layer.get(id).unwrap());
        assert_eq!(values, ["4", "30s", "", "a"]);
        assert_eq!(layer.get("map"), None);
        assert!(parse("", &run()).is_ok());
    }

    #[test]
    fn on_and_off_are_the_words_of_flags() {
        let layer = parse("events: on\nconnection-log: off\nkeep-rules: false\n", &run()).unwrap();
        assert_eq!(
            ["events", "connection_log", "keep_rules"].map(|id| layer.get(id).unwrap()),
            ["on", "off", "false"]
        );
    }

    #[test]
    fn a_bad_entry_is_refused_with_its_key_and_what_is_allowed() {
        for (text, parts) in [
            (
                "wokers: 4",
                [
                    "\"wokers\" (did you mean \"workers\"?)",
                    "admin-tls-key, allow-external-ips, allow-load-balancer-ips",
                ],
            ),
            ("config: x.yaml", ["\"config\"", "workers"]),
            ("workers: 300", ["workers:", "1..=256"]),
            ("workers: [1]", ["workers:", "one value"]),
            ("workers: 1.5", ["workers:", "fraction"]),
            ("keep-rules: no", ["keep-rules:", "possible values: true, false"]),
            ("mode: kernel", ["mode:", "possible values: bind, node"]),
            ("manifests: [{}]", ["manifests:", "text or a number"]),
            ("drain-timeout: 25", ["drain-timeout:", "25s"]),
            ("workers: 1\nworkers: 2", ["YAML map", "workers"]),
            ("- a", ["YAML map", ""]),
            ("a: [", ["YAML map", ""]),
        ] {
            let problem = parse(text, &run()).unwrap_err();
            assert!(parts.iter().all(|part| problem.contains(part)), "{text}: {problem}");
        }
    }
}
