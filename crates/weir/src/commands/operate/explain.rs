//! What would a flow get at the weir that runs here, and why? It is asked, and answers in the form of `weir explain` by objects.

use super::known::namespace_of;
use crate::{
    cli::{RunningExplainOptions, Target},
    client::{Query, with_client},
    commands::explain::explanation_page,
    output::{part::Part, stdout},
};
use std::process::ExitCode;

/// Asks the running weir about a flow, and says so.
pub(crate) fn explain_running(options: &RunningExplainOptions) -> anyhow::Result<ExitCode> {
    with_client(options.socket.clone(), async |client| {
        let query = match &options.target {
            Target::Frontend(frontend) => Query::of("explain").with("to", frontend),
            Target::Service(service) => {
                let namespace = namespace_of(&client, service).await?;
                let port = service.port.as_ref().map(|port| format!(":{port}")).unwrap_or_default();
                Query::of("explain").with("service", format!("{namespace}/{}{port}", service.name))
            }
        };
        let answer = client.get(&query.with_some("from", options.from)).await?;
        eprintln!("note: by the weir that runs here ({}), not by objects", client.socket().path().display());
        stdout::print(&options.output.text(&answer, |_| explanation_page(Part::of(&answer)))?)?;
        Ok(ExitCode::SUCCESS)
    })
}
