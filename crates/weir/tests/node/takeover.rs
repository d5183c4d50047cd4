//! What do clients, probes and operators see while one weir takes over from another?

mod newcomer;
mod squatters;
mod updates;

use crate::bed::{Bed, eventually};
use weir_testkit::{Program, cluster::NodePlan};

/// The address of the probes.
const HEALTH: &str = "127.0.0.1:10256";
/// The address of the metrics.
const METRICS: &str = "127.0.0.1:10249";

/// A node with two pods and weir on it.
fn bed(plan: NodePlan<'_>, flags: &[&str]) -> Option<Bed> {
    let mut bed = Bed::laid_out(&[plan])?;
    bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2")]);
    bed.start_weir("node-a", flags);
    Some(bed)
}

/// The same, with weir in a Pod.
fn bed_of_pods(plan: NodePlan<'_>, flags: &[&str]) -> Option<Bed> {
    let mut bed = Bed::laid_out(&[plan])?;
    bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2")]);
    bed.run_weir_as_in_pods();
    bed.start_weir("node-a", flags);
    Some(bed)
}

/// Starts a newcomer and waits until it alone serves, and answers probes.
fn take_over(bed: &Bed, flags: &[&str]) -> Program {
    let mut newcomer = bed.spawn_weir("node-a", &[&["--takeover"], flags].concat());
    wait_for(&mut newcomer, "the earlier weir has let go");
    // The next one would take a port that this one has not yet.
    for server in ["admin", "health"] {
        wait_for(&mut newcomer, &format!("listening server=\"{server}\""));
    }
    eventually("readiness", Some(200), || bed.probe("node-a", "/readyz"));
    newcomer
}

/// Waits until a weir has said this.
fn wait_for(weir: &mut Program, words: &str) {
    eventually(words, true, || {
        let log = weir.log().unwrap();
        assert!(!weir.has_ended().unwrap() || log.contains(words), "weir has ended:\n{log}");
        log.contains(words)
    });
}

/// Waits for the end of a weir after another one has taken over: in good order, and said.
fn assert_ends_well(mut weir: Program) {
    assert!(weir.wait().unwrap().success(), "{}", weir.log().unwrap());
    assert!(weir.log().unwrap().contains("another weir has taken over"), "{}", weir.log().unwrap());
}
