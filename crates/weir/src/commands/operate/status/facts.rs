//! What is known of a weir whose state is told?

use serde_json::{Value, json};

/// Service ports that are looked at: the worst ones.
pub(super) const MAX_PORTS: usize = 50;

/// Gauge of the time since when the API server is away.
const AWAY: &str = "weir_api_server_away_since_timestamp_seconds ";

/// What `weir status` knows of a weir.
pub(super) struct Status {
    pub(super) summary: Value,
    /// Service ports, the worst ones first.
    pub(super) ports: Value,
    /// Since when the API server does not answer.
    pub(super) api_server: ApiServer,
}

/// Whether the API server answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ApiServer {
    /// There is none, or it cannot be told.
    Unknown,
    /// Both kinds of objects are watched.
    Answers,
    /// Away since this Unix time, in seconds.
    AwaySince(f64),
}

impl ApiServer {
    /// Whether it answers, as a scrape of the metrics tells.
    pub(super) fn of(metrics: &str) -> Self {
        let value = metrics.lines().find_map(|line| line.strip_prefix(AWAY)?.trim().parse::<f64>().ok());
        match value {
            None => Self::Unknown,
            Some(since) if since > 0.0 => Self::AwaySince(since),
            Some(_) => Self::Answers,
        }
    }

    /// Form for programs.
    pub(super) fn document(self) -> Value {
        match self {
            Self::Unknown => Value::Null,
            Self::Answers => json!({"state": "answers", "awaySinceSeconds": null}),
            Self::AwaySince(since) => json!({"state": "away", "awaySinceSeconds": since}),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_server_is_away_if_its_gauge_says_since_when() {
        let metrics = |value: &str| format!("# TYPE {AWAY}gauge\n{AWAY}{value}\nother 1\n");
        assert_eq!(ApiServer::of(&metrics("0")), ApiServer::Answers);
        assert_eq!(ApiServer::of(&metrics("1764469740.5")), ApiServer::AwaySince(1_764_469_740.5));
        assert_eq!(ApiServer::of("other 1\n"), ApiServer::Unknown);
    }
}
