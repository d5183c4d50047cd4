//! What would a flow get on this node, and why? `weir explain` reads objects once and judges flows by them.

use super::{answer::Answer, flows, judge::Judge, notes, text};
use crate::{
    cli::{AskedFlow, ExplainOptions, Question},
    commands::{
        load::load,
        problems::{findings, report},
    },
    output::{format::Output, part::Part, stdout},
};
use anyhow::Context;
use std::{collections::HashMap, process::ExitCode};
use weir_control::Loaded;

/// Answers a question about flows. Problems of the objects go to standard error, as for `weir resolve`.
pub(crate) fn explain(options: &ExplainOptions) -> anyhow::Result<ExitCode> {
    let mut loaded = load(&options.objects)?;
    let judge = Judge::new(&mut loaded.snapshot, options);
    match &options.question {
        Question::One(flow, output) => one(&judge, *flow, *output, options, &loaded),
        Question::Many(path) => {
            let answered = flows::answer(path, &judge)?;
            let reported = report(&findings(&loaded), false);
            Ok(if answered == flows::Answered::All { reported } else { ExitCode::FAILURE })
        }
    }
}

fn one(
    judge: &Judge,
    flow: AskedFlow,
    output: Output,
    options: &ExplainOptions,
    loaded: &Loaded,
) -> anyhow::Result<ExitCode> {
    let judgement = judge.judge(flow);
    let notes = notes::notes(judge, flow, &judgement, &options.network.pods, loaded);
    // Objects tell of no endpoint that fails.
    let answer = Answer::of(flow, judge, &judgement, loaded, &|_, _| HashMap::new(), notes);
    let document = serde_json::to_value(&answer).context("cannot write JSON")?;
    stdout::print(&output.text(&answer, |_| text::explanation_page(Part::of(&document)))?)?;
    Ok(report(&findings(loaded), false))
}
