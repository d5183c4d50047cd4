//! Does a comparison that is interrupted leave anything behind?

use std::{
    collections::BTreeSet,
    env, fs,
    io::{Write, stderr},
    path::PathBuf,
    process::Command,
    time::Duration,
};
use tokio::time::{Instant, sleep};
use weir_bench::usage;
use weir_testkit::Program;

/// The longest wait of this test, which takes less also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn an_interrupted_comparison_leaves_no_process_namespace_or_file() {
    if let Err(why) = possible() {
        assert!(env::var_os("WEIR_REQUIRE_NETNS").is_none(), "{why}");
        // Past the test harness, which keeps what a passing test prints to itself.
        let _ = writeln!(stderr(), "SKIPPED: {why}");
        return;
    }
    for signal in ["INT", "TERM", "KILL"] {
        let mut comparison = start();
        let (family, new) = relaying(comparison.id()).await;

        comparison.signal(signal).unwrap();
        assert!(!comparison.wait().unwrap().success());

        until(&format!("the end of {family:?} after {signal}"), || {
            let entered = || usage::all().flat_map(namespaces).any(|namespace| new.contains(&namespace));
            !family.iter().any(|&process| alive(process)) && !entered()
        })
        .await;
        assert_eq!(left_files(), Vec::<PathBuf>::new(), "{signal}");
    }
}

/// A comparison that would take twenty minutes; a test that fails ends it too.
fn start() -> Program {
    let mut command = Command::new(env!("CARGO_BIN_EXE_compare"));
    command.args(["--ways", "haproxy", "--works", "pingpong", "--seconds", "600"]);
    Program::start("compare", &mut command).expect("the program that cargo built starts")
}

fn possible() -> Result<(), String> {
    for (command, arguments) in [("unshare", ["--net", "true"]), ("haproxy", ["-v", "-v"])] {
        let output = Command::new(command).args(arguments).output();
        let works = output.is_ok_and(|output| output.status.success());
        works
            .then_some(())
            .ok_or(format!("the comparison needs root, util-linux and HAProxy; {command} fails"))?;
    }
    Ok(())
}

/// The processes of a comparison and the namespaces that they made, as soon as its proxy has entered one too: those of
/// processes and files, that of the comparison and that of the proxy.
async fn relaying(comparison: u32) -> (BTreeSet<u32>, BTreeSet<PathBuf>) {
    let own: BTreeSet<PathBuf> = namespaces(std::process::id()).collect();
    let (mut family, mut new) = (BTreeSet::new(), BTreeSet::new());
    until("a proxy", || {
        family = usage::processes(comparison);
        new = family
            .iter()
            .copied()
            .flat_map(namespaces)
            .filter(|namespace| !own.contains(namespace))
            .collect();
        new.len() == 4
    })
    .await;
    (family, new)
}

/// Waits until something holds, as nothing reports the end of processes that are no children.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "waited in vain for {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// Whether a process holds anything: one that has ended and is not waited for yet does not.
fn alive(process: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let state = status.lines().find_map(|line| line.strip_prefix("State:"));
    state.is_some_and(|state| !state.trim_start().starts_with('Z'))
}

fn namespaces(process: u32) -> impl Iterator<Item = PathBuf> {
    ["net", "mnt", "pid"]
        .into_iter()
        .filter_map(move |kind| fs::read_link(format!("/proc/{process}/ns/{kind}")).ok())
}

/// Files that only the comparison itself may see: its hosts, made by the first process of a PID namespace, and its folder.
fn left_files() -> Vec<PathBuf> {
    let entries = fs::read_dir("/run/netns").into_iter().chain(fs::read_dir("/run")).flatten().flatten();
    let left = |path: &PathBuf| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name == "compare" || name.starts_with("weir-1-"))
    };
    entries.map(|entry| entry.path()).filter(left).collect()
}
