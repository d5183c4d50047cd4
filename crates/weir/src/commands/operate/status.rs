//! How is the weir of this host? What is wrong comes first.

mod facts;
mod page;
mod wrong;

use crate::{
    cli::StatusOptions,
    client::{Query, with_client},
    commands::operate::known::check_service,
    output::{part::Part, stdout},
};
use facts::{MAX_PORTS, Status};
use serde_json::json;
use std::process::ExitCode;
use wrong::Wrong;

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
        let status = Status { summary, ports };
        let wrong = wrong::wrong(&status);
        let document = json!({
            "kind": "Status",
            "wrong": wrong.iter().map(Wrong::document).collect::<Vec<_>>(),
            "summary": status.summary,
        });
        stdout::print(&options.output.text(&document, |_| page::page(&status, &wrong))?)?;
        Ok(ExitCode::SUCCESS)
    })
}
