//! How is the weir of this host? What is wrong comes first.

mod page;
mod wrong;

use crate::{
    cli::StatusOptions,
    client::{Client, Query, with_client},
    commands::operate::known::check_service,
    output::{part::Part, stdout},
};
use serde_json::{Value, json};
use std::process::ExitCode;
use wrong::Wrong;

/// Service ports that are looked at: the worst ones.
const MAX_PORTS: usize = 50;

/// What `weir status` knows of a weir.
struct Status {
    summary: Value,
    /// Service ports, the worst ones first.
    ports: Value,
    /// Since when the API server does not answer.
    api_server: ApiServer,
}

/// Whether the API server answers.
#[derive(Clone, Copy, Debug, PartialEq)]
enum ApiServer {
    /// There is none, or it cannot be told.
    Unknown,
    /// Both kinds of objects are watched.
    Answers,
    /// Away since this Unix time, in seconds.
    AwaySince(f64),
}

/// Tells how the running weir is.
pub(crate) fn status(options: &StatusOptions) -> anyhow::Result<ExitCode> {
    with_client(options.socket.clone(), async |client| {
        let namespace = options.namespace.as_deref();
        let query = Query::of("services").with("sort", "state").with("limit", MAX_PORTS);
        let ports = client.get(&query.with_some("namespace", namespace)).await?;
        if namespace.is_some() && Part::of(&ports).items("items").len() == 0 {
            check_service(&client, namespace, None).await?;
        }
        let summary = client.get(&Query::of("summary")).await?;
        let status = Status { summary, ports, api_server: api_server(&client).await };
        let wrong = wrong::wrong(&status);
        let document = json!({
            "kind": "Status",
            "wrong": wrong.iter().map(Wrong::document).collect::<Vec<_>>(),
            "apiServer": status.api_server.document(),
            "summary": status.summary,
        });
        stdout::print(&options.output.text(&document, |_| page::page(&status, &wrong))?)?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Gauge of the time since when the API server is away.
const AWAY: &str = "weir_api_server_away_since_timestamp_seconds ";

/// Whether the API server answers, as the metrics tell; a weir that shows none is not at fault.
async fn api_server(client: &Client) -> ApiServer {
    client.text(&Query::outside("/metrics")).await.map_or(ApiServer::Unknown, |text| ApiServer::of(&text))
}

impl ApiServer {
    fn of(metrics: &str) -> Self {
        let value = metrics.lines().find_map(|line| line.strip_prefix(AWAY)?.trim().parse::<f64>().ok());
        match value {
            None => Self::Unknown,
            Some(since) if since > 0.0 => Self::AwaySince(since),
            Some(_) => Self::Answers,
        }
    }

    fn document(self) -> Value {
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
