//! What does a flow get from a weir that runs, and why? By the rules of the offline form, and the objects that are served now.

use super::{answer::Answer, judge::Judge, notes};
use crate::{
    admin::{Explain, NodeFacts, PassedOver},
    cli::AskedFlow,
};
use serde_json::Value;
use tokio::sync::watch;
use weir_control::{Loaded, Objects};
use weir_core::Snapshot;

/// Explains flows by what is served.
#[derive(Debug)]
pub(crate) struct RunningExplainer {
    facts: NodeFacts,
    objects: watch::Receiver<Objects>,
}

impl RunningExplainer {
    /// Explains by these objects, which change.
    pub(crate) fn new(facts: NodeFacts, objects: watch::Receiver<Objects>) -> Self {
        Self { facts, objects }
    }
}

impl Explain for RunningExplainer {
    fn explain(
        &self,
        snapshot: Snapshot,
        flow: AskedFlow,
        passed_over: &PassedOver<'_>,
    ) -> Result<Value, String> {
        let mut loaded = Loaded::running(snapshot, self.objects.borrow().clone());
        let judge = Judge::of_running(&mut loaded.snapshot, &self.facts);
        let judgement = judge.judge(flow);
        let pods = self.facts.cluster.as_ref().map(|cluster| cluster.pods.clone()).unwrap_or_default();
        let notes = notes::notes(&judge, flow, &judgement, &pods, &loaded);
        let answer = Answer::of(flow, &judge, &judgement, &loaded, passed_over, notes);
        serde_json::to_value(&answer).map_err(|error| error.to_string())
    }
}
