//! What would a flow get on this node, and why? `weir explain` reads manifests once and judges flows by them.

use super::{answer::Answer, flows, notes, text};
use crate::{
    cli::{AskedFlow, ExplainOptions, Output, Question},
    commands::problems::report,
    output::stdout,
};
use anyhow::Context;
use std::{collections::BTreeSet, net::IpAddr, process::ExitCode, sync::Arc};
use weir_control::Loaded;
use weir_core::{
    Family, Snapshot,
    verdict::{Index, Network},
};

/// Answers a question about flows. Problems of the manifests go to standard error, as for `weir resolve`.
pub(crate) fn explain(options: &ExplainOptions) -> anyhow::Result<ExitCode> {
    let mut loaded = options.manifests.load()?;
    let index = index(&mut loaded.snapshot, options);
    match &options.question {
        Question::One(flow, output) => one(&index, *flow, *output, options, &loaded),
        Question::Many(path) => {
            let answered = flows::answer(path, &index)?;
            let reported = report(&loaded);
            Ok(if answered == flows::Answered::All { reported } else { ExitCode::FAILURE })
        }
    }
}

fn one(
    index: &Index,
    flow: AskedFlow,
    output: Output,
    options: &ExplainOptions,
    loaded: &Loaded,
) -> anyhow::Result<ExitCode> {
    let judgement = index.judge(flow.from, flow.to);
    let notes = notes::notes(index, flow, &judgement, &options.network.pods);
    let answer = Answer::of(flow, &judgement, notes);
    stdout::print(&match output {
        Output::Json => serde_json::to_string_pretty(&answer).context("cannot write JSON")? + "\n",
        Output::Table => text::page(&answer),
    })?;
    Ok(report(loaded))
}

/// Index of everything that the node serves, by which flows are judged.
fn index(snapshot: &mut Snapshot, options: &ExplainOptions) -> Index {
    let given = &options.node_addresses;
    if !given.is_empty() {
        let node = Arc::make_mut(&mut snapshot.node);
        let primary = |family| given.iter().copied().find(|ip| Family::of(*ip) == family);
        node.internal_ips = Family::ALL.into_iter().filter_map(primary).collect();
        // Their Node object would say the same.
        node.known = true;
    }
    let addresses: BTreeSet<IpAddr> = given.iter().chain(&snapshot.node.internal_ips).copied().collect();
    let cluster = &options.network;
    let network = Network::of(
        &snapshot.node,
        addresses,
        &options.manifests.node_port_addresses,
        cluster.pods.clone(),
        cluster.masquerade_all,
    );
    // Other addresses of the Service networks belong to Services of the other proxy.
    let exclusive = options.manifests.scope.selection.service_proxy_name.is_none();
    let service_cidrs = cluster.service_cidrs.iter().chain(&*snapshot.service_cidrs).copied();
    snapshot.service_cidrs = service_cidrs.filter(|_| exclusive).collect();
    Index::of(snapshot, network)
}
