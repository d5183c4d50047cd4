//! What did the user set for a Service? Annotations under `weir.dev/` become [`Settings`].

use super::problems::Problems;
use ipnet::IpNet;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::{fmt::Display, num::NonZeroU32, ops::RangeInclusive, str::FromStr, sync::Arc, time::Duration};
use weir_core::{ActiveCheck, EndpointRemoved, Limits, ProxyProtocol, Settings};

const PREFIX: &str = "weir.dev/";

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const CONNECT_TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(10)..=seconds(600);
const IDLE_TIMEOUT: RangeInclusive<Duration> = seconds(1)..=seconds(30 * 24 * 3600);
const UDP_IDLE_TIMEOUT: RangeInclusive<Duration> = seconds(1)..=seconds(24 * 3600);
const DEAD_PEER_TIMEOUT: RangeInclusive<Duration> = seconds(2)..=seconds(3600);
const MAX_CONNECTION_AGE: RangeInclusive<Duration> = seconds(1)..=seconds(30 * 24 * 3600);
const DRAIN: RangeInclusive<Duration> = seconds(1)..=seconds(24 * 3600);
const CHECK_INTERVAL: RangeInclusive<Duration> = Duration::from_millis(100)..=seconds(3600);
const CHECK_STREAK: RangeInclusive<u32> = 1..=100;
const COUNT: RangeInclusive<u32> = 1..=u32::MAX;
const QUEUE: RangeInclusive<u32> = 0..=65_536;
const QUEUE_TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(10)..=seconds(600);
const ACCEPT_RATE: RangeInclusive<u32> = 1..=1_000_000;
/// Largest number of networks in one list: each new client is compared with all of them.
const MAX_NETWORKS: usize = 64;

/// Settings of a Service. An annotation that does not parse is reported, and its default is used.
pub(super) fn settings(metadata: &ObjectMeta, defaults: &Settings, problems: &mut Problems) -> Settings {
    let mut settings = defaults.clone();
    let mut check = Check::default();
    for (key, value) in metadata.annotations.iter().flatten() {
        let Some(name) = key.strip_prefix(PREFIX) else { continue };
        if let Err(message) = set(&mut settings, &mut check, name, value.trim()) {
            let shown: String = value.chars().take(64).collect();
            let field = format_args!("metadata.annotations[{key}]");
            problems.add(field, format_args!("{shown:?}: {message}; the default is used"));
        }
    }
    if check.on {
        settings.health_check = Some(check.check);
    }
    settings
}

/// Annotations of an active check, which mean nothing without `health-check`.
#[derive(Default)]
struct Check {
    on: bool,
    check: ActiveCheck,
}

fn set(settings: &mut Settings, check: &mut Check, name: &str, value: &str) -> Result<(), String> {
    match name {
        "balance" => settings.balance = parse(value)?,
        "connect-timeout" => settings.connect_timeout = duration(value, CONNECT_TIMEOUT)?,
        "idle-timeout" => settings.idle_timeout = duration(value, IDLE_TIMEOUT)?,
        "udp-idle-timeout" => {
            settings.udp_idle_timeout = duration(value, UDP_IDLE_TIMEOUT)?;
            settings.udp_assured_timeout = settings.udp_idle_timeout;
        }
        "dead-peer-timeout" => settings.dead_peer_timeout = duration(value, DEAD_PEER_TIMEOUT)?,
        "max-connection-age" => settings.max_connection_age = Some(duration(value, MAX_CONNECTION_AGE)?),
        "on-endpoint-removed" => settings.on_endpoint_removed = endpoint_removed(value)?,
        "health-check" => check.on = one_of(value, [("tcp", true)])?,
        "health-check-interval" => check.check.interval = duration(value, CHECK_INTERVAL)?,
        "health-check-rise" => check.check.rise = count(value, CHECK_STREAK)?,
        "health-check-fall" => check.check.fall = count(value, CHECK_STREAK)?,
        "topology-spill" => settings.topology_spill = Some(parse(value)?),
        "proxy-protocol" => {
            let versions = [("v1", ProxyProtocol::V1), ("v2", ProxyProtocol::V2)];
            settings.proxy_protocol = Some(one_of(value, versions)?);
        }
        "accept-proxy-protocol" => settings.accept_proxy_protocol = networks(value)?,
        _ => return set_limit(&mut settings.limits, name, value),
    }
    Ok(())
}

fn set_limit(limits: &mut Limits, name: &str, value: &str) -> Result<(), String> {
    match name {
        "max-connections" => limits.connections = Some(count(value, COUNT)?),
        "max-connections-per-endpoint" => limits.connections_per_endpoint = Some(count(value, COUNT)?),
        "max-connections-per-client" => limits.connections_per_client = Some(count(value, COUNT)?),
        "queue" => limits.queue = number(value, QUEUE)?,
        "queue-timeout" => limits.queue_timeout = duration(value, QUEUE_TIMEOUT)?,
        "accept-rate" => limits.accept_rate = Some(count(value, ACCEPT_RATE)?),
        "max-udp-flows-per-client" => limits.udp_flows_per_client = Some(count(value, COUNT)?),
        _ => return Err(format!("no such setting; there are {}", NAMES.join(", "))),
    }
    Ok(())
}

/// Names of all settings, without the prefix.
const NAMES: [&str; 21] = [
    "balance",
    "connect-timeout",
    "idle-timeout",
    "udp-idle-timeout",
    "dead-peer-timeout",
    "max-connection-age",
    "on-endpoint-removed",
    "health-check",
    "health-check-interval",
    "health-check-rise",
    "health-check-fall",
    "topology-spill",
    "proxy-protocol",
    "accept-proxy-protocol",
    "max-connections",
    "max-connections-per-endpoint",
    "max-connections-per-client",
    "queue",
    "queue-timeout",
    "accept-rate",
    "max-udp-flows-per-client",
];

fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
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

fn number(text: &str, range: RangeInclusive<u32>) -> Result<u32, String> {
    let value = text.parse().ok().filter(|value| range.contains(value));
    value.ok_or_else(|| format!("must be a whole number from {} to {}", range.start(), range.end()))
}

fn count(text: &str, range: RangeInclusive<u32>) -> Result<NonZeroU32, String> {
    number(text, range).and_then(|value| NonZeroU32::new(value).ok_or_else(|| "must not be 0".to_owned()))
}

fn one_of<T, const N: usize>(text: &str, words: [(&str, T); N]) -> Result<T, String> {
    let known = words.each_ref().map(|(word, _)| *word).join(", ");
    let found = words.into_iter().find(|(word, _)| *word == text);
    found.map(|(_, value)| value).ok_or_else(|| format!("must be one of {known}"))
}

fn endpoint_removed(text: &str) -> Result<EndpointRemoved, String> {
    match text.split_once('=') {
        Some(("drain", time)) => duration(time, DRAIN).map(EndpointRemoved::Drain),
        _ => one_of(text, [("keep", EndpointRemoved::Keep), ("reset", EndpointRemoved::Reset)])
            .map_err(|_| "must be one of keep, reset, drain=30s".to_owned()),
    }
}

fn networks(text: &str) -> Result<Arc<[IpNet]>, String> {
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

#[cfg(test)]
mod tests;
