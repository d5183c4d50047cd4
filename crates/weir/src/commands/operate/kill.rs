//! How does an operator end connections at the weir of this host?

use super::known::{check_endpoint, check_service};
use crate::{
    cli::KillOptions,
    client::{Query, with_client},
    output::{part::Part, stdout},
};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Ends connections and UDP flows, and tells how many.
pub(crate) fn kill(options: &KillOptions) -> anyhow::Result<ExitCode> {
    with_client(options.socket.clone(), async |client| {
        check_service(&client, options.namespace.as_deref(), options.service.as_ref()).await?;
        check_endpoint(&client, options.endpoint.as_deref(), None).await?;
        let answer = client.post(&Query::of("connections/kill"), &body(options)).await?;
        stdout::print(&options.output.text(&answer, |_| page(&answer))?)?;
        Ok(ExitCode::SUCCESS)
    })
}

fn body(options: &KillOptions) -> Value {
    if let Some(id) = options.id {
        return json!({ "id": id.to_string() });
    }
    let service = options.service.as_ref();
    json!({
        "namespace": options.namespace,
        "service": service.map(|service| &service.name),
        "port": service.and_then(|service| service.port.as_ref()),
        "client": options.client,
        "endpoint": options.endpoint,
        "olderSeconds": options.older.map(|older| older.as_secs_f64()),
    })
}

fn page(answer: &Value) -> String {
    let answer = Part::of(answer);
    let count = |key, one: &str, many: &str| match answer.count(key).unwrap_or_default() {
        1 => format!("1 {one}"),
        count => format!("{count} {many}"),
    };
    let connections = count("connections", "connection", "connections");
    let flows = count("flows", "UDP flow", "UDP flows");
    match answer.count("flows").unwrap_or_default() {
        0 => format!("{connections} ended\n"),
        _ => format!("{connections} and {flows} ended\n"),
    }
}
