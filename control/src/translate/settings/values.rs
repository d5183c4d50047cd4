//! How are the values of annotations written?

use ipnet::IpNet;
use std::{fmt::Display, num::NonZeroU32, ops::RangeInclusive, str::FromStr, sync::Arc, time::Duration};
use weir_core::EndpointRemoved;

/// Networks in one list: each new client is compared with all of them.
const MAX_NETWORKS: usize = 64;

pub(super) fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

pub(super) fn duration(text: &str, range: RangeInclusive<Duration>) -> Result<Duration, String> {
    let value = humantime::parse_duration(text)
        .map_err(|_| "is not a duration such as 500ms, 30s or 1h".to_owned())?;
    if range.contains(&value) {
        return Ok(value);
    }
    let (least, most) =
        (humantime::format_duration(*range.start()), humantime::format_duration(*range.end()));
    Err(format!("must be {least} to {most}"))
}

pub(super) fn number(text: &str, range: RangeInclusive<u32>) -> Result<u32, String> {
    let value = text.parse().ok().filter(|value| range.contains(value));
    value.ok_or_else(|| format!("must be a whole number from {} to {}", range.start(), range.end()))
}

pub(super) fn count(text: &str, range: RangeInclusive<u32>) -> Result<NonZeroU32, String> {
    number(text, range).and_then(|value| NonZeroU32::new(value).ok_or_else(|| "must not be 0".to_owned()))
}

pub(super) fn one_of<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    let found = words.iter().find(|(word, _)| *word == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        format!("must be one of {}", known.join(", "))
    })
}

pub(super) fn endpoint_removed(
    text: &str,
    drain: RangeInclusive<Duration>,
) -> Result<EndpointRemoved, String> {
    match text.split_once('=') {
        Some(("drain", time)) => duration(time, drain).map(EndpointRemoved::Drain),
        _ => one_of(text, &[("keep", EndpointRemoved::Keep), ("reset", EndpointRemoved::Reset)])
            .map_err(|_| "must be one of keep, reset, drain=30s".to_owned()),
    }
}

pub(super) fn networks(text: &str) -> Result<Arc<[IpNet]>, String> {
    let network = |text: &str| {
        let text = text.trim();
        let network = text.parse::<IpNet>().map(|network| network.trunc());
        network.map_err(|_| format!("{text:?} is not a network such as 10.0.0.0/8"))
    };
    let networks: Arc<[IpNet]> = text.split(',').map(network).collect::<Result<_, _>>()?;
    if networks.len() > MAX_NETWORKS {
        return Err(format!("must be {MAX_NETWORKS} networks at most"));
    }
    Ok(networks)
}
