//! How are times and sizes shown to people? In few characters, as kubectl shows ages.

use std::time::{Duration, SystemTime};

/// Unit of a length of time, with its seconds.
const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];

/// Largest numbers of a unit beside which the next smaller unit is shown, too.
const MAX_WITH_NEXT: u64 = 10;

/// Length of time, as in `7s`, `2m30s`, `3h`, `12d`. Less than a second is `0s`, and what is no time a dash.
pub(crate) fn age(seconds: Option<f64>) -> String {
    let Some(seconds) = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok()) else {
        return "-".to_owned();
    };
    let seconds = seconds.as_secs();
    let Some(index) = UNITS.iter().position(|(_, unit)| seconds >= *unit) else { return "0s".to_owned() };
    let (name, unit) = UNITS[index];
    let rest = UNITS.get(index + 1).filter(|_| seconds / unit < MAX_WITH_NEXT);
    let rest = rest.map(|(name, smaller)| (name, seconds % unit / smaller)).filter(|(_, count)| *count > 0);
    let rest = rest.map(|(name, count)| format!("{count}{name}")).unwrap_or_default();
    format!("{}{name}{rest}", seconds / unit)
}

/// Seconds from one time to another, both as in RFC 3339; `None` if one is no time or the second is earlier.
pub(crate) fn between(since: Option<&str>, now: Option<&str>) -> Option<f64> {
    let time = |text: Option<&str>| -> Option<SystemTime> { humantime::parse_rfc3339(text?).ok() };
    Some(time(now)?.duration_since(time(since)?).ok()?.as_secs_f64())
}

/// Short length of time, as in `42us`, `0.4ms`, `12ms`, `1.2s`; a dash for what is no time.
pub(crate) fn latency(seconds: Option<f64>) -> String {
    match seconds.filter(|seconds| seconds.is_finite() && *seconds >= 0.0) {
        None => "-".to_owned(),
        Some(seconds) if seconds >= 1.0 => format!("{seconds:.1}s"),
        Some(seconds) if seconds >= 0.01 => format!("{:.0}ms", seconds * 1e3),
        Some(seconds) if seconds >= 1e-4 || seconds == 0.0 => format!("{:.1}ms", seconds * 1e3),
        Some(seconds) => format!("{:.0}us", seconds * 1e6),
    }
}

/// Size in bytes, as in `512B`, `64.0KiB`, `1.5GiB`; a dash for none.
pub(crate) fn size(bytes: Option<u64>) -> String {
    let Some(bytes) = bytes else { return "-".to_owned() };
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let Some(unit) = bytes.checked_ilog2().map(|bits| bits / 10).filter(|unit| *unit > 0) else {
        return format!("{bytes}B");
    };
    // Exact to a tenth, which is more than is shown.
    let tenths = u128::from(bytes) * 10 / (1 << (10 * unit));
    let name = units.get(unit as usize - 1).copied().unwrap_or_default();
    format!("{}.{}{name}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_one_unit_or_two() {
        let cases = [
            (0.9, "0s"),
            (59.0, "59s"),
            (150.0, "2m30s"),
            (120.0, "2m"),
            (660.0, "11m"),
            (11_400.0, "3h10m"),
        ];
        for (seconds, expected) in cases.into_iter().chain([(1_036_800.0, "12d"), (-1.0, "0s")]) {
            assert_eq!(age(Some(seconds)), expected);
        }
        assert_eq!((age(None), age(Some(f64::NAN)), age(Some(1e300))), ("-".into(), "0s".into(), "-".into()));
    }

    #[test]
    fn a_time_after_now_or_no_time_has_no_age() {
        let now = Some("2026-11-30T02:30:00.500Z");
        assert_eq!(between(Some("2026-11-30T02:29:58.000Z"), now), Some(2.5));
        assert_eq!(between(Some("2026-11-30T02:30:01.000Z"), now), None);
        assert_eq!((between(None, now), between(Some("yesterday"), now)), (None, None));
    }

    #[test]
    fn sizes_have_binary_units() {
        let cases =
            [(0, "0B"), (1023, "1023B"), (1024, "1.0KiB"), (1_610_612_736, "1.5GiB"), (u64::MAX, "15.9EiB")];
        for (bytes, expected) in cases {
            assert_eq!(size(Some(bytes)), expected);
        }
        assert_eq!(size(None), "-");
    }

    #[test]
    fn latencies_have_two_digits_or_so() {
        let cases =
            [(0.0, "0.0ms"), (0.000_042, "42us"), (0.00042, "0.4ms"), (0.0121, "12ms"), (1.25, "1.2s")];
        for (seconds, expected) in cases {
            assert_eq!(latency(Some(seconds)), expected);
        }
        assert_eq!((latency(None), latency(Some(f64::NAN))), ("-".into(), "-".into()));
    }
}
