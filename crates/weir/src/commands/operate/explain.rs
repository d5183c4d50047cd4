//! What would a flow get at the weir that runs here, and why? It is asked, and answers in the form of `weir explain` by objects.

use super::known::namespace_of;
use crate::{
    cli::{RunningExplainOptions, ServiceName, Target},
    client::{Client, Query, with_client},
    commands::explain::explanation_page,
    output::{part::Part, stdout},
};
use serde_json::json;
use std::process::ExitCode;

/// Asks the running weir about a flow, and says so. Of a Service without the name of a port all ports are explained.
pub(crate) fn explain_running(options: &RunningExplainOptions) -> anyhow::Result<ExitCode> {
    with_client(options.socket.clone(), async |client| {
        let queries = match &options.target {
            Target::Frontend(frontend) => vec![Query::of("explain").with("to", frontend)],
            Target::Service(service) => {
                let namespace = namespace_of(&client, service).await?;
                let name = format!("{namespace}/{}", service.name);
                let ports = ports(&client, &namespace, service).await;
                ports
                    .iter()
                    .map(|port| Query::of("explain").with("service", format!("{name}{port}")))
                    .collect()
            }
        };
        let mut answers = Vec::with_capacity(queries.len());
        for query in queries {
            answers.push(client.get(&query.with_some("from", options.from)).await?);
        }
        eprintln!("note: by the weir that runs here ({}), not by objects", client.socket().path().display());
        let page = |_| {
            let pages = answers.iter().map(|answer| explanation_page(Part::of(answer)));
            pages.collect::<Vec<_>>().join("\n")
        };
        stdout::print(&match &answers[..] {
            [answer] => options.output.text(answer, page)?,
            _ => options.output.text(&json!({ "kind": "ExplanationList", "items": answers }), page)?,
        })?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Ports to be explained, each as `:NAME`; an empty text where only weir knows which.
async fn ports(client: &Client, namespace: &str, service: &ServiceName) -> Vec<String> {
    if let Some(port) = &service.port {
        return vec![format!(":{port}")];
    }
    // What is wrong with the name, the question itself says.
    let known = client.get(&Query::of(&format!("services/{namespace}/{}", service.name))).await;
    let known = known.unwrap_or_default();
    let names = Part::of(&known).items("ports").filter_map(|port| port.text("port"));
    let names: Vec<String> = names.map(|port| format!(":{port}")).collect();
    if names.len() > 1 { names } else { vec![String::new()] }
}
