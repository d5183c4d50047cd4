//! What did the user set for a Service? Annotations under `weir.dev/` become [`Settings`].

use super::Notes;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::{ops::RangeInclusive, time::Duration};
use weir_core::Settings;

const PREFIX: &str = "weir.dev/";

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const CONNECT_TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(10)..=seconds(600);
const IDLE_TIMEOUT: RangeInclusive<Duration> = seconds(1)..=seconds(30 * 24 * 3600);
const UDP_IDLE_TIMEOUT: RangeInclusive<Duration> = seconds(1)..=seconds(24 * 3600);

/// A setting that does not parse is noted, and its default is used.
pub(super) fn settings(metadata: &ObjectMeta, notes: &mut Notes) -> Settings {
    let mut settings = Settings::default();
    for (key, value) in metadata.annotations.iter().flatten() {
        let Some(name) = key.strip_prefix(PREFIX) else { continue };
        if let Err(message) = set(&mut settings, name, value.trim()) {
            let shown: String = value.chars().take(64).collect();
            let field = format_args!("metadata.annotations[{key}]");
            notes.note(field, format_args!("{shown:?}: {message}; the default is used"));
        }
    }
    settings
}

fn set(settings: &mut Settings, name: &str, value: &str) -> Result<(), String> {
    match name {
        "balance" => settings.balance = value.parse().map_err(|error| format!("{error}"))?,
        "connect-timeout" => settings.connect_timeout = duration(value, CONNECT_TIMEOUT)?,
        "idle-timeout" => settings.idle_timeout = duration(value, IDLE_TIMEOUT)?,
        "udp-idle-timeout" => {
            settings.udp_idle_timeout = duration(value, UDP_IDLE_TIMEOUT)?;
            settings.udp_assured_timeout = settings.udp_idle_timeout;
        }
        _ => {
            return Err(
                "no such setting; there are balance, connect-timeout, idle-timeout and udp-idle-timeout"
                    .into(),
            );
        }
    }
    Ok(())
}

fn duration(text: &str, range: RangeInclusive<Duration>) -> Result<Duration, String> {
    let value = humantime::parse_duration(text)
        .map_err(|_| "is not a duration such as 500ms, 30s or 1h".to_owned())?;
    if range.contains(&value) {
        return Ok(value);
    }
    let (least, most) =
        (humantime::format_duration(*range.start()), humantime::format_duration(*range.end()));
    Err(format!("must be {least} to {most}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use weir_core::Policy;

    fn read(annotations: &[(&str, &str)]) -> (Settings, Vec<String>) {
        let annotations =
            annotations.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        let metadata = ObjectMeta { annotations: Some(annotations), ..ObjectMeta::default() };
        let mut notes = Notes { object: "Service default/web".into(), problems: Vec::new() };
        let settings = settings(&metadata, &mut notes);
        (settings, notes.problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_setting_can_be_set() {
        let (settings, problems) = read(&[
            ("weir.dev/balance", "maglev"),
            ("weir.dev/connect-timeout", "500ms"),
            ("weir.dev/idle-timeout", "1h30m"),
            ("weir.dev/udp-idle-timeout", "5s"),
            ("example.com/balance", "other"),
        ]);
        let expected = Settings {
            balance: Policy::Maglev,
            connect_timeout: Duration::from_millis(500),
            idle_timeout: seconds(5400),
            udp_idle_timeout: seconds(5),
            udp_assured_timeout: seconds(5),
        };
        assert_eq!((settings, problems), (expected, vec![]));
    }

    #[test]
    fn a_setting_that_does_not_parse_is_named_and_the_default_is_used() {
        for (key, value) in
            [("balance", "fair"), ("connect-timeout", "0s"), ("idle-timeout", "soon"), ("balanse", "random")]
        {
            let key = format!("weir.dev/{key}");
            let (settings, problems) = read(&[(&key, value)]);
            assert_eq!(settings, Settings::default());
            let [problem] = &problems[..] else { panic!("{problems:?}") };
            assert!(
                problem.contains(&key) && problem.contains(value) && problem.contains("default"),
                "{problem}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_value_is_read_without_panic(name in "balance|connect-timeout|idle-timeout|udp-idle-timeout", value in "\\PC*") {
            read(&[(&format!("weir.dev/{name}"), &value)]);
        }
    }
}
