//! Do `weir config` and `weir log-level` show and set what the running weir has, and completions its names?

use crate::{
    common::WEIR,
    server::{Server, example, finished},
};
use serde_json::{Value, json};
use std::process::Command;

#[test]
fn settings_come_with_their_origins() {
    let mut config = example("/api/v1/config");
    config["settings"].as_array_mut().unwrap().push(
        json!({"flag": "workers", "variable": "WEIR_WORKERS", "value": ["4"], "origin": "variable", "live": false}),
    );
    let server = Server::with("/api/v1/config", 200, &config);
    let shown = server.shown(&["config"]);
    assert!(shown.contains("admin-address   127.0.0.1:10249   default"), "{shown}");
    let changed = server.shown(&["config", "--changed", "-o", "wide"]);
    assert!(changed.contains("workers   4       variable   WEIR_WORKERS   restart"), "{changed}");
    assert!(!changed.contains("admin-address"), "{changed}");
}

#[test]
fn the_log_filter_is_told_and_set_for_a_while() {
    let server = Server::of_examples();
    assert_eq!(server.shown(&["log-level"]), "info\n");
    let set = json!({"kind": "LogLevel", "level": "debug", "configured": "info", "until": "2026-11-30T02:40:00.000Z"});
    let server = Server::with("/api/v1/log-level", 200, &set);
    let shown = server.shown(&["log-level", "debug", "--for", "10m"]);
    assert_eq!(shown, "debug until 2026-11-30T02:40:00.000Z, then info\n");
    let asked = server.asked();
    let body: Value = serde_json::from_str(asked[0].strip_prefix("PUT /api/v1/log-level ").unwrap()).unwrap();
    assert_eq!(body, json!({"level": "debug", "forSeconds": 600}));
    let (_, stderr, code) = server.run(&["log-level", "deubg"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("did you mean \"debug\"?"), "{stderr}");
}

#[test]
fn shells_complete_names_that_the_running_weir_knows() {
    let server = Server::of_examples();
    let words = |line: &[&str]| {
        let mut weir = Command::new(WEIR);
        weir.envs([("_WEIR_COMPLETE", "bash"), ("_CLAP_IFS", "\n")]);
        weir.env("_CLAP_COMPLETE_INDEX", (line.len() - 1).to_string()).arg("--").args(line);
        finished(&mut weir).0
    };
    let socket = format!("--socket={}", server.socket());
    assert_eq!(words(&["weir", "conns", &socket, "svc/"]), "svc/web");
    assert_eq!(words(&["weir", "explain", &socket, "def"]), "default/web");
    assert_eq!(words(&["weir", "conns", &socket, "--endpoint", ""]), "10.244.1.7:8080");
    assert_eq!(words(&["weir", "status", &socket, "-n", "d"]), "default");
    assert_eq!(words(&["weir", "conns", "--socket=/nowhere/x.sock", "svc/"]), "");
}
