//! How does an operator drain and weigh endpoints and nodes at the weir of this host?

use super::{known::check_endpoint, list::list};
use crate::{
    cli::{SteeringChange, SteeringOptions},
    client::{Client, Query, with_client},
    output::{part::Part, stdout},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, process::ExitCode};
use weir_core::{Printable, Steered};

/// Drains or weighs an endpoint or a node, or undoes that.
pub(crate) fn steer(options: &SteeringOptions) -> anyhow::Result<ExitCode> {
    with_client(options.socket.clone(), async |client| {
        let before = override_of(&client, &options.target).await?;
        if before.is_null() {
            // What is overridden already may be steered although its endpoints have gone.
            check_target(&client, &options.target).await?;
        }
        let was = Part::of(&before);
        let (drained, weight) = (was.flag("drain").unwrap_or_default(), was.count("weight"));
        let (drain, weight) = match options.change {
            SteeringChange::Drain => (true, weight),
            SteeringChange::Undrain => (false, weight),
            SteeringChange::Weight(weight) => (drained, weight.map(|weight| weight.get().into())),
        };
        if before.is_null() && !drain && weight.is_none() {
            return nothing_to_undo(&client, options).await;
        }
        let answer = match (drain, weight) {
            (false, None) => client.delete(&Query::of(&format!("overrides/{}", id(&options.target)))).await?,
            _ => client.post(&Query::of("overrides"), &body(&options.target, drain, weight)).await?,
        };
        stdout::print(&options.output.text(&answer, |_| page(options, drain, weight, &answer))?)?;
        for note in notes(&client, options, &answer).await? {
            eprintln!("note: {}", Printable(note));
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Override of a target itself; null if there is none.
async fn override_of(client: &Client, target: &Steered) -> anyhow::Result<Value> {
    let overrides = list(client, &Query::of("overrides"), None).await?;
    let items = overrides["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let found = items.iter().find(|item| Part::of(item).text("id") == Some(&*id(target)));
    Ok(found.cloned().unwrap_or_default())
}

/// Refuses what no endpoint is at or on.
async fn check_target(client: &Client, target: &Steered) -> anyhow::Result<()> {
    let text = without_protocol(target);
    match target {
        Steered::Endpoint { .. } => check_endpoint(client, Some(&text), None).await,
        Steered::Node(name) => check_endpoint(client, None, Some(name)).await,
    }
}

/// Says that there is nothing to undo, and what comes near.
async fn nothing_to_undo(client: &Client, options: &SteeringOptions) -> anyhow::Result<ExitCode> {
    let target = &options.target;
    let what = match options.change {
        SteeringChange::Weight(_) => "has the weight of its EndpointSlice",
        _ => "is not drained",
    };
    let others: Vec<String> = overriding(client, target).await?.into_iter().collect();
    let others = match &others[..] {
        [] => String::new(),
        _ => format!("; but there are overrides of {}", others.join(", ")),
    };
    let answer =
        json!({ "kind": "Override", "id": id(target), "drain": false, "weight": null, "applied": true });
    stdout::print(
        &options.output.text(&answer, |_| format!("{} {what}{}\n", shown(target), Printable(&others)))?,
    )?;
    Ok(ExitCode::SUCCESS)
}

/// What was changed, in words.
fn page(options: &SteeringOptions, drain: bool, weight: Option<u64>, answer: &Value) -> String {
    let target = shown(&options.target);
    let matches = Part::of(answer).count("matches").unwrap_or_default();
    let endpoints = match matches {
        1 => "1 endpoint of a Service port".to_owned(),
        _ => format!("{matches} endpoints of Service ports"),
    };
    let nothing_new = if matches == 1 {
        "gets nothing new, and keeps what it has"
    } else {
        "get nothing new, and keep what they have"
    };
    match (drain, weight) {
        (true, Some(weight)) if options.change != SteeringChange::Drain => {
            format!("{target} will have weight {weight} when it is drained no longer: {endpoints}\n")
        }
        (true, _) => {
            format!("{target} is drained: {endpoints} {nothing_new} ('weir undrain {target}' ends it)\n")
        }
        (false, Some(0)) => {
            format!("{target} has weight 0: {endpoints} {nothing_new}\n")
        }
        (false, Some(weight)) => format!("{target} has weight {weight}: {endpoints}\n"),
        (false, None) => format!("{target} is as Kubernetes says again: {endpoints}\n"),
    }
}

/// What an operator may not expect.
async fn notes(client: &Client, options: &SteeringOptions, answer: &Value) -> anyhow::Result<Vec<String>> {
    let (answer, target) = (Part::of(answer), &options.target);
    let mut notes = Vec::new();
    if answer.flag("kept") == Some(false) {
        let why = answer.text_or_dash("reason");
        notes.push(format!("a restart of weir will not know of it: {why}"));
    }
    if answer.flag("applied") == Some(false) {
        notes.push("weir has not served it yet; 'weir status' tells why".to_owned());
    }
    let undrained = options.change == SteeringChange::Undrain;
    if undrained && let Some(by) = overriding(client, target).await?.into_iter().next() {
        notes.push(format!("what is said of {by} still counts for some of it"));
    }
    Ok(notes)
}

/// Overrides of others that decide for endpoints of a target.
async fn overriding(client: &Client, target: &Steered) -> anyhow::Result<BTreeSet<String>> {
    let query = Query::of("endpoints");
    let query = match target {
        Steered::Endpoint { .. } => query.with("endpoint", without_protocol(target)),
        Steered::Node(name) => query.with("node", name),
    };
    let endpoints = list(client, &query, None).await?;
    let ids = Part::of(&endpoints).items("items").filter_map(|item| item.text("override.id"));
    let others = ids.filter(|&other| other != id(target));
    Ok(others.map(|id| id.strip_prefix("endpoint/").unwrap_or(id).to_owned()).collect())
}

fn body(target: &Steered, drain: bool, weight: Option<u64>) -> Value {
    match target {
        Steered::Endpoint { .. } => {
            json!({ "endpoint": target.to_string(), "drain": drain, "weight": weight })
        }
        Steered::Node(name) => json!({ "node": name, "drain": drain, "weight": weight }),
    }
}

/// Id of a target in the admin API.
fn id(target: &Steered) -> String {
    match target {
        Steered::Endpoint { .. } => format!("endpoint/{target}"),
        Steered::Node(_) => target.to_string(),
    }
}

/// A target as it is named on the command line.
fn shown(target: &Steered) -> String {
    target.to_string()
}

/// Address of an endpoint as lists have it.
fn without_protocol(target: &Steered) -> String {
    match target {
        Steered::Endpoint { ip, port, .. } => {
            Steered::Endpoint { ip: *ip, port: *port, protocol: None }.to_string()
        }
        Steered::Node(name) => name.to_string(),
    }
}
