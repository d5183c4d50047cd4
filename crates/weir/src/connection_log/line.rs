//! How does a line of the connection log look?

use crate::output::logging::LogFormat;
use serde::Serialize;
use std::{
    fmt::{self, Display, Write},
    net::{IpAddr, SocketAddr},
    time::{Duration, SystemTime},
};
use weir_core::is_unprintable;
use weir_proxy::{Datagrams, EndedSession, TcpInfo};

/// Appends the line of a session, with its end.
pub(super) fn write(line: &mut String, session: &EndedSession, format: LogFormat) {
    match format {
        LogFormat::Json => write_json(line, session),
        // Writing to a string does not fail.
        LogFormat::Text => drop(write_text(line, session)),
    }
    line.push('\n');
}

/// Keys are those of the admin API (`docs/api.md`), and those of what only the log knows.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    closed_at: String,
    opened_at: String,
    namespace: &'a str,
    service: &'a str,
    port: &'a str,
    protocol: &'a str,
    client: SocketAddr,
    via: Option<IpAddr>,
    frontend: SocketAddr,
    endpoint: Option<SocketAddr>,
    node: Option<&'a str>,
    duration_seconds: f64,
    connect_seconds: Option<f64>,
    first_byte_seconds: Option<f64>,
    attempts: usize,
    bytes_to_endpoint: u64,
    bytes_to_client: u64,
    datagrams_to_endpoint: Option<u32>,
    datagrams_to_client: Option<u32>,
    reason: &'a str,
    detail: Option<Detail>,
}

#[derive(Serialize)]
struct Detail {
    client: Option<Path>,
    endpoint: Option<Path>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Path {
    rtt_seconds: Option<f64>,
    rtt_variation_seconds: f64,
    retransmits: u32,
}

fn write_json(line: &mut String, session: &EndedSession) {
    let port = port(session);
    let detail = Detail { client: session.client_path.map(path), endpoint: session.endpoint_path.map(path) };
    let shown = Line {
        closed_at: time(session.closed_at),
        opened_at: time(session.closed_at.checked_sub(session.duration).unwrap_or(session.closed_at)),
        namespace: &session.port.service.namespace,
        service: &session.port.service.name,
        port: &port,
        protocol: session.port.protocol.as_str(),
        client: session.flow.client,
        via: session.via,
        frontend: session.flow.frontend,
        endpoint: session.endpoint,
        node: session.node.as_deref(),
        duration_seconds: seconds(session.duration),
        connect_seconds: session.connect_time.map(seconds),
        first_byte_seconds: session.first_byte.map(seconds),
        attempts: session.attempts,
        bytes_to_endpoint: session.bytes_to_endpoint,
        bytes_to_client: session.bytes_to_client,
        datagrams_to_endpoint: session.datagrams.map(|datagrams| datagrams.to_endpoint),
        datagrams_to_client: session.datagrams.map(|datagrams| datagrams.to_client),
        reason: session.reason.as_str(),
        detail: (detail.client.is_some() || detail.endpoint.is_some()).then_some(detail),
    };
    // Numbers, texts and nothing else: this does not fail.
    push_printable(line, &serde_json::to_string(&shown).unwrap_or_default());
}

fn write_text(line: &mut String, session: &EndedSession) -> fmt::Result {
    let EndedSession { port: key, flow, reason, duration, .. } = session;
    line.push_str(&time(session.closed_at));
    let service =
        format!("{}/{}:{}/{}", key.service.namespace, key.service.name, port(session), key.protocol.as_str());
    push_word(line, "service", &service);
    write!(line, " client={}", flow.client)?;
    push(line, "via", session.via)?;
    write!(line, " frontend={}", flow.frontend)?;
    push(line, "endpoint", session.endpoint)?;
    if let Some(node) = &session.node {
        push_word(line, "node", node);
    }
    write!(line, " reason={reason} duration={}", Seconds(*duration))?;
    push(line, "connect_time", session.connect_time.map(Seconds))?;
    push(line, "first_byte", session.first_byte.map(Seconds))?;
    let (to_endpoint, to_client) = (session.bytes_to_endpoint, session.bytes_to_client);
    write!(line, " attempts={} to_endpoint={to_endpoint} to_client={to_client}", session.attempts)?;
    if let Some(Datagrams { to_endpoint, to_client }) = session.datagrams {
        write!(line, " datagrams_to_endpoint={to_endpoint} datagrams_to_client={to_client}")?;
    }
    for (side, info) in [("client", session.client_path), ("endpoint", session.endpoint_path)] {
        let Some(TcpInfo { round_trip, retransmits, .. }) = info else { continue };
        if let Some(round_trip) = round_trip {
            write!(line, " {side}_rtt={}", Seconds(round_trip))?;
        }
        write!(line, " {side}_retransmits={retransmits}")?;
    }
    Ok(())
}

/// The label `port` of metrics: the port's name, or its number if it has none.
fn port(session: &EndedSession) -> String {
    match &*session.port.name {
        "" => session.port_number.to_string(),
        name => name.to_owned(),
    }
}

fn path(info: TcpInfo) -> Path {
    Path {
        rtt_seconds: info.round_trip.map(seconds),
        rtt_variation_seconds: seconds(info.round_trip_variation),
        retransmits: info.retransmits,
    }
}

fn time(at: SystemTime) -> String {
    humantime::format_rfc3339_millis(at).to_string()
}

/// Seconds to the microsecond.
fn seconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1e6
}

/// Seconds to the microsecond, for people.
struct Seconds(Duration);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}s", self.0.as_secs_f64())
    }
}

fn push(line: &mut String, key: &str, value: Option<impl Display>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(line, " {key}={value}"))
}

/// Appends a text of unknown origin: in quotes if it could be taken for more than one word.
fn push_word(line: &mut String, key: &str, text: &str) {
    let is_plain = |c: char| !c.is_whitespace() && !is_unprintable(c) && c != '"' && c != '=';
    line.push(' ');
    line.push_str(key);
    line.push('=');
    match text.chars().all(is_plain) {
        true => line.push_str(text),
        false => push_printable(line, &serde_json::to_string(text).unwrap_or_default()),
    }
}

/// Appends JSON, in whose texts what steers a terminal or turns the direction of writing is escaped, too.
fn push_printable(line: &mut String, json: &str) {
    for character in json.chars() {
        if is_unprintable(character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                // Writing to a string does not fail.
                let _ = write!(line, "\\u{unit:04x}");
            }
        } else {
            line.push(character);
        }
    }
}

#[cfg(test)]
mod tests;
