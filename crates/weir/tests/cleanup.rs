//! Does `weir cleanup` remove what a weir has left? In a network namespace: needs root.
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

use std::{
    fs,
    os::{
        linux::net::SocketAddrExt, unix::fs::DirBuilderExt, unix::net::SocketAddr, unix::net::UnixListener,
    },
    process::{Command, Output},
};
use weir_testkit::Namespace;

fn cleanup(node: &Namespace, arguments: &[&str]) -> Output {
    let run = || async {
        let arguments = [&["cleanup", "--runtime-dir="], arguments].concat();
        Command::new(env!("CARGO_BIN_EXE_weir")).args(arguments).output().unwrap()
    };
    node.run(run).unwrap()
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

#[test]
fn what_was_left_is_removed_and_named_once() {
    let Some(node) = Namespace::with_nft("node") else { return };
    node.ip(&["rule", "add", "fwmark", "0x40000000/0x40000000", "pref", "40", "lookup", "20736"]).unwrap();
    node.ip(&["route", "add", "local", "default", "dev", "lo", "table", "20736"]).unwrap();
    let nft = || async { Command::new("nft").args(["add", "table", "inet", "weir"]).status().unwrap() };
    assert!(node.run(nft).unwrap().success());
    let first = cleanup(&node, &[]);
    assert!(first.status.success(), "{}", text(&first.stderr));
    for part in ["table inet weir", "1 IPv4 policy rule", "1 IPv4 route"] {
        assert!(text(&first.stdout).contains(part), "{}", text(&first.stdout));
    }
    assert!(!text(&first.stdout).contains("IPv6"));
    let second = cleanup(&node, &[]);
    assert_eq!((second.status.code(), text(&second.stdout)), (Some(0), "nothing of weir's was there\n"));
}

#[test]
fn while_a_weir_runs_its_rules_are_left_unless_forced() {
    let Some(node) = Namespace::with_nft("node") else { return };
    let name = SocketAddr::from_abstract_name("weir/capture").unwrap();
    let _running = node.run(|| async { UnixListener::bind_addr(&name).unwrap() }).unwrap();
    let refused = cleanup(&node, &[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("is running"), "{}", text(&refused.stderr));
    assert!(cleanup(&node, &["--force"]).status.success());
}

#[test]
fn files_of_weirs_that_no_longer_run_go_and_the_folder_stays() {
    let Some(node) = Namespace::with_nft("node") else { return };
    let folder = std::env::temp_dir().join(format!("weir-cleanup-{}", std::process::id()));
    fs::DirBuilder::new().mode(0o700).create(&folder).unwrap();
    for name in ["capture-7.lock", "takeover-7.sock", "other"] {
        fs::write(folder.join(name), "").unwrap();
    }
    let run = || async {
        let flag = format!("--runtime-dir={}", folder.display());
        Command::new(env!("CARGO_BIN_EXE_weir")).args(["cleanup", &flag]).output().unwrap()
    };
    let said = node.run(run).unwrap();
    assert!(
        text(&said.stdout).contains("removed 2 file(s)"),
        "{} {}",
        text(&said.stdout),
        text(&said.stderr)
    );
    let left: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["other"]);
    fs::remove_dir_all(folder).unwrap();
}
