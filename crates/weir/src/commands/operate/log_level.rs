//! What does the weir of this host log? The filter is told, or set for a while.

use crate::{
    cli::LogLevelOptions,
    client::{Query, with_client},
    output::{part::Part, stdout},
};
use hyper::Method;
use serde_json::{Value, json};
use std::process::ExitCode;
use weir_core::Printable;

/// Tells the log filter of the running weir, or sets it first.
pub(crate) fn log_level(options: &LogLevelOptions) -> anyhow::Result<ExitCode> {
    with_client(options.socket.clone(), async |client| {
        let query = Query::of("log-level");
        let answer = match &options.level {
            Some(level) => {
                let change = json!({ "level": level, "forSeconds": options.for_seconds });
                client.change(Method::PUT, &query, &change).await?
            }
            None => client.get(&query).await?,
        };
        stdout::print(&options.output.text(&answer, |_| page(&answer))?)?;
        Ok(ExitCode::SUCCESS)
    })
}

fn page(answer: &Value) -> String {
    let answer = Part::of(answer);
    let (level, configured) = (answer.text_or_dash("level"), answer.text_or_dash("configured"));
    let until = match answer.text("until") {
        Some(until) => format!(" until {until}"),
        None if level == configured => String::new(),
        None => " until SIGHUP or the end".to_owned(),
    };
    let then = if level == configured { String::new() } else { format!(", then {configured}") };
    format!("{}\n", Printable(format_args!("{level}{until}{then}")))
}
